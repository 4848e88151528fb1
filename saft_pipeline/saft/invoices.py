"""A document as it is read: its lines as they come, then all else that it holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lxml.etree import _Element as Element

from saft_pipeline.saft.errors import ContentError
from saft_pipeline.saft.fields import (
    INVOICE_FIELDS,
    INVOICE_PATHS,
    LINE_FIELDS,
    LINE_PATHS,
    SUMMED,
)
from saft_pipeline.saft.kinds import ElementKind, Layout, Part
from saft_pipeline.saft.records import Invoice, Lines, Row, Whole
from saft_pipeline.saft.sections import STATUS_TAGS, Sums
from saft_pipeline.saft.shapes import Nodes, Stray, Values

_MOST_PACKED = 64_000_000  # bytes; a hundred thousand lines take a third of it
_SLOT = {name: slot for slot, name in enumerate(INVOICE_FIELDS)}
_NO, _HASH, _STATUS = (_SLOT[name] for name in ("invoice_no", "hash", "invoice_status"))
_COMPUTED = ("company_id", "hash_extract", "line_count", "cash_vat_scheme")
_DEBIT, _CREDIT = LINE_FIELDS.index("debit_amount"), LINE_FIELDS.index("credit_amount")
_PRINTED = (0, 10, 20, 30)

# 1.01 has the amount as one of these, and the other may be 0.
_OLD_CURRENCY = ("CurrencyCreditAmount", "CurrencyDebitAmount")


class InvoiceLayout(Layout):
    """How an Invoice is built."""

    added = tuple(_SLOT[name] for name in _COMPUTED)

    def __init__(self, own: Part, inner: Sequence[Part]) -> None:
        super().__init__(own, inner)
        shape, places = own
        self.lines = len(inner)
        self.is_known = False  # to who writes
        self.writer: Any = None  # theirs
        self.own = own
        self.codes: Any = None  # the rules'
        self._hash = self.columns[0][_HASH]
        self._cash_vat = [places[n] for n in shape.tagged("CashVATSchemeIndicator")]

    def complete(self, values: Values, company_id: str | None, lines: int) -> None:
        """Add what is computed."""
        is_cash_vat = "1" in [values[n] for n in self._cash_vat]
        values += ("true" if is_cash_vat else None, str(lines), None, company_id, None)
        values[-3] = _printed(values[self._hash])


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

    def take_line(self, nodes: Nodes, stray: Stray) -> None:
        """Add a line that is read before the document is complete."""
        row, _ = _DOCUMENT.read_inner(nodes, stray)
        self.sums.line(*row)

    def pack(self) -> None:
        """There is nothing to keep compactly."""

    def take(self, nodes: Nodes, stray: Stray, _: str | None) -> None:
        """Add the document without the lines that were added before."""
        layout = _DOCUMENT.layout(nodes)
        values = layout.values(nodes, stray)
        values.append(None)
        (self.sums.status,) = layout.row(values)
        for row in layout.rows(values):
            self.sums.line(*row)


class InvoiceDraft:
    """An Invoice while it is open."""

    __slots__ = (
        *("_digest", "_last", "_numbers_fail"),
        *("element", "extra_json", "line", "lines", "row", "sums", "whole"),
    )

    def __init__(self, element: Element, line: int) -> None:
        self.element = element
        self.line = line
        self.lines = Lines()
        self.sums = Sums()
        self.row: Row = ()
        self.extra_json = ""
        self.whole: Whole | None = None
        self._digest = 0
        self._last = -1
        self._numbers_fail = False

    def take_line(self, nodes: Nodes, stray: Stray) -> None:
        """Add a line that is read before the invoice is complete."""
        row, extra_json = _INVOICE.read_inner(nodes, stray)
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

    def take(self, nodes: Nodes, stray: Stray, company_id: str | None) -> None:
        """Add the invoice without the lines that were added before."""
        layout = _INVOICE.layout(nodes)
        values = layout.values(nodes, stray)
        before = len(self.lines)
        layout.complete(values, company_id, before + layout.lines)
        self.row, self.extra_json = layout.row(values), layout.extra_json(values)
        self.sums.status = self.row[_STATUS]
        self._take_lines(layout.rows(values), layout.extras(values))
        self.whole = None if before else (layout, values)

    @property
    def number(self) -> str | None:
        """InvoiceNo."""
        return self.row[_NO]

    def number_lines(self) -> bool:
        """Number the lines by position if a LineNumber is missing or repeated: whether it is so.

        (invoice, line number) is the key of a line; losing a line would lose its money.
        """
        if self._numbers_fail:
            numbers = [row[0] for row in self.lines]
            self.lines.numbered_by_position = None in numbers or len(set(numbers)) < len(numbers)
        return self.lines.numbered_by_position

    def finish(self) -> tuple[Invoice, int]:
        """The invoice, and a hash of all that it says."""
        whole = None if self.lines.numbered_by_position else self.whole
        content = hash((self.row, self.extra_json, self._digest))
        return Invoice(self.row, self.lines, self.line, self.extra_json, whole), content


def _printed(signature: str | None) -> str | None:
    """The characters of Hash that are printed on the invoice (Portaria 363/2010)."""
    if signature is None or len(signature) <= _PRINTED[-1]:
        return None
    return "".join([signature[i] for i in _PRINTED])
