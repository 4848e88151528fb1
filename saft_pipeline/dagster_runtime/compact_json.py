"""Events' JSON, shortened to what Dagster can't fill in by itself when it reads it.

Dagster writes each member of each object, be it the usual, and wraps what its classes wrap again
from a bare value: a third of the bytes, for millions of rows. What may be left out is not written
down here: each kind of change is tried once, and made only if Dagster reads the same of the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from dagster import deserialize_value, serialize_value

# The class and the member that alone says what an object of it is.
_WRAPPERS = {
    "AssetKey": "path",
    "BoolMetadataEntryData": "value",
    "FloatMetadataEntryData": "value",
    "IntMetadataEntryData": "value",
    "TextMetadataEntryData": "text",
}
_LEFT_OUT = object()
_EMPTY: tuple[Any, ...] = (None, "", [], {})

# The class of an object, and the member of it in which something stands.
_Place = tuple[str | None, str]

_allowed: dict[tuple[_Place, str], bool] = {}


class _Change(NamedTuple):
    parent: dict[str, Any]
    key: str
    instead: Any
    kind: tuple[_Place, str]

    def make(self) -> Any:
        """Change the document; what stood there."""
        before = self.parent[self.key]
        if self.instead is _LEFT_OUT:
            del self.parent[self.key]
        else:
            self.parent[self.key] = self.instead
        return before


def compact(text: str) -> str:
    """Shorter JSON that Dagster reads as the same event as `text`, which is as Dagster wrote it.

    What it reads is looked at for each event, since only kinds of values were tried.
    """
    short = compact_alike(text)
    return short if _reads_as(short, text) else text


def compact_alike(text: str) -> str:
    """The same, without that look, for thousands of events that differ in names alone."""
    document = json.loads(text)
    for change in [*_changes(document, (None, ""))]:
        if change.kind not in _allowed:
            _allowed[change.kind] = _is_allowed(document, change, text)
        elif _allowed[change.kind]:
            change.make()
    return _without_blanks(document)


def _is_enum(member: Any) -> bool:
    return isinstance(member, dict) and "__enum__" in member


def _without_blanks(document: Any) -> str:
    """JSON without blanks."""
    return json.dumps(document, separators=(",", ":"))


def _is_allowed(document: dict[str, Any], change: _Change, text: str) -> bool:
    """Whether Dagster reads the same after the change, which is left in the document if so."""
    before = change.make()
    is_same = _reads_as(_without_blanks(document), text)
    if not is_same:
        change.parent[change.key] = before
    return is_same


def _reads_as(short: str, text: str) -> bool:
    """Compared as Dagster writes it: equal texts and paths are equal, though they are not."""
    try:
        return serialize_value(deserialize_value(short)) == text
    except Exception:
        return False


def _changes(value: Any, place: _Place) -> Iterator[_Change]:
    if isinstance(value, list):
        for item in value:
            yield from _changes(item, place)
    elif isinstance(value, dict):
        of_class = value.get("__class__")
        for key, member in value.items():
            here = (of_class, key) if of_class else place
            name = member.get("__class__") if isinstance(member, dict) else None
            if of_class and (member in _EMPTY or _is_enum(member)):
                yield _Change(value, key, _LEFT_OUT, (here, repr(member)))
            elif name in _WRAPPERS:
                bare = member[_WRAPPERS[name]]
                yield _Change(value, key, bare, (here, f"{name} of {type(bare).__name__}"))
            else:
                yield from _changes(member, here)
