"""From the tree that libxml2 builds to records: what is complete is read and let go of.

An element is complete when another follows it, or when what it is in is complete. So a document
is read alike whether its tree is there as a whole or grows piece by piece, and of the latter
nothing is kept longer than it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from lxml import etree
from lxml.etree import _Element as Element

from saft_pipeline.saft.errors import ContentError, RepeatedError, SaftError
from saft_pipeline.saft.header import read_header, refuse_foreign_namespace
from saft_pipeline.saft.invoices import (
    NOT_TOLD,
    DocumentDraft,
    InvoiceDraft,
    WholeInvoice,
    invoice_layout,
)
from saft_pipeline.saft.kinds import ElementKind, Layout
from saft_pipeline.saft.layouts import local_name
from saft_pipeline.saft.master_files import read_customer, read_other
from saft_pipeline.saft.records import Header, Record
from saft_pipeline.saft.sections import DECLARED_TAGS, SECTION_KINDS, Section
from saft_pipeline.saft.shapes import (
    ElementError,
    line_of,
    line_of_tail,
    nodes_of,
    warn_of_stray,
)
from saft_pipeline.saft.text_forms import Cut, Tree
from saft_pipeline.saft.totals import RunningTotals
from saft_pipeline.saft.values import XML_BLANKS

_ONE_TAX_TABLE = "1.02"  # since when
_MOST_HELD = 10_000_000  # characters of what is kept as a whole
_MOST_READ = 12_000_000  # characters of the file meanwhile, comments too
# An element counts as 50 characters: what an empty one takes.
_held = etree.XPath("50 * count(descendant::*) + string-length()")
_has_tails = etree.XPath("boolean(descendant-or-self::*/*[1]/following-sibling::text())")
_DECLARED = ElementKind(Layout, 1, {"": 0})


class Walker:
    """Reads what a tree shows.

    `first_line` is added to the tree's lines. Raises SaftError, with its line.
    """

    def __init__(self, totals: RunningTotals) -> None:
        self._records: list[Record] = []
        self.totals = totals
        self.header: Header | None = None
        self.first_line = 0
        self._namespace: str | None = None
        self._section: Section | None = None
        self._draft: InvoiceDraft | DocumentDraft | None = None
        self._open: Element | None = None
        self._waited = self._size = 0
        self._ended: set[str] = set()  # what the schemas have once in a file
        self._has_tails = True  # whether there may be text between elements

    def read_on(self, root: Element | None, namespace: str | None, size: int) -> Iterator[Record]:
        """The records that are complete when the document went on by so many characters."""
        self._size = size
        if root is not None:
            self._begin(root, namespace)
            self._walk(root, _OF_FILE, ended=False)
        yield from self._taken()

    def read_rest(self, root: Element | None, namespace: str | None) -> Iterator[Record]:
        """What is left when the document has ended, and its totals."""
        if root is not None:
            self._begin(root, namespace)
            self._walk(root, _OF_FILE, ended=True)
        if self.header is None:
            raise ContentError("the file has no Header: whose file is it?")
        self._records.append(self.totals.finished())
        self.totals.warnings.finish()
        yield from self._taken()

    def _read_invoices(self, section: Element, first_line: int) -> Iterator[Record]:
        """What stands in an element of its own, as if in the open section."""
        before, self.first_line = self.first_line, first_line - 1
        self._has_tails = bool(_has_tails(section))
        for _ in self._steps(section, _OF_SECTIONS["sales_invoices"], ended=True):
            yield from self._taken()
        self.first_line, self._has_tails = before, True

    def read_parts(self, parts: Iterable[Cut | Tree]) -> Iterator[Record]:
        """The same of a text with invoices, some of which were cut out of it."""
        for part in parts:
            if isinstance(part, Tree):
                yield from self._read_invoices(*part)
            else:
                assert self.header
                self._end_whole(WholeInvoice(*part, self.header.values[0]))
                yield from self._taken()

    def branch(self) -> Walker:
        """One that goes on between two invoices, with totals of its own."""
        branch = Walker(RunningTotals(exact=self.totals.exact))
        branch.header = self.header
        if self._section:
            section = self._section
            branch._section = Section(section.kind, section.line, dict(section.declared))
            branch.totals.sections[self._section.kind.key] = branch._section
        return branch

    def _taken(self) -> list[Record]:
        records, self._records = self._records, []
        return records

    def _begin(self, root: Element, namespace: str | None) -> None:
        self._namespace = namespace
        try:
            refuse_foreign_namespace(namespace)
        except SaftError as error:
            raise self._placed(error, root) from None

    def _line(self, element: Element) -> int:
        return self.first_line + line_of(element)

    def _placed(self, error: SaftError, element: Element) -> SaftError:
        """An error with its line, and with what its column is found by."""
        if error.line is None:
            element = error.element if isinstance(error, ElementError) else element
            text = error.text if isinstance(error, ElementError) else ""
            error.line = self._line(element)
            error.sought = local_name(str(element.tag)), text
        return error

    def _walk(self, parent: Element, handlers: Mapping[str, Handler], ended: bool) -> None:  # noqa: FBT001
        """Hand the children to their handlers in order; let go of those that are complete."""
        for _ in self._steps(parent, handlers, ended):
            pass

    def _steps(
        self,
        parent: Element,
        handlers: Mapping[str, Handler],
        ended: bool,  # noqa: FBT001
    ) -> Iterator[None]:
        """The same, a child at a time: what was read of it is let go of while it is at hand."""
        children = list(parent)
        if not children:
            return
        if parent.text:
            line = line_of(children[0]) - parent.text.count("\n")
            warn_of_stray(self._warn, str(parent.tag), parent.text, line)
            parent.text = None
        last = None if ended else children[-1]
        for child in children:
            handler = handlers.get(local_name(str(child.tag)), Walker._pass_over)
            try:
                handler(self, child, child is not last)
            except SaftError as error:
                raise self._placed(error, child) from None
            if child.tail and child is not last:
                warn_of_stray(self._warn, str(parent.tag), child.tail, line_of_tail(child))
            yield
        if not ended:
            del parent[:-1]

    def _warn(self, code: str, message: str, line: int) -> None:
        self.totals.warnings.add(code, message, self.first_line + line)

    def _pass_over(self, element: Element, done: bool) -> None:  # noqa: FBT001
        """Let go of what is complete in an element that isn't read."""
        while not done and len(element):
            del element[:-1]
            element = element[0]

    def _wait(self, element: Element) -> None:
        """An element that is read as a whole is not complete; raises ElementError if too large."""
        self._waited = self._waited + self._size if element is self._open else 0
        self._open = element
        if self._waited > _MOST_READ:
            what = "in one element that is kept as a whole"
            raise ElementError(f"more than {_MOST_READ} bytes {what}", element)
        if self._waited and _held(element) > _MOST_HELD:  # type: ignore[operator]
            part = element[-1] if element is self._draft_element else element
            what = f"<{local_name(str(part.tag))}>, or all that its document holds,"
            raise ElementError(f"{what} is more than {_MOST_HELD} characters", part)

    @property
    def _draft_element(self) -> Element | None:
        return self._draft.element if self._draft else None

    def _read_header(self, element: Element, done: bool) -> None:  # noqa: FBT001
        if self.header is not None:
            raise ElementError("a second Header", element)
        if not done:
            return self._wait(element)
        line, warnings = self._line(element), self.totals.warnings
        self.header = read_header(element, self._namespace, self._warn, warnings, line)
        self._records.append(self.header)
        return None

    def _header_before(self, element: Element) -> Header:
        if self.header is None:
            tag = local_name(str(element.tag))
            raise ElementError(f"<{tag}> comes before the Header", element)
        return self.header

    def _end_once(self, element: Element, done: bool) -> None:  # noqa: FBT001
        """Warn of a second of what a file has once."""
        tag = local_name(str(element.tag))
        if done and tag in self._ended:
            self._warn("repeated_element", f"<{tag}> stands twice in the file", line_of(element))
        elif done:
            self._ended.add(tag)

    def _read_master_files(self, element: Element, done: bool) -> None:  # noqa: FBT001
        self._end_once(element, done)
        self._walk(element, _OF_MASTER_FILES, done)

    def _read_customer(self, element: Element, done: bool) -> None:  # noqa: FBT001
        company_id = self._header_before(element).values[0]
        if not done:
            return self._wait(element)
        line = self._line(element)
        found = read_customer(element, self._warn, self.totals, company_id, line)
        if found:
            self._records.append(found)
        return None

    def _read_tax_table(self, element: Element, done: bool) -> None:  # noqa: FBT001
        if done and not len(element):
            self._warn("empty_element", "<TaxTable> is empty", line_of(element))
        if self.header and (self.header.audit_file_version or "") >= _ONE_TAX_TABLE:
            self._end_once(element, done)
        self._walk(element, _OF_TAX_TABLE, done)

    def _read_other(self, element: Element, done: bool) -> None:  # noqa: FBT001
        tag = local_name(str(element.tag))
        name = _OTHERS[tag]
        if name != "tax_table_entry":
            self._header_before(element)
        if not done:
            return self._wait(element)
        found = read_other(name, element, self._warn, self._line(element))
        if found:
            self._records.append(found)
        return None

    def _read_sources(self, element: Element, done: bool) -> None:  # noqa: FBT001
        self._end_once(element, done)
        self._walk(element, _OF_SOURCES, done)

    def _read_section(self, element: Element, done: bool) -> None:  # noqa: FBT001
        self._header_before(element)
        kind = SECTION_KINDS[local_name(str(element.tag))]
        new = Section(kind, self._line(element))
        self._section = self.totals.sections.setdefault(kind.key, new)
        self._end_once(element, done)
        self._walk(element, _OF_SECTIONS[kind.key], done)

    def _read_declared(self, element: Element, done: bool) -> None:  # noqa: FBT001
        if not done:
            return
        ((value,), _) = _DECLARED.read(nodes_of(element, self._warn), self._warn)
        tag = local_name(str(element.tag))
        if self._section and value is not None:
            if DECLARED_TAGS[tag] in self._section.declared:
                self._warn("repeated_element", f"<{tag}> stands twice", line_of(element))
            self._section.declared[DECLARED_TAGS[tag]] = value

    def _read_invoice(self, element: Element, done: bool) -> None:  # noqa: FBT001
        if self._draft or not done or self.totals.exact:
            return self._read_document(element, done)
        line, tails = self._line(element), self._warn if self._has_tails else None
        company_id = self._header_before(element).values[0]
        try:
            nodes = nodes_of(element, tails)
            layout = invoice_layout(nodes)
            invoice = WholeInvoice(layout, layout.take(nodes, self._warn), line, company_id)
        except ElementError as error:
            error.name_document(_number_of(element))
            raise
        self._end_whole(invoice)
        return None

    def _end_whole(self, invoice: WholeInvoice) -> None:
        self._end_invoice(invoice)
        if self._section is not None:
            invoice.add_to(self._section)

    def _read_document(self, element: Element, done: bool) -> None:  # noqa: FBT001
        draft = self._draft
        if draft is None or draft.element is not element:
            draft = self._draft = self._new_draft(element)
        try:
            if not done:
                return self._read_lines(draft)
            nodes = nodes_of(element, self._warn if self._has_tails else None)
            draft.take(nodes, self._warn, self._header_before(element).values[0])
        except ElementError as error:
            error.name_document(_number_of(element) if isinstance(draft, InvoiceDraft) else None)
            raise
        return self._end_document(draft)

    def _read_lines(self, draft: InvoiceDraft | DocumentDraft) -> None:
        """Read the lines that are complete: a document may have a hundred thousand."""
        lines = list(draft.element.iterchildren("{*}Line"))
        if lines and lines[-1] is draft.element[-1]:
            lines.pop()
        for line in lines:
            if line.tail:
                warn_of_stray(self._warn, str(draft.element.tag), line.tail, line_of_tail(line))
            draft.element.remove(line)
            draft.take_line(nodes_of(line, self._warn), self._warn)
        if lines:
            draft.pack()
            self._open = None
        else:
            self._wait(draft.element)

    def _new_draft(self, element: Element) -> InvoiceDraft | DocumentDraft:
        if local_name(str(element.tag)) == "Invoice":
            return InvoiceDraft(element, self._line(element))
        return DocumentDraft(element)

    def _end_document(self, draft: InvoiceDraft | DocumentDraft) -> None:
        if isinstance(draft, InvoiceDraft):
            self._end_invoice(draft)
        if self._section is not None:
            draft.sums.into(self._section)
        self._draft = None

    def _end_invoice(self, invoice: WholeInvoice | InvoiceDraft) -> None:
        number, line, warnings = invoice.number, invoice.line, self.totals.warnings
        if number is None:
            raise ContentError("an Invoice has no InvoiceNo", line=line)
        if fault := invoice.number_lines():
            message = f"invoice {number}: LineNumber {fault}, numbered by position"
            warnings.add("line_number" if fault == "missing" else "line_numbers", message, line)
        content = invoice.content
        before = self.totals.seen_invoices.add(number, content)
        if before is None:
            self.totals.invoices += 1
            self.totals.lines += invoice.line_count
            self._records.append(invoice.record)
        elif before == (content,) != (NOT_TOLD,):
            message = f"InvoiceNo {number!r} again, with the same content: taken once"
            warnings.add("repeated_invoice", message, line)
        elif not self.totals.exact:
            raise RepeatedError
        else:
            reason = f"InvoiceNo {number!r} stands twice in the file, with different content"
            raise ContentError(reason, line=line)


