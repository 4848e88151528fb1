"""A small element with its children, as the general way of reading builds it, and what is in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from saft_pipeline.saft.fields import REPEATABLE
from saft_pipeline.saft.json_text import encode_sorted
from saft_pipeline.saft.records import Extra, Value

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

# The parts of an invoice that are written after all others: see forms.py.
_RANKS = {
    **dict.fromkeys(("ship_to", "ship_from", "movement_end_time", "movement_start_time"), 1),
    "document_totals": 2,
    "withholding_tax": 3,
}


class ElementError(Exception):
    """What is wrong with an element; who knows the text tells the line and column."""

    def __init__(self, reason: str, element: Element) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = element.at


class Element:
    """A local name, the text in it, its children, and `at`, its offset in the document's text."""

    __slots__ = ("at", "children", "parts", "role", "size", "tag", "text")

    def __init__(self, tag: str, role: str, at: int, text: str | None = None) -> None:
        self.tag = tag
        self.role = role
        self.at = at
        self.text = text  # the value, checked, once the element has ended
        self.children: list[Element] = []
        self.parts: list[str] = []
        self.size = 0


@lru_cache(maxsize=4096)
def key_of(tag: str) -> str:
    """`TaxRegistrationNumber` as `tax_registration_number`."""
    return _WORDS.sub("_", tag).lower()


def as_value(element: Element) -> Value:
    """All that is in an element: a text, a dict of its children, None if it is empty."""
    if not element.children:
        return element.text
    found: Extra = {}
    for child in element.children:
        put(found, child.tag, as_value(child))
    return found or None


def put(extra: Extra, tag: str, value: Value) -> None:
    """Add what an element holds under its key; several of the same name become a list."""
    if value is None:
        return
    key = key_of(tag)
    if tag in REPEATABLE:
        extra.setdefault(key, []).append(value)
    elif key not in extra:
        extra[key] = value
    elif isinstance(extra[key], list):
        extra[key].append(value)
    else:
        extra[key] = [extra[key], value]


def place(
    element: Element,
    columns: Mapping[str, int],
    values: list[str | None],
    extra: Extra,
    above: str = "",
) -> None:
    """Put what an element holds where it belongs: in its column's slot, or in `extra`.

    Raises ElementError if a column's element stands twice with other content.
    """
    path = above + element.tag
    if not element.children:
        slot = columns.get(path)
        if slot is None:
            put(extra, element.tag, element.text)
        elif element.text is not None:
            _fill(values, slot, element)
        return
    inner: Extra = {}
    for child in element.children:
        place(child, columns, values, inner, path + "/")
    put(extra, element.tag, inner or None)


def _fill(values: list[str | None], slot: int, element: Element) -> None:
    if values[slot] not in (None, element.text):
        raise ElementError(
            f"{element.tag} stands twice, as {values[slot]!r} and as {element.text!r}", element
        )
    values[slot] = element.text


def place_all(
    element: Element, columns: Mapping[str, int], values: list[str | None], extra: Extra
) -> None:
    """`place` each child of an element; of several References the first fills the columns."""
    references = [c for c in element.children if c.tag == "References" and c.children]
    for child in element.children:
        if child.tag != "References":
            place(child, columns, values, extra)
    if references:
        first: Extra = {}
        place(references[0], columns, values, first)
        if len(references) > 1:
            first = {"references": [as_value(child) for child in references]}
        extra.update(first)


def members(extra: Extra) -> str:
    """The members of a JSON object in the order that the forms write them in."""
    keys = sorted(extra, key=lambda key: (_RANKS.get(key, 0), key))
    return ",".join([f'"{key}":{encode_sorted(extra[key])}' for key in keys])
