"""From an element that libxml2 has read to the values of its columns, and all else as JSON.

Elements of one kind are nearly all built alike. For each way in which they are built, a shape
knows which leaf fills which column; it is made once, and then an element takes a few passes over
its nodes, each at the speed of C.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter, getitem
from typing import Any, NamedTuple

from lxml.etree import _Element as Element

from saft_pipeline.saft.errors import ContentError
from saft_pipeline.saft.fields import OPTIONAL
from saft_pipeline.saft.json_text import Template, encode_sorted
from saft_pipeline.saft.layouts import (
    Node,
    as_value,
    local_name,
    misplaced,
    repeated,
    several_references,
)
from saft_pipeline.saft.records import Row
from saft_pipeline.saft.values import XML_BLANKS, Cleaned, StrayTextError, cleaned, exact_sum, plain

_MOST_KNOWN, _LONGEST_KNOWN = 50, 500
ABSENT = -1  # the place of the None behind all values
_tag, _text, _tail = map(attrgetter, ("tag", "text", "tail"))

Found = tuple[Row, str]
Values = list["str | None"]
Warn = Callable[[str, str, int], None]
"""Is told what is odd: the code and the message of a warning, the line of the tree."""


class ElementError(ContentError):
    """What is wrong with an element; who knows the file adds the line and column.

    `tag` and `text` are those of a value of another form.
    """

    def __init__(self, reason: str, element: Element, *, tag: str = "", text: str = "") -> None:
        super().__init__(f"{tag} {reason}" if tag else reason)
        self.element = element
        self.text = text
        self._tag, self._problem = tag, reason

    def name_document(self, number: str | None) -> None:
        """Say which invoice a value is of."""
        if self._tag and number:
            self.reason = f"{self._tag} of invoice {number} {self._problem}"


# An element and all below it in document order: the elements, their names in one text, which is
# found faster than a tuple, and the text that each begins with.
Nodes = tuple[list[Element], str, list["str | None"]]
BETWEEN_NAMES = "\0"


def nodes_of(element: Element, warn: Warn | None) -> Nodes:
    """The nodes of an element; `warn` is told of text between the elements in it."""
    elements = list(element.iter())
    if warn and any(map(_tail, elements)):
        _tell_tails(elements, warn)
    try:
        names = BETWEEN_NAMES.join(map(_tag, elements))
    except TypeError:  # an entity that isn't defined: the document will be refused
        names = BETWEEN_NAMES.join([str(element.tag) for element in elements])
    return elements, names, list(map(_text, elements))


def _tell_tails(elements: Sequence[Element], warn: Warn) -> None:
    for element in elements[1:]:
        above = element.getparent()
        if element.tail and above is not None:
            warn_of_stray(warn, str(above.tag), element.tail, line_of_tail(element))


def warn_of_stray(warn: Warn, tag: str, text: str, line: int) -> None:
    """Text where none belongs, in an element of this name, is left out."""
    text = text.strip(XML_BLANKS)
    if text:
        where = f"text between the elements of <{local_name(tag)}>"
        warn("stray_text", f"{where} is left out: {text[:60]!r}", line)


def line_of(element: Element) -> int:
    """The line of the tree on which an element's start tag ends."""
    line: Any = element.sourceline
    return int(line)


def line_of_tail(element: Element) -> int:
    """The line on which the text after an element begins, as far as the tree tells."""
    following = element.getnext()
    if following is None:
        return line_of(element)
    return line_of(following) - (element.tail or "").count("\n")


def values_of(
    known: Sequence[Cleaned], elements: Sequence[Element], texts: Sequence[str | None], warn: Warn
) -> Values:
    """The values of texts; ElementError for one that is not as it should be."""
    try:
        return list(map(getitem, known, texts))
    except ValueError:
        return [_value(*each, warn) for each in zip(known, elements, texts, strict=True)]


def _value(known: Cleaned, element: Element, text: str | None, warn: Warn) -> str | None:
    try:
        return known[text]
    except StrayTextError:
        warn_of_stray(warn, str(element.tag), text or "", line_of(element))
        return None
    except ValueError as error:
        tag, found = local_name(str(element.tag)), (text or "").strip(XML_BLANKS)
        reason = f"is {found[:80]!r}, not {error}"
        raise ElementError(reason, element, tag=tag, text=found) from None


class Slots(NamedTuple):
    """Which paths fill which slot of a row that is `width` long: see Kind."""

    width: int
    columns: Mapping[str, int]
    once: Mapping[str, int]
    summed: Mapping[str, int]
    alternatives: Mapping[str, int]


