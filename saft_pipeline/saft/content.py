"""What becomes of a document's units: records, totals, warnings and refusals."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from saft_pipeline.saft.elements import Element, ElementError
from saft_pipeline.saft.errors import ContentError, NotXmlError, SaftError
from saft_pipeline.saft.forms import Form, Forms, forms
from saft_pipeline.saft.header import (
    header_of,
    note_oddities,
    read_header,
    refuse_foreign_namespace,
)
from saft_pipeline.saft.invoices import InvoiceDraft
from saft_pipeline.saft.masters import Masters
from saft_pipeline.saft.records import Header, Record
from saft_pipeline.saft.sections import (
    DECLARED_TAGS,
    KINDS,
    STATUS_TAGS,
    Section,
    Sums,
)
from saft_pipeline.saft.structure import Structure
from saft_pipeline.saft.tally import Tally

_NAMESPACE = r"\bxmlns{}\s*=\s*(?:\"([^\"]*)\"|'([^']*)')"
_OF_MASTERS = frozenset(("Customer", "Supplier", "Product", "TaxTableEntry"))


class Content:
    """A structure.Receiver that leaves what it finds in `records` and `notes`."""

    def __init__(self, tally: Tally) -> None:
        self.records: list[Record] = []
        self.tally = tally
        self.invoice_tag = "<Invoice>"
        self.structure = Structure(self)
        self._line = self.structure.markup.line
        self._masters = Masters(tally, self.records, self._line)
        self._notes = tally.notes
        self._namespace: str | None = None
        self._forms: Forms | None = None
        self._header: Header | None = None
        self._section: Section | None = None
        self._invoice: InvoiceDraft | None = None
        self._sums: Sums | None = None
        self._endings: dict[str, Callable[[Element], None]] = {
            "header": self._end_header,
            "customer": self._masters.end_customer,
            **dict.fromkeys(("supplier", "product", "tax_table_entry"), self._masters.end_other),
            "declared": self._end_declared,
            "line": self._end_line,
            "part": self._end_part,
            "document": self._end_document,
        }

    def read(self, text: str, *, ended: bool = False, last: bool = False) -> Iterator[Record]:
        """Read a piece more: the records that are complete.

        `ended` tells that a tag follows, `last` that nothing does.
        """
        self.structure.markup.feed(text, ended=ended or last)
        if last:
            self._finish()
        yield from self.records
        self.records.clear()

    def branch(self, line: int, column: int) -> Content:
        """A Content of its own that goes on between two invoices, as if at this place."""
        branch = Content(Tally())
        branch._header, branch._forms = self._header, self._forms
        branch._masters.company_id = self._masters.company_id
        branch.structure.go_on_as(self.structure)
        branch.structure.markup.go_on_at(line, column)
        if self._section:
            branch._section = Section(self._section.kind, line)
            branch.tally.sections[self._section.kind.key] = branch._section
        return branch

    def root(self, prefix: str, tag: str, attributes: str) -> SaftError:
        """A root that isn't AuditFile: another country's, or no SAF-T at all."""
        refuse_foreign_namespace(_namespace(prefix, attributes))
        return NotXmlError(f"the root element is <{tag}>, not <AuditFile>: this is no SAF-T file")

    def stray(self, element: Element, text: str, at: int) -> None:
        """Text where none belongs is left out."""
        message = f"text between the elements of <{element.tag}> is left out: {text.strip()[:60]!r}"
        self._notes.add("stray_text", message, self._line(at))

    def whose(self) -> str:
        """The invoice that is open."""
        number = self._invoice.number if self._invoice else None
        return f" of invoice {number}" if number else ""

    def begin(self, element: Element, prefix: str, attributes: str) -> None:
        """Something begins; all but the Header needs the Header's company."""
        if element.role == "file":
            self._namespace = _namespace(prefix, attributes)
            refuse_foreign_namespace(self._namespace)
            self._forms = forms(prefix)
            self.invoice_tag = self._forms.tag
        elif element.role == "document":
            self._begin_document(element)
        elif element.tag in KINDS and element.role == KINDS[element.tag].key:
            self._begin_section(element)
        elif element.role in ("customer", "supplier", "product") and self._header is None:
            raise ElementError(f"<{element.tag}> comes before the Header", element)
        elif element.role == "header" and self._header is not None:
            raise ElementError("a second Header", element)

    def _begin_section(self, element: Element) -> None:
        if self._header is None:
            raise ElementError(f"<{element.tag}> comes before the Header", element)
        kind = KINDS[element.tag]
        self._section = self.tally.sections.setdefault(
            kind.key, Section(kind, self._line(element.at))
        )

    def _begin_document(self, element: Element) -> None:
        if element.tag == "Invoice":
            self._open_invoice(InvoiceDraft(self._line(element.at)))
        else:
            self._invoice = None
            self._sums = Sums()

    def _open_invoice(self, draft: InvoiceDraft) -> None:
        self._invoice, self._sums = draft, draft.sums

    def whole(self, tag: str, text: str, at: int) -> int | None:
        """Read the Header, what MasterFiles holds, or an invoice's parts by their forms."""
        invoice, known, base = self._invoice, self._forms, self.structure.markup.base
        if known is None or (self._header is None) != (tag == "Header"):
            return None
        form = known.of[tag]
        if tag == "Header":
            return self._take_header(form, text, at)
        if tag == "Line" and invoice is not None:
            return invoice.take_lines(form, text, at)
        if invoice is not None:
            return invoice.take(form, text, at)
        return self._masters.take(tag, form, text, at, base) if tag in _OF_MASTERS else None

    def _take_header(self, form: Form, text: str, at: int) -> int | None:
        found = form.read(text, at)
        if found is None:
            return None
        values, extra_json, end = found
        line = self._line(self.structure.markup.base + at)
        self._begin_records(header_of(values, extra_json, line))
        return end

    def head(self, text: str, at: int) -> int | None:
        """Read what an invoice begins with by its form, and all that follows as long as it fits:
        shipping, lines, totals, withheld taxes, and further invoices.
        """
        invoice, known, end = self._invoice, self._forms, None
        while invoice is not None and known is not None:
            found = invoice.take_head(known.head, text, at)
            if found is None:
                break
            if end is not None:
                self._end_document()
                self._open_invoice(invoice)
            end = invoice.take(known.shipping, text, found) or found
            end = invoice.take_lines(known.line, text, end) or end
            end = invoice.take(known.totals, text, end) or end
            end = invoice.take(known.withholding, text, end) or end
            following = known.following(text, end)
            if following is None:
                break
            at = following.end()
            invoice = InvoiceDraft(self._line(self.structure.markup.base + at))
        return end

    def end(self, element: Element) -> None:
        """Something ends."""
        ending = self._endings.get(element.role)
        if ending is not None:
            ending(element)

    def _end_header(self, element: Element) -> None:
        values, extra_json = read_header(element, self.structure.check)
        self._begin_records(header_of(values, extra_json, self._line(element.at)))

    def _begin_records(self, header: Header) -> None:
        self._header = header
        self._masters.company_id = header.values[0]
        note_oddities(header, self._namespace, self._notes)
        self.records.append(header)

    def _end_declared(self, element: Element) -> None:
        if self._section and element.text is not None:
            self._section.declared[DECLARED_TAGS[element.tag]] = element.text

    def _end_line(self, element: Element) -> None:
        if self._invoice is not None:
            self._invoice.add_line(element)
        elif self._sums is not None:
            found = {child.tag: child.text for child in element.children}
            self._sums.line(*(found.get(t) for t in ("DebitAmount", "CreditAmount", "Quantity")))

    def _end_part(self, element: Element) -> None:
        if self._invoice is not None:
            self._invoice.add_part(element)
        elif self._sums is not None:
            for child in element.children:
                if child.tag in STATUS_TAGS:
                    self._sums.status = child.text

    def _end_document(self, _: Element | None = None) -> None:
        if self._invoice is not None:
            self._end_invoice(self._invoice)
        if self._section is not None and self._sums is not None:
            self._sums.into(self._section)
        self._invoice = self._sums = None

    def _end_invoice(self, draft: InvoiceDraft) -> None:
        number, line = draft.number, draft.line
        if number is None:
            raise ContentError("an Invoice has no InvoiceNo", line=line)
        if draft.number_lines():
            message = f"invoice {number}: LineNumber missing or repeated, numbered by position"
            self._notes.add("line_numbers", message, line)
        invoice, content = draft.finish(self._masters.company_id)
        same = self.tally.seen_invoices.add(number, content)
        if same is None:
            self.tally.invoices += 1
            self.tally.lines += len(draft.lines)
            self.records.append(invoice)
        elif same:
            message = f"InvoiceNo {number!r} again, with the same content: taken once"
            self._notes.add("repeated_invoice", message, line)
        else:
            reason = f"InvoiceNo {number!r} stands twice in the file, with different content"
            raise ContentError(reason, line=line)

    def _finish(self) -> None:
        """The document has ended: its totals, and what was odd in all of it."""
        if self._header is None:
            raise ContentError("the file has no Header: whose file is it?")
        for section in self.tally.sections.values():
            section.note_differences(self._notes)
        self.records.append(self.tally.totals())
        self._notes.finish()


def _namespace(prefix: str, attributes: str) -> str | None:
    name = f":{re.escape(prefix)}" if prefix else ""
    match = re.search(_NAMESPACE.format(name), attributes)
    return (match[1] or match[2]) if match else None
