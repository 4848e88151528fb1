"""Which element of a SAF-T (PT) document is what: roles, depth, values checked as they end.

Every open element has a role that follows from its parent's role and its own name. What has no
role is passed over; a unit (a customer, a line, ...) is built as a small Element and handed over
when it ends. Nothing is kept longer, so memory doesn't grow with the document.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVarTuple

from saft_pipeline.saft.elements import Element, ElementError
from saft_pipeline.saft.errors import ContentError, SaftError
from saft_pipeline.saft.leaves import LEAVES
from saft_pipeline.saft.markup import MOST_TEXT, XML_BLANKS, Markup, not_well_formed, unescaped
from saft_pipeline.saft.sections import DECLARED_TAGS, KINDS
from saft_pipeline.saft.values import CHECKS

Told = TypeVarTuple("Told")

_DEEPEST = 256  # libxml2's own limit, which it keeps only when it builds a tree
_OF_AN_ELEMENT = 50  # what an empty element counts as, in characters

_ROLES: dict[tuple[str, str], str] = {
    ("", "AuditFile"): "file",
    ("file", "Header"): "header",
    ("file", "MasterFiles"): "masters",
    ("masters", "Customer"): "customer",
    ("masters", "Supplier"): "supplier",
    ("masters", "Product"): "product",
    ("masters", "TaxTable"): "tax_table",
    ("tax_table", "TaxTableEntry"): "tax_table_entry",
    ("tax_table", "TaxType"): "tax_table_entry",  # 1.00
    ("file", "SourceDocuments"): "sources",
    **{("sources", tag): "section" for tag, kind in KINDS.items() if kind.document},
    **{("file", tag): "section" for tag, kind in KINDS.items() if not kind.document},
    **{(kind.key, tag): "declared" for kind in KINDS.values() for tag in DECLARED_TAGS},
    **{(kind.key, kind.document): "document" for kind in KINDS.values()},
    ("document", "Line"): "line",
}
# In what an element stands that is offered to be read at once, if not in a document.
_PARENTS = {
    "Header": "file",
    **dict.fromkeys(("Customer", "Supplier", "Product"), "masters"),
    "TaxTableEntry": "tax_table",
}
_SECTION_ROLES = {tag: kind.key for tag, kind in KINDS.items()}
_CONTAINERS = frozenset(
    ("file", "masters", "tax_table", "sources", "document", *_SECTION_ROLES.values())
)


class Receiver(Protocol):
    """Who is told of the elements that have a role; raises ElementError or SaftError."""

    def begin(self, element: Element, prefix: str, attributes: str) -> None:
        """A container or a unit begins."""

    def end(self, element: Element) -> None:
        """A container or a unit ends, a unit with all its children."""

    def root(self, prefix: str, tag: str, attributes: str) -> SaftError:
        """Why a root element that isn't AuditFile is refused."""

    def whole(self, tag: str, text: str, at: int) -> int | None:
        """Read an element, and those that follow it, at once: where they end, or None."""

    def head(self, text: str, at: int) -> int | None:
        """Read the first children of the open document at once: where they end, or None."""

    def stray(self, element: Element, text: str, at: int) -> None:
        """Text stands between an element's children, where none belongs."""

    def whose(self) -> str:
        """What the values read now belong to, for messages: ` of invoice FT 1/1` or nothing."""


