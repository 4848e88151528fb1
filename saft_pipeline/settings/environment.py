"""What is set: the environment above the `.env` of the working folder."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from saft_pipeline.settings.model import SettingsError

_DOTENV = Path(".env")
# As python-dotenv has it; one with a default, `${NAME:-…}`, is meant.
_REFERENCE = re.compile(r"\$\{([^}:]*)\}")


def read_variables(
    environ: Mapping[str, str] | None = None, dotenv: Path | None = None
) -> dict[str, tuple[str, str]]:
    """What is set, by its name in lower case, and where. Raises SettingsError."""
    path = dotenv or _DOTENV
    places = {
        str(path.absolute()): in_dotenv(path),
        "environment": os.environ if environ is None else environ,
    }
    return {
        name.lower(): (value, place)
        for place, values in places.items()
        for name, value in values.items()
        if value and name == name.upper()
    }


def dangling(
    environ: Mapping[str, str] | None = None, dotenv: Path | None = None
) -> dict[str, Path]:
    """What in a `.env` refers by `${…}` to a variable that isn't set, by its name in lower case.

    Nothing stands in its place: a password that was meant as it is would be another.
    """
    path = dotenv or _DOTENV
    written = in_dotenv(path, interpolate=False)
    known = {*written, *(os.environ if environ is None else environ)}
    return {
        name.lower(): path.absolute()
        for name, value in written.items()
        if not known.issuperset(_REFERENCE.findall(value or ""))
    }


def in_dotenv(path: Path, *, interpolate: bool = True) -> dict[str, str | None]:
    """What a `.env` says, if it is there. Raises SettingsError: it is no UTF-8."""
    try:
        return dotenv_values(path, interpolate=interpolate)
    except UnicodeDecodeError:
        numbered = enumerate(path.read_bytes().split(b"\n"), start=1)
        line = next((n for n, text in numbered if "\ufffd" in text.decode(errors="replace")), 1)
        raise SettingsError(
            f"{path.absolute()}, line {line}: it is no UTF-8; save the file in that encoding"
        ) from None
