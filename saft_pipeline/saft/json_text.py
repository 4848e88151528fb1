"""JSON text of values at known places, several times as fast as by way of a dict."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from saft_pipeline.saft.records import Row

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
encode_sorted = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
_MOST_FORMATS = 1000  # real files show some tens
_PLACE = re.compile('"<([0-9]+)>"')


class Template:
    """JSON of texts at known places, where those that are None or empty are left out.

    `write` makes it the long way, of any values. For each pattern of present ones that shows, a
    format string is kept, with the order of its values. What JSON escapes shows in the result,
    and is then written the long way.
    """

    def __init__(
        self, write: Callable[[Sequence[str | None]], str], places: Sequence[int] | None = None
    ) -> None:
        """`places` are the indices of those values that are written; without it all are."""
        self._write = write
        self._pick = picker(places) if places else None
        self._formats: dict[tuple[bool, ...], _Format] = {}

    def members(self, values: Sequence[str | None]) -> str:
        """The members of an object, without its braces."""
        picked = self._pick(values) if self._pick else values
        present = tuple(map(bool, picked))
        form, pick, quotes = self._formats.get(present) or self._new(present)
        text = form % pick(picked)
        return text if _is_plain(text, quotes) else self._write(picked)

    def _new(self, present: tuple[bool, ...]) -> _Format:
        text = self._write([f"<{n}>" if there else None for n, there in enumerate(present)])
        order = [int(n) for n in _PLACE.findall(text)]
        form = _Format(_PLACE.sub('"%s"', text), picker(order), text.count('"'))
        if len(self._formats) < _MOST_FORMATS:
            self._formats[present] = form
        return form


class _Format(NamedTuple):
    text: str
    pick: Callable[[Sequence[str | None]], Row]
    quotes: int


def picker(indices: Sequence[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """What takes the values at these indices; an itemgetter of one index gives no tuple."""
    if len(indices) > 1:
        return itemgetter(*indices)
    return lambda values: tuple([values[i] for i in indices])


def of_fields(fields: Sequence[str]) -> Template:
    """A Template for rows of these columns."""

    def write(values: Sequence[str | None]) -> str:
        pairs = zip(fields, values, strict=True)
        return encode({field: value for field, value in pairs if value})[1:-1]

    return Template(write)


def _is_plain(text: str, quotes: int) -> bool:
    """Whether it holds nothing that XML allows and JSON escapes, but its own quotes."""
    return text.count('"') == quotes and not (
        "\\" in text or "\n" in text or "\t" in text or "\r" in text
    )
