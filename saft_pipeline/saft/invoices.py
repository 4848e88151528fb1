"""A document as it is read: its lines as they come, then all else that it holds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from lxml.etree import _Element as Element

from saft_pipeline.saft.errors import ContentError
from saft_pipeline.saft.fields import (
    INVOICE_FIELDS,
    INVOICE_PATHS,
    LINE_FIELDS,
    LINE_PATHS,
    SUMMED,
)
from saft_pipeline.saft.json_text import picker
from saft_pipeline.saft.kinds import ElementKind, Layout, Part, Taken
from saft_pipeline.saft.records import Invoice, Lines, Row
from saft_pipeline.saft.sections import STATUS_TAGS, Section, Sums
from saft_pipeline.saft.shapes import ABSENT, Nodes, Values, Warn

_MOST_PACKED = 64_000_000  # bytes; a hundred thousand lines take a third of it
_SLOT = {name: slot for slot, name in enumerate(INVOICE_FIELDS)}
_NO, _HASH, _STATUS = (_SLOT[name] for name in ("invoice_no", "hash", "invoice_status"))
_COMPUTED = ("company_id", "hash_extract", "line_count", "cash_vat_scheme")
_LINE_NUMBER = LINE_FIELDS.index("line_number")
_DEBIT, _CREDIT = LINE_FIELDS.index("debit_amount"), LINE_FIELDS.index("credit_amount")
_PRINTED = slice(0, 31, 10)

# 1.01 has the amount as one of these, and the other may be 0.
_OLD_CURRENCY = ("CurrencyCreditAmount", "CurrencyDebitAmount")


class InvoiceLayout(Layout):
    """How an Invoice is built."""

    added = tuple(_SLOT[name] for name in _COMPUTED)

    def __init__(self, own: Part, inner: Sequence[Part]) -> None:
        super().__init__(own, inner)
        shape, places = own
        own_columns, *lines = self.columns
        self.lines = len(lines)
        self.number, self.status, self._hash = (own_columns[n] for n in (_NO, _STATUS, _HASH))
        self.line_numbers = picker([columns[_LINE_NUMBER] for columns in lines])
        self.debits = picker([n for columns in lines if (n := columns[_DEBIT]) != ABSENT])
        self.credits = picker([n for columns in lines if (n := columns[_CREDIT]) != ABSENT])
        self._cash_vat = [places[n] for n in shape.tagged("CashVATSchemeIndicator")]

    def complete(self, values: Values, company_id: str | None, lines: int) -> None:
        """Add what is computed."""
        is_cash_vat = "1" in [values[n] for n in self._cash_vat]
        printed = _printed(values[self._hash]) if self._hash != ABSENT else None
        values += ("true" if is_cash_vat else None, str(lines), printed, company_id, None)


_INVOICE = ElementKind(
    InvoiceLayout,
    len(INVOICE_FIELDS),
    INVOICE_PATHS,
    inner=("Line", ElementKind(Layout, len(LINE_FIELDS), LINE_PATHS)),
    summed={path: _SLOT[name] for path, name in SUMMED.items()},
    alternatives={
        f"DocumentTotals/Currency/{tag}": _SLOT["currency_amount"] for tag in _OLD_CURRENCY
    },
)
invoice_layout = _INVOICE.layout
_MISSING, _REPEATED = "missing", "repeated"
NOT_TOLD = 0  # instead of a hash of what an invoice says
# Of other documents only what their section's totals are made of is taken.
_SUMMED = {"DebitAmount": 0, "CreditAmount": 1, "Quantity": 2}
_DOCUMENT = ElementKind(
    Layout,
    1,
    {},
    inner=("Line", ElementKind(Layout, len(_SUMMED), {}, alternatives=_SUMMED)),
    alternatives={f"DocumentStatus/{tag}": 0 for tag in STATUS_TAGS},
)


class DocumentDraft:
    """Any document but an invoice, while it is open: its sums."""

    def __init__(self, element: Element) -> None:
        self.element = element
        self.sums = Sums()

    def take_line(self, nodes: Nodes, warn: Warn) -> None:
        """Add a line that is read before the document is complete."""
        row, _ = _DOCUMENT.read_inner(nodes, warn)
        self.sums.line(*row)

    def pack(self) -> None:
        """There is nothing to keep compactly."""

    def take(self, nodes: Nodes, warn: Warn, _: str | None) -> None:
        """Add the document without the lines that were added before."""
        layout = _DOCUMENT.layout(nodes)
        values, *_form = layout.take(nodes, warn)
        values.append(None)
        (self.sums.status,) = layout.row(values)
        for row in layout.rows(values):
            self.sums.line(*row)


class WholeInvoice:
    """An Invoice that is complete when it is read."""

    __slots__ = ("_layout", "_values", "content", "line", "line_count", "number", "record")

    def __init__(
        self, layout: InvoiceLayout, taken: Taken, line: int, company_id: str | None
    ) -> None:
        self._layout = layout
        self._values, form, text = taken
        layout.complete(self._values, company_id, layout.lines)
        self.line = line
        self.line_count = layout.lines
        self.number = self._values[layout.number]
        self.record = Invoice.of((layout, self._values), line, form, text)
        self.content = hash((form.key, text)) if form and text else NOT_TOLD

    def add_to(self, section: Section) -> None:
        """Add it to its section's totals."""
        layout, values = self._layout, self._values
        amounts = layout.debits(values), layout.credits(values)
        section.add_document(values[layout.status], layout.lines, *amounts)

    def number_lines(self) -> str | None:
        """Number the lines by position if a LineNumber is missing or repeated: which it is.

        (invoice, line number) is the key of a line; losing a line would lose its money.
        """
        numbers = self._layout.line_numbers(self._values)
        if _are_unique(numbers):
            return None
        self.record.number_lines()
        return _MISSING if None in numbers else _REPEATED


