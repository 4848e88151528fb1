"""What is set: the environment above the `.env` of the working folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values


def read_variables(
    environ: Mapping[str, str] | None = None, dotenv: Path | None = None
) -> dict[str, tuple[str, str]]:
    """What is set, by its name in lower case, and where."""
    path = dotenv or Path(".env")
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
