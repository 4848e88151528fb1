"""Kinds of elements: what is known of the ways in which those of a kind are built, made once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from lxml.etree import _Element as Element

from saft_pipeline.saft.fields import LEAVES, OPTIONAL
from saft_pipeline.saft.forms import Form
from saft_pipeline.saft.json_text import picker
from saft_pipeline.saft.layouts import Counts, Tags, local_name, tree
from saft_pipeline.saft.records import Row
from saft_pipeline.saft.shapes import (
    ABSENT,
    BETWEEN_NAMES,
    Found,
    Nodes,
    Shape,
    Slots,
    Values,
    Warn,
    line_of,
    values_of,
)

_MOST_SHAPES = 1000  # real files show some tens
_MOST_COUNTS = 10  # of the same names
_MOST_FORMS = 4  # of the same layout
_LARGE = 300  # nodes of an element whose shape is not worth keeping

Taken = tuple[Values, "Form | None", str]
Part = tuple[Shape, Sequence[int]]
"""A shape, and where its nodes are among all."""


class Layout:
    """How an element is built, with the inner ones that are rows of their own.

    What it gives is picked from a list of values: those of the nodes, of columns that are none of
    these, what `added` says, at last None.
    """

    added: Sequence[int] = ()
    """Slots of the row that are filled from behind: the first from just before the None."""

    def __init__(self, own: Part, inner: Sequence[Part]) -> None:
        self.parts = [own, *inner]
        self.size = sum(len(places) for _, places in self.parts)
        self._odd = [part for part in self.parts if part[0].is_odd]
        self.columns = [self._columns(*part) for part in self.parts]
        for n, slot in enumerate(self.added, 2):
            self.columns[0][slot] = -n
        self.row, *self._rows = map(picker, self.columns)
        self._rest, *self._rests = (picker([at[n] for n in s.rest]) for s, at in self.parts)
        self._no_extras = [] if any(shape.rest for shape, _ in inner) else [""] * len(inner)
        known = {n: text for s, at in self.parts for n, text in zip(at, s.cleaned, strict=True)}
        self._cleaned = [known[n] for n in range(len(known))]
        self._optional = [at[n] for s, at in self.parts for n in s.optional]
        self.key = 0  # a hash of names and numbers of children, of a layout that is known
        self._form: Form | None = None
        self._forms: dict[Sequence[int], Form] = {}

    def _columns(self, shape: Shape, places: Sequence[int]) -> list[int]:
        columns = [places[n] if n >= 0 else ABSENT for n in shape.columns]
        for slot in shape.odd_slots:
            columns[slot] = self.size
            self.size += 1
        return columns

    def take(self, nodes: Nodes, warn: Warn) -> Taken:
        """The values of an element's nodes, and of columns that are none of these.

        With them its form, and what that is filled with, if it has a usual one.

        Warns of what is empty. Raises ElementError for a value of another form, too.
        """
        elements, _, values = nodes
        form, text = self._form_of(values)
        if not text:
            values = values_of(self._cleaned, elements, values, warn)
            form, text = self._form_of(values)
        self.settle(values, elements, warn)
        for n in self._optional if form is None else form.empty:
            if values[n] is None:
                tag = local_name(str(elements[n].tag))
                warn(OPTIONAL[tag], f"<{tag}> is empty", line_of(elements[n]))
        return values, form, text

    def _form_of(self, texts: Sequence[str | None]) -> tuple[Form | None, str]:
        form = self._form
        if form and (text := form.text(texts)):
            return form, text
        if not self.key:
            return None, ""
        present = tuple([n for n, text in enumerate(texts) if text])
        form = self._forms.get(present)
        if form is None:
            if len(self._forms) == _MOST_FORMS:
                return None, ""
            form = self._forms[present] = Form(self._cleaned, present, hash((self.key, present)))
            form.empty = [n for n in self._optional if n not in present]
        self._form = form
        return form, form.text(texts)

    def settle(self, values: Values, elements: Sequence[Element], warn: Warn) -> None:
        """Add the columns that several nodes may fill; see Shape.settled."""
        for shape, places in self._odd:
            values += shape.settled(values, elements, places, warn)

    def usual(self, nodes: Nodes) -> Form | None:
        """The form of an element of which nothing is to be looked at but its texts."""
        form, text = self._form_of(nodes[2])
        needs_look = any(shape.needs_look for shape, _ in self._odd)
        return form if form and text and not (form.empty or needs_look) else None

    def extra_json(self, values: Values) -> str:
        """All else that the element holds, without the inner ones, as members of a JSON object."""
        shape, _ = self.parts[0]
        return shape.extra_json(self._rest(values)) if shape.rest else ""

    def rows(self, values: Values) -> list[Row]:
        """The columns of the inner elements."""
        return [pick(values) for pick in self._rows]

    def extras(self, values: Values) -> list[str]:
        """All else that each of these holds."""
        if self._no_extras or not self._rests:
            return self._no_extras
        parts = zip(self.parts[1:], self._rests, strict=True)
        return [shape.extra_json(pick(values)) if shape.rest else "" for (shape, _), pick in parts]


Made = TypeVar("Made", bound=Layout)


class ElementKind(Generic[Made]):
    """Elements of one kind, by the columns that the paths below them fill.

    `columns` and the rest map paths to slots of a row that is `width` long. What stands `once`
    fills a slot, and otherwise is no column. What `summed` paths hold is kept beside their sum.
    `alternatives` fill a slot that is empty otherwise: the first of them that isn't zero. `inner`
    is the name of children that are rows of their own, and their kind.
    """

    def __init__(
        self,
        make: type[Made],
        width: int,
        columns: Mapping[str, int],
        *,
        inner: tuple[str, ElementKind[Layout]] | None = None,
        once: Mapping[str, int] | None = None,
        summed: Mapping[str, int] | None = None,
        alternatives: Mapping[str, int] | None = None,
    ) -> None:
        self._make = make
        self._slots = Slots(width, columns, once or {}, summed or {}, alternatives or {})
        self._inner = inner
        self._shapes: dict[tuple[Tags, Counts], Shape] = {}
        self._layouts: dict[str, _Layouts[Made]] = {}

    def read(self, nodes: Nodes, warn: Warn) -> Found:
        """An element's columns, and all else that it holds as the members of a JSON object."""
        layout = self.layout(nodes)
        values, _, _ = layout.take(nodes, warn)
        values.append(None)
        return layout.row(values), layout.extra_json(values)

    def read_inner(self, nodes: Nodes, warn: Warn) -> Found:
        """The same of an inner element that comes by itself."""
        assert self._inner
        return self._inner[1].read(nodes, warn)

    def layout(self, nodes: Nodes) -> Made:
        """How an element is built."""
        elements, names, _ = nodes
        known = self._layouts.get(names)
        if known is None:
            known = _Layouts(tuple(names.split(BETWEEN_NAMES)))
            if len(elements) < _LARGE:
                if len(self._layouts) >= _MOST_SHAPES:
                    self._layouts.clear()
                self._layouts[names] = known
        counts = tuple(map(len, known.pick(elements)))
        layout = known.by_counts.get(counts)
        if layout is not None:
            layout.key = layout.key or hash((names, counts))
            return layout
        layout = self._new(elements, known.tags)
        # Where something stands in a leaf, the counts are not all that there is to tell.
        if sum(counts) == len(elements) - 1 and len(known.by_counts) < _MOST_COUNTS:
            known.by_counts[counts] = layout
        return layout

    def _new(self, elements: Sequence[Element], tags: Tags) -> Made:
        children = tuple(map(len, elements))
        if not self._inner:
            return self._make((self._shape(tags, children), range(len(tags))), [])
        name, kind = self._inner
        inner = list(_inner(elements, tags, name))
        within = {place for at in inner for place in at}
        own = [place for place in range(len(tags)) if place not in within]
        counts = (children[0] - len(inner), *[children[place] for place in own[1:]])
        return self._make(
            (self._shape(tuple([tags[place] for place in own]), counts), own),
            [
                (kind._shape(tags[at.start : at.stop], children[at.start : at.stop]), at)
                for at in inner
            ],
        )

    def _shape(self, tags: Tags, children: Counts) -> Shape:
        shape = self._shapes.get((tags, children))
        if shape is None:
            shape = Shape(self._slots, tree(tags, children))
            if len(tags) < _LARGE:
                if len(self._shapes) >= _MOST_SHAPES:
                    self._shapes.clear()
                self._shapes[tags, children] = shape
        return shape


class _Layouts(Generic[Made]):
    """Those of one list of names, by how many children each has that may have any."""

    def __init__(self, tags: Tags) -> None:
        self.tags = tags
        self.pick = picker([n for n, tag in enumerate(tags) if local_name(tag) not in LEAVES])
        self.by_counts: dict[Counts, Made] = {}


def _inner(elements: Sequence[Element], tags: Tags, name: str) -> Iterator[range]:
    """Where an element's children of a name are among its nodes."""

    def place(element: Element, start: int) -> int:
        """Names are compared faster than elements."""
        index = tags.index(str(element.tag), start)
        return index if elements[index] is element else elements.index(element, start)

    end = 0
    for child in elements[0].iterchildren(f"{{*}}{name}"):
        start, following = place(child, end), child.getnext()
        end = len(tags) if following is None else place(following, start + 1)
        yield range(start, end)
