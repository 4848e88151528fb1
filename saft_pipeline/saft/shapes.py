"""From an element that libxml2 has read to the values of its columns, and all else as JSON.

Elements of one kind are nearly all built alike. For each way in which they are built, a shape
knows which leaf fills which column; it is made once, and then an element takes a few passes over
its nodes, each at the speed of C.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from itertools import islice
from operator import add, attrgetter, getitem
from typing import Any

from lxml.etree import _Element as Element

from saft_pipeline.saft.errors import ContentError
from saft_pipeline.saft.fields import LEAVES
from saft_pipeline.saft.json_text import Template, encode_sorted, picker
from saft_pipeline.saft.layouts import (
    Counts,
    Node,
    Tags,
    as_value,
    local_name,
    misplaced,
    several_references,
    tree,
)
from saft_pipeline.saft.records import Row
from saft_pipeline.saft.values import XML_BLANKS, Cleaned, StrayTextError, cleaned, exact_sum, plain

_MOST_SHAPES = 1000  # real files show some tens
_MOST_LAYOUTS = 10  # of the same names
_LARGE = 300  # nodes of an element whose shape is not worth keeping
_ALL = (slice(None),)
_tag, _text, _tail = map(attrgetter, ("tag", "text", "tail"))

Found = tuple[Row, str]
_Key = tuple[Tags, Counts]
Stray = Callable[[str, str, int], None]
"""Is told of text that stands between elements: in which, what, on which line of the tree."""


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


# An element and all below it in document order: the elements, their names, and the text that each
# begins with.
Nodes = tuple[list[Element], Tags, list["str | None"]]


def nodes_of(element: Element, stray: Stray | None) -> Nodes:
    """The nodes of an element; `stray` is told of text between the elements in it."""
    elements = list(element.iter())
    if stray and any(map(_tail, elements)):
        _tell_tails(elements, stray)
    return elements, tuple(map(_tag, elements)), list(map(_text, elements))


def _tell_tails(elements: Sequence[Element], stray: Stray) -> None:
    for element in elements[1:]:
        above = element.getparent()
        if element.tail and above is not None:
            stray(str(above.tag), element.tail, line_of_tail(element))


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


class Kind:
    """Elements of one kind, by the columns that the paths below them fill.

    `columns` and the rest map paths to slots of a row that is `width` long. What stands `once`
    fills a slot, and otherwise is no column. What `summed` paths hold is kept beside their sum.
    `alternatives` fill a slot that is empty otherwise: the first of them that isn't zero. `inner`
    is the name of children that are rows of their own, and their kind.
    """

    def __init__(
        self,
        width: int,
        columns: Mapping[str, int],
        *,
        inner: tuple[str, Kind] | None = None,
        once: Mapping[str, int] | None = None,
        summed: Mapping[str, int] | None = None,
        alternatives: Mapping[str, int] | None = None,
    ) -> None:
        self.width = width
        self.columns = columns
        self._inner = inner or ("", self)
        self.once = once or {}
        self.summed = summed or {}
        self.alternatives = alternatives or {}
        self._shapes: dict[_Key, _Shape] = {}
        self._compounds: dict[Tags, _Compounds] = {}

    def read(self, nodes: Nodes, stray: Stray) -> Found:
        """An element's columns, and all else that it holds as the members of a JSON object.

        Raises ElementError for a value of another form, for an element in a leaf, and where a
        column's element stands twice with other content.
        """
        elements, tags, texts = nodes
        shape = self._shape(tags, tuple(map(len, elements)))
        return shape.found(_values(shape.cleaned, elements, texts, stray), elements, _ALL)

    def read_all(self, nodes: Nodes, stray: Stray) -> tuple[Found, list[Found]]:
        """The same without the inner elements, and the same of each of these."""
        elements, _, texts = nodes
        how = self._compound(nodes)
        values = _values(how.cleaned, elements, texts, stray)
        own = reduce(add, [values[at] for at in how.own])
        inner = [shape.found(values[at], elements, (at,)) for at, shape in how.inner]
        return how.shape.found(own, elements, how.own), inner

    def read_inner(self, nodes: Nodes, stray: Stray) -> Found:
        """The same of an inner element that comes by itself."""
        return self._inner[1].read(nodes, stray)

    def _shape(self, tags: Tags, children: Counts) -> _Shape:
        shape = self._shapes.get((tags, children))
        if shape is None:
            shape = _Shape(self, tree(tags, children))
            if len(tags) < _LARGE:
                if len(self._shapes) >= _MOST_SHAPES:
                    self._shapes.clear()
                self._shapes[tags, children] = shape
        return shape

    def _compound(self, nodes: Nodes) -> _Compound:
        elements, tags, _ = nodes
        known = self._compounds.get(tags)
        if known is None:
            known = _Compounds(tags)
            if len(tags) < _LARGE:
                if len(self._compounds) >= _MOST_SHAPES:
                    self._compounds.clear()
                self._compounds[tags] = known
        counts = tuple(map(len, known.pick(elements)))
        if sum(counts) != len(tags) - 1:  # something stands in a leaf
            return self._new_compound(nodes)
        how = known.by_counts.get(counts)
        if how is None:
            how = self._new_compound(nodes)
            if len(known.by_counts) < _MOST_LAYOUTS:
                known.by_counts[counts] = how
        return how

    def _new_compound(self, nodes: Nodes) -> _Compound:
        elements, tags, _ = nodes
        name, kind = self._inner
        children = tuple(map(len, elements))
        inner, own = _split(nodes, name)
        counts = reduce(add, [children[at] for at in own])
        counts = (counts[0] - len(inner), *counts[1:])
        return _Compound(
            self._shape(reduce(add, [tags[at] for at in own]), counts),
            own,
            [(at, kind._shape(tags[at], children[at])) for at in inner],
        )


class _Compounds:
    """Those of one list of names, by how many children each has that may have any."""

    def __init__(self, tags: Tags) -> None:
        self.pick = picker([n for n, tag in enumerate(tags) if local_name(tag) not in LEAVES])
        self.by_counts: dict[Counts, _Compound] = {}


class _Compound:
    """A shape, where its own nodes are among all, and those in it, each where it is."""

    def __init__(self, shape: _Shape, own: list[slice], inner: list[tuple[slice, _Shape]]) -> None:
        self.shape, self.own, self.inner = shape, own, inner
        of_own, known = iter(shape.cleaned), {at.start: part.cleaned for at, part in inner}
        spans = sorted([*own, *(at for at, _ in inner)], key=lambda at: int(at.start))
        self.cleaned = [
            cleaned
            for at in spans
            for cleaned in known.get(at.start) or islice(of_own, at.stop - at.start)
        ]


def _split(nodes: Nodes, name: str) -> tuple[list[slice], list[slice]]:
    """Where an element's children of a name are among its nodes, and where all else is."""
    elements, tags, _ = nodes
    inner: list[slice] = []
    own: list[slice] = []
    end = 0
    for child in elements[0].iterchildren(f"{{*}}{name}"):
        start, following = _index(nodes, child, end), child.getnext()
        if start > end:
            own.append(slice(end, start))
        end = len(tags) if following is None else _index(nodes, following, start + 1)
        inner.append(slice(start, end))
    if end < len(tags):
        own.append(slice(end, len(tags)))
    return inner, own