class Shape:
    """One way in which elements of a kind are built."""

    def __init__(self, slots: Slots, root: Node) -> None:
        nodes = list(root.all())
        self._root = root
        self.cleaned: list[Cleaned] = [cleaned(n.tag, is_leaf=not n.children) for n in nodes]
        self._misplaced, self._repeated = misplaced(root), repeated(root)
        leaves = [n for n in nodes if not n.children]
        self.optional = [n.place for n in leaves if n.tag in OPTIONAL]
        several = several_references(root)
        later = {n.place for references in several[1:] for n in references.all()}
        columns = [(n, slots.columns.get(n.path)) for n in leaves if n.place not in later]
        sums = _by_slot(leaves, slots.summed)
        self._sums = {slot: found for slot, found in sums.items() if len(found) > 1}
        single = [(found[0], slot) for slot, found in sums.items() if len(found) == 1]
        filled = [(n.place, slot) for n, slot in columns if slot is not None]
        once = [
            (found[0], slot)
            for slot, found in _by_slot(leaves, slots.once).items()
            if not found[1:]
        ]
        self._set_columns(slots.width, filled + single + once)
        self._alternatives = _by_slot(leaves, slots.alternatives)
        kept_twice = {n.place for references in several for n in references.all()}
        in_columns = {place for place, _ in filled + once} - kept_twice
        self.rest = [n.place for n in leaves if n.place and n.place not in in_columns]
        self._extra = Template(self._members)
        self._known: dict[Row, str] = {}
        again = [slot for slot, _ in self._again]
        self.odd_slots = list(dict.fromkeys([*again, *self._sums, *self._alternatives]))
        self.needs_look = bool(self._misplaced or self._repeated or self._again)
        self.is_odd = bool(self.needs_look or self.odd_slots)

    def _set_columns(self, width: int, columns: Sequence[tuple[int, int]]) -> None:
        first: dict[int, int] = {}
        self._again = []
        for index, slot in columns:
            if first.setdefault(slot, index) != index:
                self._again.append((slot, index))
        self.columns = [first.get(slot, ABSENT) for slot in range(width)]

    def texts(self) -> dict[int, str]:
        """The paths of what holds a text, by its place."""
        return {n.place: n.path for n in self._root.all() if n.place and not n.children}

    def tagged(self, tag: str) -> list[int]:
        """The places of what holds a text of this name."""
        return [n.place for n in self._root.all() if n.tag == tag and not n.children]

    def extra_json(self, rest: Row) -> str:
        """All that has no column as members of a JSON object.

        What many elements hold is alike, and made once.
        """
        text = self._known.get(rest)
        if text is None:
            text = self._extra.members(rest)
            if len(self._known) < _MOST_KNOWN and len(text) <= _LONGEST_KNOWN:
                self._known[rest] = text
        return text

    def settled(
        self, values: Values, elements: Sequence[Element], places: Sequence[int], warn: Warn
    ) -> Values:
        """The columns in `odd_slots`; the nodes are at these places.

        Warns of an element that stands twice. Raises ElementError where that is with other content
        of a column, and for an element in a leaf.
        """
        if self._misplaced:
            index, reason = self._misplaced
            raise ElementError(reason, elements[places[index]])
        for index, message in self._repeated:
            warn("repeated_element", message, line_of(elements[places[index]]))
        row = {s: values[places[n]] for s in self.odd_slots if (n := self.columns[s]) >= 0}
        for slot, index in self._again:
            first, value = row[slot], values[places[index]]
            if value is not None and first not in (None, value):
                element = elements[places[index]]
                tag = local_name(str(element.tag))
                reason = f"{tag} stands twice, as {first!r} and as {value!r}"
                raise ElementError(reason, element)
            row[slot] = first or value
        for slot, indices in self._sums.items():
            row[slot] = _sum([value for n in indices if (value := values[places[n]])])
        for slot, indices in self._alternatives.items():
            if row.get(slot) is None:
                row[slot] = _first_of(list(filter(None, [values[places[n]] for n in indices])))
        return [row[slot] for slot in self.odd_slots]

    def _members(self, rest: Sequence[str | None]) -> str:
        values = dict(zip(self.rest, rest, strict=True))
        found = as_value(self._root, values) if self._root.children else None
        return encode_sorted(found)[1:-1] if isinstance(found, dict) else ""


def _by_slot(leaves: Sequence[Node], slots: Mapping[str, int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for node in leaves:
        if node.path in slots:
            found.setdefault(slots[node.path], []).append(node.place)
    return found


def _sum(amounts: Sequence[str]) -> str | None:
    if len(amounts) < 2:
        return amounts[0] if amounts else None
    return plain(exact_sum(amounts))


def _first_of(found: Sequence[str]) -> str | None:
    return next((text for text in found if text.strip("0.")), found[0] if found else None)
