"""What becomes of a document's units: records, totals, warnings and refusals."""

from __future__ import annotations

import re
from collections.abc import Callable

from saft_pipeline.saft.elements import Element, ElementError, as_value, place_all
from saft_pipeline.saft.errors import ContentError, NotXmlError, SaftError
from saft_pipeline.saft.fields import CUSTOMER_FIELDS, CUSTOMER_PATHS
from saft_pipeline.saft.fingerprints import Fingerprints
from saft_pipeline.saft.forms import Form, forms
from saft_pipeline.saft.header import (
    header_of,
    is_nif,
    note_oddities,
    refuse_encrypted,
    refuse_foreign_header,
    refuse_foreign_namespace,
)
from saft_pipeline.saft.invoices import InvoiceDraft
from saft_pipeline.saft.notes import Notes
from saft_pipeline.saft.records import ControlTotals, Customer, Extra, Header, Other, Record, Totals
from saft_pipeline.saft.sections import (
    DECLARED_TAGS,
    KINDS,
    STATUS_TAGS,
    Section,
    Sums,
    control_totals,
)
from saft_pipeline.saft.structure import Structure

_NAMESPACE = r"\bxmlns{}\s*=\s*(?:\"([^\"]*)\"|'([^']*)')"
_CUSTOMER_ID = CUSTOMER_FIELDS.index("customer_id")
_CUSTOMER_NIF = CUSTOMER_FIELDS.index("customer_tax_id")
_CUSTOMER_COUNTRY = CUSTOMER_FIELDS.index("country")