class Structure:
    """A markup.Handler that finds roles, builds units and tells a Receiver."""

    def __init__(self, receiver: Receiver) -> None:
        self.skipping = 0
        self.markup = Markup(self)
        self._receiver = receiver
        self._stack: list[Element] = []
        self._unit: Element | None = None
        self._held = 0  # characters of the open unit, and of the open document's parts
        self._parts_held = 0

    def go_on_as(self, other: Structure) -> None:
        """Begin with the elements open that are open in `other`."""
        self._stack = [Element(e.tag, e.role, 0) for e in other._stack]

    @property
    def is_between_invoices(self) -> bool:
        """Whether SalesInvoices is the innermost open element, all was told and nothing is odd."""
        stack = self._stack
        inside = len(stack) == 3 and stack[-1].role == "sales_invoices" and not self.skipping
        return inside and self.markup.is_told

    def opened(self, prefix: str, tag: str, attributes: str, at: int) -> None:
        """An element begins: find its role."""
        stack = self._stack
        if len(stack) + self.skipping >= _DEEPEST:
            raise self.error(f"<{tag}>: elements nested deeper than {_DEEPEST} levels", at)
        if self.skipping:
            self.skipping += 1
            return
        role = self._role(stack[-1] if stack else None, tag)
        if role is None:
            if not stack:
                raise self._placed(self._receiver.root(prefix, tag, attributes), at)
            self.skipping = 1
            return
        element = Element(tag, role, at)
        if role == "inner":
            self._nest(stack[-1], element)
            stack.append(element)
            return
        stack.append(element)
        if role == "document":
            self._parts_held = 0
        elif role not in _CONTAINERS:
            self._begin_unit(element)
        self._tell(self._receiver.begin, element, prefix, attributes)

    def _role(self, parent: Element | None, tag: str) -> str | None:
        if parent is None:
            return _ROLES.get(("", tag))
        above = parent.role
        if above not in _CONTAINERS:
            return "inner"
        role = _ROLES.get((above, tag))
        if role == "section":
            return _SECTION_ROLES[tag]
        return role or ("part" if above == "document" else None)

    def _begin_unit(self, element: Element) -> None:
        self._unit = element
        # A document's parts are kept until it ends, so they count together.
        self._held = self._parts_held if element.role == "part" else 0

    def _nest(self, parent: Element, element: Element) -> None:
        if parent.tag in LEAVES and parent.role != "tax_table_entry":
            reason = f"<{element.tag}> stands inside <{parent.tag}>, which holds text only"
            raise self.error(reason, element.at)
        parent.children.append(element)
        self._hold(_OF_AN_ELEMENT, element)

    def _hold(self, characters: int, element: Element) -> None:
        """Count what is kept of a unit: more than a text may have is an attack."""
        self._held += characters
        if self._held > MOST_TEXT and self._unit:
            name, number = self._unit.tag, MOST_TEXT
            reason = f"<{name}>, or all that its document holds, is more than {number} characters"
            raise self.error(reason, element.at)

    def leaf(self, prefix: str, tag: str, text: str, at: int) -> None:
        """An element without children and attributes: within a unit there is a shorter way."""
        top = self._stack[-1] if self._stack else None
        if top is None or top.role in _CONTAINERS or len(self._stack) >= _DEEPEST:
            self.opened(prefix, tag, "", at)
            self.characters(text, at)
            self.closed()
            return
        element = Element(tag, "inner", at)
        self._nest(top, element)
        value = unescaped(text).strip(XML_BLANKS)
        if value:
            self._set(element, value)

    def characters(self, text: str, at: int) -> None:
        """Text in the innermost element."""
        if self.skipping or not self._stack:
            return
        element = self._stack[-1]
        if element.children or element.role in _CONTAINERS:
            if text.strip(XML_BLANKS):
                self._receiver.stray(element, text, at)
            return
        element.parts.append(text)
        element.size += len(text)
        if element.size > MOST_TEXT:
            reason = f"more than {MOST_TEXT} characters of text in <{element.tag}>"
            raise self.error(reason, element.at)

    def closed(self) -> None:
        """The innermost element ends: settle its value, and tell of it if it is a unit."""
        if self.skipping:
            self.skipping -= 1
            return
        if not self._stack:
            raise not_well_formed()
        element = self._stack[-1]
        if element.parts:
            self._settle(element)
        if element.role != "inner":
            self._tell(self._receiver.end, element)
            if element is self._unit:
                self._end_unit(element)
        self._stack.pop()

    def _end_unit(self, element: Element) -> None:
        self._unit = None
        if element.role == "part":
            self._parts_held = self._held

    def _settle(self, element: Element) -> None:
        text = "".join(map(unescaped, element.parts)).strip(XML_BLANKS)
        element.parts = []
        if text and element.children:
            self._receiver.stray(element, text, element.at)
        elif text:
            self._set(element, text)

    def _set(self, element: Element, text: str) -> None:
        element.text = text
        self._hold(len(text), element)
        # The Header is checked as a whole: it may turn out foreign or encrypted.
        if element.tag in CHECKS and not (self._unit and self._unit.role == "header"):
            try:
                self.check(element)
            except ElementError as error:
                raise self.error(error.reason, error.at) from None

    def check(self, element: Element) -> None:
        """Check a leaf's value by its type; ElementError names the element and the value."""
        check = CHECKS.get(element.tag)
        if check is None or element.text is None:
            return
        try:
            element.text = check(element.text)
        except ValueError as error:
            found = f"{element.tag}{self._receiver.whose()} is {element.text[:80]!r}"
            raise ElementError(f"{found}, not {error}", element) from None

    def whole(self, tag: str, text: str, at: int) -> int | None:
        """Offer an element to the receiver, to be read at once."""
        if self.skipping or not self._stack:
            return None
        if self._stack[-1].role != _PARENTS.get(tag, "document"):
            return None
        try:
            return self._receiver.whole(tag, text, at)
        except SaftError as error:
            raise self._placed(error, self.markup.base + at) from None

    def head(self, text: str, at: int) -> int | None:
        """Offer what an invoice begins with to the receiver, to be read at once."""
        if self.skipping or self._stack[-1].role != "document":
            return None
        return self._receiver.head(text, at)

    def needed_from(self, at: int) -> int:
        """The beginning of the unit that is open, so that its errors can be placed."""
        return self._unit.at if self._unit else at

    def _tell(self, told: Callable[[Element, *Told], None], element: Element, *rest: *Told) -> None:
        try:
            told(element, *rest)
        except ElementError as error:
            raise self.error(error.reason, error.at) from None
        except SaftError as error:
            raise self._placed(error, element.at) from None

    def _placed(self, error: SaftError, at: int) -> SaftError:
        if error.line is None:
            error.line, error.column = self.markup.place(at)
        return error

    def error(self, reason: str, at: int) -> SaftError:
        """A refusal with the line and column of an offset."""
        line, column = self.markup.place(at)
        return ContentError(reason, line=line, column=column)
