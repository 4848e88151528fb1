"""Elements in what has no column: their names by their keys, and those that hold others."""

from __future__ import annotations

from functools import lru_cache

from saft_pipeline.saft.records import Extra

_CAPITALS = {"id": "ID", "vat": "VAT"}


@lru_cache(maxsize=1024)
def element(key: str) -> str:
    """The element that a key of `extra` comes from: `fiscal_year` is FiscalYear."""
    return "".join(_CAPITALS.get(part) or part.title() for part in key.split("_"))


def held_in(row: Extra, key: str) -> list[Extra]:
    """The elements under a key that hold others."""
    part = row.get(key, [])
    return [each for each in (part if isinstance(part, list) else [part]) if isinstance(each, dict)]
