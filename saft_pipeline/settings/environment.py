"""What is set: the environment above the `.env` of the working folder."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

_DOTENV = Path(".env")
# As python-dotenv has it; one with a default, `${NAME:-…}`, is meant.
_REFERENCE = re.compile(r"\$\{([^}:]*)\}")


def read_variables(
    environ: Mapping[str, str] | None = None, dotenv: Path | None = None
) -> dict[str, tuple[str, str]]:
    """What is set, by its name in lower case, and where."""
    path = dotenv or _DOTENV
    places = {
        str(path.absolute()): dotenv_values(path),
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
    written = dotenv_values(path, interpolate=False)
    known = {*written, *(os.environ if environ is None else environ)}
    return {
        name.lower(): path.absolute()
        for name, value in written.items()
        if not known.issuperset(_REFERENCE.findall(value or ""))
    }
