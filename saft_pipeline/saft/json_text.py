"""JSON text of values at known places, several times as fast as by way of a dict."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

Picker = Callable[[Sequence[Any]], tuple[Any, ...]]
dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
encode_sorted = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
_PLACE = re.compile('(?<=")<([0-9]+)>(?=")')


class Template:
    """JSON of texts at known places, where those that are None or empty are left out.

    `write` makes it the long way, of any values. For each pattern of present ones that shows, the
    text between them is kept, with their order. Where one holds what JSON escapes, it is written
    the long way.
    """

    def __init__(self, write: Callable[[Sequence[str | None]], str], most: int = 1000) -> None:
        """Of `most` patterns the text is kept: real files show some tens."""
        self._write = write
        self._most = most
        self._formats: dict[tuple[bool, ...], _Format] = {}

    def members(self, values: Sequence[str | None]) -> str:
        """The members of an object, without its braces."""
        present = tuple(map(bool, values))
        form = self._formats.get(present)
        if form is None:
            if len(self._formats) >= self._most:
                return self._write(values)
            form = self._formats[present] = self._new(present)
        parts, pick = form
        there = pick(values)
        if not is_plain("".join(there)):
            return self._write(values)
        parts = parts[:]
        parts[1::2] = there
        return "".join(parts)

    def _new(self, present: tuple[bool, ...]) -> _Format:
        text = self._write([f"<{n}>" if there else None for n, there in enumerate(present)])
        between, order = split_at_places(text)
        parts = [part for before in between for part in (before, "")][:-1]
        return _Format(parts, picker(order))


class _Format(NamedTuple):
    parts: list[str]  # every second is a value's
    pick: Picker


def split_at_places(text: str) -> tuple[list[str], list[int]]:
    """What stands between values such as `"<12>"`, and their numbers."""
    parts = _PLACE.split(text)
    return parts[::2], [int(n) for n in parts[1::2]]


def picker(indices: Sequence[int]) -> Picker:
    """What takes the values at these indices; an itemgetter of one index gives no tuple."""
    if len(indices) > 1:
        return itemgetter(*indices)
    if not indices:
        return lambda _: ()
    (only,) = indices
    return lambda values: (values[only],)


def of_fields(fields: Sequence[str]) -> Template:
    """A Template for rows of these columns."""

    def write(values: Sequence[str | None]) -> str:
        pairs = zip(fields, values, strict=True)
        return dumps({field: value for field, value in pairs if value})[1:-1]

    return Template(write)


def is_plain(text: str) -> bool:
    """Whether it holds nothing that XML allows and JSON escapes."""
    return not ('"' in text or "\\" in text or "\n" in text or "\t" in text or "\r" in text)
