"""A document as it is read: its lines as they come, then all else that it holds."""

from __future__ import annotations

from collections.abc import Iterable

from lxml.etree import _Element as Element

from saft_pipeline.saft.errors import ContentError
from saft_pipeline.saft.fields import (
    INVOICE_FIELDS,
    INVOICE_PATHS,
    LINE_FIELDS,
    LINE_PATHS,
    SUMMED,
)
from saft_pipeline.saft.records import Invoice, Lines
from saft_pipeline.saft.sections import STATUS_TAGS, Sums
from saft_pipeline.saft.shapes import Found, Kind

_MOST_PACKED = 64_000_000  # bytes; a hundred thousand lines take a third of it
_SLOT = {name: slot for slot, name in enumerate(INVOICE_FIELDS)}
_COMPANY, _NO, _HASH = _SLOT["company_id"], _SLOT["invoice_no"], _SLOT["hash"]
_EXTRACT, _STATUS, _LINE_COUNT = (
    _SLOT[name] for name in ("hash_extract", "invoice_status", "line_count")
)
_CASH_VAT = _SLOT["cash_vat_scheme"]
_DEBIT, _CREDIT = LINE_FIELDS.index("debit_amount"), LINE_FIELDS.index("credit_amount")
_PRINTED = (0, 10, 20, 30)

# 1.01 has the amount as one of these, and the other may be 0.
_OLD_CURRENCY = ("CurrencyCreditAmount", "CurrencyDebitAmount")
_INVOICE = Kind(
    len(INVOICE_FIELDS),
    INVOICE_PATHS,
    inner=("Line", Kind(len(LINE_FIELDS), LINE_PATHS)),
    summed={path: _SLOT[name] for path, name in SUMMED.items()},
    alternatives={
        f"DocumentTotals/Currency/{tag}": _SLOT["currency_amount"] for tag in _OLD_CURRENCY
    },
)
# Of other documents only what their section's totals are made of is taken.
_SUMMED = {"DebitAmount": 0, "CreditAmount": 1, "Quantity": 2}
_DOCUMENT = Kind(
    1,
    {},
    inner=("Line", Kind(len(_SUMMED), {}, alternatives=_SUMMED)),
    alternatives={f"DocumentStatus/{tag}": 0 for tag in STATUS_TAGS},
)


class DocumentDraft:
    """Any document but an invoice, while it is open: its sums."""

    kind = _DOCUMENT

    def __init__(self, element: Element) -> None:
        self.element = element
        self.sums = Sums()

    def take_lines(self, found: Iterable[Found]) -> None:
        """Add lines."""
        for row, _ in found:
            self.sums.line(*row)

    def pack(self) -> None:
        """There is nothing to keep compactly."""

    def take_rest(self, found: Found) -> None:
        """Add all else that the document holds."""
        (self.sums.status,) = found[0]


class InvoiceDraft:
    """An Invoice while it is open."""

    __slots__ = (
        *("_digest", "_extra_json", "_last", "_numbers_fail", "_row"),
        *("element", "line", "lines", "sums"),
    )
    kind = _INVOICE

    def __init__(self, element: Element, line: int) -> None:
        self.element = element
        self.line = line
        self.lines = Lines()
        self.sums = Sums()
        self._row: list[str | None] = []
        self._extra_json = ""
        self._digest = 0
        self._last = -1
        self._numbers_fail = False

    def take_lines(self, found: Iterable[Found]) -> None:
        """Add lines."""
        lines, add_to_sums, last, digest = self.lines, self.sums.line, self._last, self._digest
        for row, extra_json in found:
            lines.append(row, extra_json)
            add_to_sums(row[_DEBIT], row[_CREDIT])
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

    def take_rest(self, found: Found) -> None:
        """Add all else that the invoice holds."""
        row, self._extra_json = found
        self._row = list(row)
        self.sums.status = row[_STATUS]

    @property
    def number(self) -> str | None:
        """InvoiceNo."""
        return self._row[_NO]

    def number_lines(self) -> bool:
        """Number the lines by position if a LineNumber is missing or repeated: whether it is so.

        (invoice, line number) is the key of a line; losing a line would lose its money.
        """
        if self._numbers_fail:
            numbers = [row[0] for row in self.lines]
            self.lines.numbered_by_position = None in numbers or len(set(numbers)) < len(numbers)
        return self.lines.numbered_by_position

    def finish(self, company_id: str | None) -> tuple[Invoice, int]:
        """The invoice, with the columns that are computed, and a hash of all that it says."""
        values = self._row
        values[_COMPANY] = company_id
        values[_EXTRACT] = _printed(values[_HASH])
        values[_LINE_COUNT] = str(len(self.lines))
        if '"cash_vat_scheme_indicator":"1"' in self._extra_json:
            values[_CASH_VAT] = "true"
        row = tuple(values)
        content = hash((row, self._extra_json, self._digest))
        return Invoice(row, self.lines, self.line, self._extra_json), content


def _printed(signature: str | None) -> str | None:
    """The characters of Hash that are printed on the invoice (Portaria 363/2010)."""
    if signature is None or len(signature) <= _PRINTED[-1]:
        return None
    return "".join([signature[i] for i in _PRINTED])