class Content:
    """A structure.Receiver that leaves what it finds in `records` and `notes`."""

    def __init__(self, notes: Notes) -> None:
        self.records: list[Record] = []
        self.structure = Structure(self)
        self._line = self.structure.markup.line
        self._notes = notes
        self._forms: dict[str, Form] = {}
        self._header: Header | None = None
        self._sections: dict[str, Section] = {}
        self._section: Section | None = None
        self._invoice: InvoiceDraft | None = None
        self._sums: Sums | None = None
        self._seen_invoices, self._seen_customers = Fingerprints(), Fingerprints()
        self._invoices = self._lines = self._customers = 0
        self._endings: dict[str, Callable[[Element], None]] = {
            "header": self._end_header,
            "customer": self._end_customer,
            "supplier": self._end_other,
            "product": self._end_other,
            "tax_table_entry": self._end_other,
            "declared": self._end_declared,
            "line": self._end_line,
            "part": self._end_part,
            "document": self._end_document,
        }

    def root(self, prefix: str, tag: str, attributes: str) -> SaftError:
        """A root that isn't AuditFile: another country's, or no SAF-T at all."""
        refuse_foreign_namespace(_namespace(prefix, attributes))
        return NotXmlError(f"the root element is <{tag}>, not <AuditFile>: this is no SAF-T file")

    def whose(self) -> str:
        """The invoice that is open."""
        number = self._invoice.number if self._invoice else None
        return f" of invoice {number}" if number else ""

    def begin(self, element: Element, prefix: str, attributes: str) -> None:
        """Something begins; all but the Header needs the Header's company."""
        if element.role == "file":
            refuse_foreign_namespace(_namespace(prefix, attributes))
            self._forms = forms(prefix)
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
        self._section = self._sections.setdefault(kind.key, Section(kind, self._line(element.at)))

    def _begin_document(self, element: Element) -> None:
        if element.tag == "Invoice":
            self._invoice = InvoiceDraft(self._line(element.at))
            self._sums = self._invoice.sums
        else:
            self._invoice = None
            self._sums = Sums()

    def whole(self, tag: str, text: str, at: int) -> int | None:
        """Read an invoice's lines or totals by their forms."""
        invoice = self._invoice
        if invoice is None:
            return None
        take = invoice.take_lines if tag == "Line" else invoice.take_totals
        return take(self._forms[tag], text, at)

    def head(self, text: str, at: int) -> int | None:
        """Read what an invoice begins with by its form, and what follows if it is there."""
        invoice, known = self._invoice, self._forms
        if invoice is None:
            return None
        end = invoice.take_head(known["Invoice"], text, at)
        if end is None:
            return None
        end = invoice.take_lines(known["Line"], text, end) or end
        return invoice.take_totals(known["DocumentTotals"], text, end) or end

    def end(self, element: Element) -> None:
        """Something ends."""
        ending = self._endings.get(element.role)
        if ending is not None:
            ending(element)

    def _end_header(self, element: Element) -> None:
        refuse_encrypted(element)
        refuse_foreign_header(element)
        for child in element.children:
            self.structure.check(child)
        self._header = header_of(element, self._line(element.at))
        note_oddities(self._header, self._notes)
        self.records.append(self._header)

    @property
    def _company_id(self) -> str | None:
        return self._header.values[0] if self._header else None

    def _end_customer(self, element: Element) -> None:
        values: list[str | None] = [None] * len(CUSTOMER_FIELDS)
        extra: Extra = {}
        place_all(element, CUSTOMER_PATHS, values, extra)
        values[0] = self._company_id
        line = self._line(element.at)
        if self._is_new_customer(values, line):
            self._customers += 1
            self._check_nif(values, line)
            self.records.append(Customer(tuple(values), line, extra))

    def _is_new_customer(self, values: list[str | None], line: int) -> bool:
        number = values[_CUSTOMER_ID]
        if number is None:
            self._notes.add("customer", "a Customer without CustomerID is left out", line)
            return False
        same = self._seen_customers.add(number, tuple(values))
        if same is not None:
            differs = "the same" if same else "other"
            message = f"CustomerID {number!r} again, with {differs} content: the first is taken"
            self._notes.add("repeated_customer", message, line)
        return same is None

    def _check_nif(self, values: list[str | None], line: int) -> None:
        """Only where the Customer is said to be Portuguese; others have numbers of their own."""
        number = values[_CUSTOMER_NIF]
        if number and values[_CUSTOMER_COUNTRY] == "PT" and not is_nif(number):
            message = f"CustomerTaxID {number!r} of {values[_CUSTOMER_ID]!r} is not a valid NIF"
            self._notes.add("nif", message, line)

    def _end_other(self, element: Element) -> None:
        value = as_value(element)
        if isinstance(value, dict):
            self.records.append(Other(element.role, value, self._line(element.at)))

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

    def _end_document(self, _: Element) -> None:
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
        same = self._seen_invoices.add(number, draft.content())
        if same is None:
            self._invoices += 1
            self._lines += len(draft.lines)
            self.records.append(draft.finish(self._company_id))
        elif same:
            message = f"InvoiceNo {number!r} again, with the same content: taken once"
            self._notes.add("repeated_invoice", message, line)
        else:
            reason = f"InvoiceNo {number!r} stands twice in the file, with different content"
            raise ContentError(reason, line=line)

    def finish(self) -> None:
        """The document has ended: its totals, and what was odd in all of it."""
        if self._header is None:
            raise ContentError("the file has no Header: whose file is it?")
        for tag, text, line in self.structure.stray[:100]:
            message = f"text between the elements of <{tag}> is left out: {text[:60]!r}"
            self._notes.add("stray_text", message, line)
        for section in self._sections.values():
            section.note_differences(self._notes)
        self.records.append(self._totals())

    def _totals(self) -> Totals:
        sales = self._sections.pop("sales_invoices", None)
        declared = control_totals(sales.declared if sales else {})
        computed = control_totals(sales.computed()) if sales else ControlTotals(0, "0", "0")
        others = {key: section.totals() for key, section in self._sections.items()}
        return Totals(declared, computed, self._invoices, self._lines, self._customers, others)


def _namespace(prefix: str, attributes: str) -> str | None:
    name = f":{re.escape(prefix)}" if prefix else ""
    match = re.search(_NAMESPACE.format(name), attributes)
    return (match[1] or match[2]) if match else None