def _number_of(invoice: Element) -> str | None:
    number = next(invoice.iterchildren("{*}InvoiceNo"), None)
    return (number.text or "").strip(XML_BLANKS) or None if number is not None else None


# Takes an element, and whether it is complete.
Handler = Callable[[Walker, Element, bool], None]

# What is read in which element. Customers, lines and the like are read as a whole, by a Kind.
_OF_FILE: Mapping[str, Handler] = {
    "Header": Walker._read_header,
    "MasterFiles": Walker._read_master_files,
    "GeneralLedgerEntries": Walker._read_section,
    "SourceDocuments": Walker._read_sources,
}
_OF_MASTER_FILES: Mapping[str, Handler] = {
    "Customer": Walker._read_customer,
    "Supplier": Walker._read_other,
    "Product": Walker._read_other,
    "TaxTable": Walker._read_tax_table,
}
_OF_TAX_TABLE: Mapping[str, Handler] = {
    "TaxTableEntry": Walker._read_other,
    "TaxType": Walker._read_other,  # 1.00
}
_OTHERS = {
    "Supplier": "supplier",
    "Product": "product",
    "TaxTableEntry": "tax_table_entry",
    "TaxType": "tax_table_entry",
}
_OF_SOURCES: Mapping[str, Handler] = {
    tag: Walker._read_section for tag, kind in SECTION_KINDS.items() if kind.document
}
_OF_SECTIONS: Mapping[str, Mapping[str, Handler]] = {
    kind.key: {
        **dict.fromkeys(DECLARED_TAGS, Walker._read_declared),
        **({kind.document: Walker._read_document} if kind.document else {}),
        **({"Invoice": Walker._read_invoice} if kind.document == "Invoice" else {}),
    }
    for kind in SECTION_KINDS.values()
}