@lru_cache(maxsize=256)
def _are_unique(numbers: Sequence[str | None]) -> bool:
    return None not in numbers and len(set(numbers)) == len(numbers)


class InvoiceDraft:
    """An Invoice while it is open."""

    __slots__ = (
        *("_digest", "_last", "_numbers_fail"),
        *("element", "extra_json", "line", "lines", "row", "sums"),
    )

    def __init__(self, element: Element, line: int) -> None:
        self.element = element
        self.line = line
        self.lines = Lines()
        self.sums = Sums()
        self.row: Row = ()
        self.extra_json = ""
        self._digest = 0
        self._last = -1
        self._numbers_fail = False

    def take_line(self, nodes: Nodes, warn: Warn) -> None:
        """Add a line that is read before the invoice is complete."""
        row, extra_json = _INVOICE.read_inner(nodes, warn)
        self._take_lines([row], [extra_json])

    def _take_lines(self, rows: Sequence[Row], extras: Sequence[str]) -> None:
        self.lines.extend(rows, extras)
        sums, last, digest = self.sums, self._last, self._digest
        for row, extra_json in zip(rows, extras, strict=True):
            sums.line(row[_DEBIT], row[_CREDIT])
            digest = hash((digest, row, extra_json))
            number = int(row[0] or -1)
            if number <= last:
                self._numbers_fail = True
            last = number
        self._last, self._digest = last, digest

    def pack(self) -> None:
        """Keep the lines compactly, as more will come; ContentError if that is still too much."""
        self.lines.pack()
        if self.lines.packed_size > _MOST_PACKED:
            reason = f"the lines of one invoice hold more than {_MOST_PACKED} bytes"
            raise ContentError(reason, line=self.line)

    def take(self, nodes: Nodes, warn: Warn, company_id: str | None) -> None:
        """Add the invoice without the lines that were added before."""
        layout = invoice_layout(nodes)
        values, _, _ = layout.take(nodes, warn)
        layout.complete(values, company_id, len(self.lines) + layout.lines)
        self.row, self.extra_json = layout.row(values), layout.extra_json(values)
        self.sums.status = self.row[_STATUS]
        self._take_lines(layout.rows(values), layout.extras(values))

    @property
    def number(self) -> str | None:
        """InvoiceNo."""
        return self.row[_NO]

    def number_lines(self) -> str | None:
        """As of an invoice that is complete."""
        numbers = [row[0] for row in self.lines] if self._numbers_fail else []
        if None not in numbers and len(set(numbers)) == len(numbers):
            return None
        self.lines.numbered_by_position = True
        return _MISSING if None in numbers else _REPEATED

    @property
    def line_count(self) -> int:
        """How many lines it has."""
        return len(self.lines)

    @property
    def content(self) -> int:
        """A hash of all that it says."""
        return hash((self.row, self.extra_json, self._digest))

    @property
    def record(self) -> Invoice:
        """What it is read into."""
        return Invoice(self.row, self.lines, self.line, self.extra_json)


def _printed(signature: str | None) -> str | None:
    """The characters of Hash that are printed on the invoice (Portaria 363/2010)."""
    return signature[_PRINTED] if signature and len(signature) >= _PRINTED.stop else None
