"""Values that hold from one day to another, and who says so: the shape of all code lists.

The lists themselves are in `codes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

ALWAYS = "0001-01-01"


class Dated(NamedTuple):
    """A value of a list, the first and the last day of its force as ISO text, and the source."""

    value: str
    since: str
    until: str | None
    source: str

    def holds(self, day: str) -> bool:
        """Whether it is in force on a day."""
        return self.since <= day and (self.until is None or day <= self.until)


def dated(
    source: str, values: str | Iterable[str], since: str = ALWAYS, until: str | None = None
) -> Iterator[Dated]:
    """Several values that one source puts in force on one day; a text is split at blanks."""
    for value in values.split() if isinstance(values, str) else values:
        yield Dated(value, since, until, source)


def turns(rows: Iterable[Dated]) -> list[str]:
    """The days on which one of them begins to hold, or no longer does, in their order."""
    found = set()
    for row in rows:
        found.add(row.since)
        if row.until is not None:
            found.add((date.fromisoformat(row.until) + timedelta(1)).isoformat())
    return sorted(found)


class CodeList:
    """The rows of one list, found by value."""

    def __init__(self, *rows: Iterable[Dated]) -> None:
        self.rows = tuple(row for group in rows for row in group)
        self._by_value: dict[str, list[Dated]] = {}
        for row in self.rows:
            self._by_value.setdefault(row.value, []).append(row)

    def __contains__(self, value: object) -> bool:
        return value in self._by_value

    def in_force(self, value: str, day: str) -> bool:
        """Whether a value holds on a day."""
        return any(row.holds(day) for row in self._by_value.get(value, ()))

    def last(self, value: str) -> Dated:
        """The row of a known value that holds longest."""
        return self._by_value[value][-1]