def _index(nodes: Nodes, element: Element, start: int) -> int:
    """Where an element is: names are compared faster than elements."""
    index = nodes[1].index(element.tag, start)
    return index if nodes[0][index] is element else nodes[0].index(element, start)


def _values(
    known: Sequence[Cleaned], elements: Sequence[Element], texts: Sequence[str | None], stray: Stray
) -> list[str | None]:
    """The values of texts; ElementError for one that is not as it should be."""
    try:
        return list(map(getitem, known, texts))
    except ValueError:
        return [_value(*each, stray) for each in zip(known, elements, texts, strict=True)]


def _value(known: Cleaned, element: Element, text: str | None, stray: Stray) -> str | None:
    try:
        return known[text]
    except StrayTextError:
        stray(str(element.tag), text or "", line_of(element))
        return None
    except ValueError as error:
        tag, found = local_name(str(element.tag)), (text or "").strip(XML_BLANKS)
        reason = f"is {found[:80]!r}, not {error}"
        raise ElementError(reason, element, tag=tag, text=found) from None


class _Shape:
    """One way in which elements of a kind are built."""

    def __init__(self, kind: Kind, root: Node) -> None:
        nodes = list(root.all())
        self._root = root
        self.cleaned: list[Cleaned] = [cleaned(n.tag, is_leaf=not n.children) for n in nodes]
        self._misplaced = misplaced(root)
        leaves = [n for n in nodes if not n.children]
        several = several_references(root)
        later = {n.place for references in several[1:] for n in references.all()}
        columns = [(n, kind.columns.get(n.path)) for n in leaves if n.place not in later]
        sums = _by_slot(leaves, kind.summed)
        self._sums = {slot: found for slot, found in sums.items() if len(found) > 1}
        single = [(found[0], slot) for slot, found in sums.items() if len(found) == 1]
        filled = [(n.place, slot) for n, slot in columns if slot is not None]
        once = [
            (found[0], slot) for slot, found in _by_slot(leaves, kind.once).items() if not found[1:]
        ]
        self._set_columns(kind, filled + single + once)
        self._alternatives = _by_slot(leaves, kind.alternatives)
        kept_twice = {n.place for references in several for n in references.all()}
        in_columns = {place for place, _ in filled + once} - kept_twice
        self._rest = [n.place for n in leaves if n.place and n.place not in in_columns]
        self._extra = Template(self._members, self._rest) if self._rest else None
        self._is_odd = bool(self._misplaced or self._again or self._sums or self._alternatives)

    def _set_columns(self, kind: Kind, columns: Sequence[tuple[int, int]]) -> None:
        first: dict[int, int] = {}
        self._again = []
        for index, slot in columns:
            if first.setdefault(slot, index) != index:
                self._again.append((slot, index))
        # An absent column takes its None from behind the last node's value.
        self._pick = picker([first.get(slot, len(self.cleaned)) for slot in range(kind.width)])

    def found(
        self, values: list[str | None], elements: Sequence[Element], spans: Sequence[slice]
    ) -> Found:
        """The columns, and the members of the JSON object of all else.

        `values` are those of the elements in these spans.
        """
        values.append(None)
        row = self._pick(values)
        if self._is_odd:
            own = [element for span in spans for element in elements[span]]
            row = self._settled(list(row), values, own)
        return row, self._extra.members(values) if self._extra else ""

    def _settled(
        self, row: list[str | None], values: Sequence[str | None], nodes: Sequence[Element]
    ) -> Row:
        if self._misplaced:
            index, reason = self._misplaced
            raise ElementError(reason, nodes[index])
        for slot, index in self._again:
            value = values[index]
            if value is not None and row[slot] not in (None, value):
                tag = local_name(str(nodes[index].tag))
                reason = f"{tag} stands twice, as {row[slot]!r} and as {value!r}"
                raise ElementError(reason, nodes[index])
            row[slot] = row[slot] or value
        for slot, indices in self._sums.items():
            row[slot] = _sum([value for i in indices if (value := values[i])])
        for slot, indices in self._alternatives.items():
            if row[slot] is None:
                row[slot] = _first_of(list(filter(None, [values[i] for i in indices])))
        return tuple(row)

    def _members(self, rest: Sequence[str | None]) -> str:
        values = dict(zip(self._rest, rest, strict=True))
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
