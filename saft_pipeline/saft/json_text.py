"""JSON text of values at known paths, several times as fast as by way of a dict."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from saft_pipeline.saft.records import Extra, Row

Path = tuple[str, ...]  # the keys from the outermost in; one that ends in [] holds a list of one

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
encode_sorted = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
_MOST_FORMATS = 1000  # real files show some tens
_ESCAPED = ("\\", "\n", "\t", "\r")  # with the quotes, all that XML allows and JSON escapes


class Template:
    """An object with a text at each path, or none where the value is None or empty.

    For each pattern of present values there is a format string. A value that JSON escapes shows
    in the result, and is then encoded the long way.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._formats: dict[tuple[bool, ...], tuple[str, int]] = {}

    def members(self, values: Row) -> str:
        """The object without its braces."""
        text, quotes = self._formatted(values)
        return text if _is_plain(text, quotes) else self._encoded(values)

    def all_members(self, rows: Sequence[Row]) -> list[str]:
        """The same for many rows."""
        formatted = [self._formatted(row) for row in rows]
        texts = [text for text, _ in formatted]
        if _is_plain("".join(texts), sum([quotes for _, quotes in formatted])):
            return texts
        return [self._encoded(row) for row in rows]

    def _formatted(self, values: Row) -> tuple[str, int]:
        present = tuple(map(bool, values))
        form, quotes = self._formats.get(present) or self._new(present)
        return form % tuple(filter(None, values)), quotes

    def _new(self, present: tuple[bool, ...]) -> tuple[str, int]:
        text = self._encoded(["%s" if there else None for there in present])
        form = text, text.count('"')
        if len(self._formats) < _MOST_FORMATS:
            self._formats[present] = form
        return form

    def _encoded(self, values: Sequence[str | None]) -> str:
        found: Extra = {}
        for path, value in zip(self._paths, values, strict=True):
            if value:
                _put(found, path, value)
        return encode(found)[1:-1]


def _is_plain(text: str, quotes: int) -> bool:
    for character in _ESCAPED:
        if character in text:
            return False
    return text.count('"') == quotes


def _put(found: Extra, path: Path, value: str) -> None:
    inner: Any = found
    for key in path[:-1]:
        inner = inner.setdefault(key[:-2], [{}])[0] if key[-1] == "]" else inner.setdefault(key, {})
    inner[path[-1]] = value
