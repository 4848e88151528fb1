"""JSON text of values at known paths, several times as fast as by way of a dict."""

from __future__ import annotations

import json
from collections.abc import Sequence

from saft_pipeline.saft.records import Extra, Row

Path = tuple[str, ...]  # the keys from the outermost in; `key[1]` is the second of a list

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
encode_sorted = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
_MOST_FORMATS = 1000  # real files show some tens


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
                inner = found
                for key in path[:-1]:
                    inner = inner.setdefault(key, {})
                inner[path[-1]] = value
        return encode(_with_lists(found))[1:-1]


def _with_lists(found: Extra) -> Extra:
    """Lists in the place of keys like `key[0]` and `key[1]`."""
    lists: Extra = {}
    for key, value in found.items():
        inner = _with_lists(value) if isinstance(value, dict) else value
        name, bracket, _ = key.partition("[")
        if bracket:
            lists.setdefault(name, []).append(inner)
        else:
            lists[name] = inner
    return lists


def _is_plain(text: str, quotes: int) -> bool:
    """Whether it holds nothing that XML allows and JSON escapes, but its own quotes."""
    if "\\" in text or "\n" in text or "\t" in text or "\r" in text:
        return False
    return text.count('"') == quotes
