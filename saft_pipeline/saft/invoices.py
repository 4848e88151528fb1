"""An invoice as it is read, line after line, into its row and those of its lines."""

from __future__ import annotations

import json

from saft_pipeline.saft.elements import Element, members, place, place_all
from saft_pipeline.saft.errors import ContentError
from saft_pipeline.saft.fields import INVOICE_FIELDS, INVOICE_PATHS, LINE_FIELDS, LINE_PATHS
from saft_pipeline.saft.forms import Form
from saft_pipeline.saft.records import Extra, Invoice, Lines, Row
from saft_pipeline.saft.sections import Sums
from saft_pipeline.saft.values import exact_sum, plain

_MOST_PACKED = 64_000_000  # a hundred thousand lines take a third of it
_LARGE = 10_000  # characters of a line
_NO_VALUES: list[str | None] = [None] * len(INVOICE_FIELDS)
_NO_LINE: list[str | None] = [None] * len(LINE_FIELDS)
_SLOT = {name: slot for slot, name in enumerate(INVOICE_FIELDS)}
_COMPANY, _NO, _HASH = _SLOT["company_id"], _SLOT["invoice_no"], _SLOT["hash"]
_EXTRACT, _STATUS = _SLOT["hash_extract"], _SLOT["invoice_status"]
_CURRENCY, _PAID = _SLOT["currency_amount"], _SLOT["payment_amount"]
_WITHHELD, _LINE_COUNT = _SLOT["withholding_tax_amount"], _SLOT["line_count"]
_DEBIT, _CREDIT = LINE_FIELDS.index("debit_amount"), LINE_FIELDS.index("credit_amount")
_TOTALS = "document_totals"
_PRINTED = (0, 10, 20, 30)


class InvoiceDraft:
    """An Invoice while it is open."""

    __slots__ = (
        *("_digest", "_extra", "_last", "_members", "_numbers_fail", "_rank", "line", "lines"),
        *("sums", "values"),
    )

    def __init__(self, line: int) -> None:
        self.line = line
        self.values = _NO_VALUES.copy()
        self._extra: Extra = {}  # what has no column, as far as it was read the general way
        self._members: list[str] = []  # and by the forms, as members of a JSON object
        self.lines = Lines()
        self.sums = Sums()
        self._rank = 0  # of the last form
        self._digest = 0
        self._last = -1
        self._numbers_fail = False

    def take_head(self, form: Form, text: str, at: int) -> int | None:
        """Read what stands before the lines at once."""
        found = form.read(text, at)
        if found is None:
            return None
        row, rest, end = found
        self.values[: len(row)] = row
        if rest:
            self._members.append(rest)
        return end

    def take(self, form: Form, text: str, at: int) -> int | None:
        """Read more of what it holds at once, if nothing is there yet that has to be considered."""
        if self._extra or form.rank <= self._rank or not text.startswith(form.starts, at):
            return None
        found = form.read(text, at)
        if found is None:
            return None
        row, rest, end = found
        values, slots = self.values, form.slots
        for slot in slots:
            if values[slot] is not None:
                return None
        for slot in slots:
            values[slot] = row[slot]
        self._rank = form.rank
        if rest:
            self._members.append(rest)
        return end

    def take_lines(self, form: Form, text: str, at: int) -> int | None:
        """Read a Line, and those that follow it, at once."""
        end = None
        while (found := form.read(text, at)) is not None:
            row, extra_json, at = found
            self._add(row, extra_json)
            end = at
        return end

    def add_line(self, element: Element) -> None:
        """Add a Line that was read the general way."""
        values, extra = _NO_LINE.copy(), Extra()
        place_all(element, LINE_PATHS, values, extra)
        extra_json = members(extra)
        self._add(tuple(values), extra_json)
        if sum([len(v) for v in values if v]) + len(extra_json) > _LARGE:
            self.lines.pack()

    def add_part(self, element: Element) -> None:
        """Add any other child of the Invoice."""
        self._unfold()
        place(element, INVOICE_PATHS, self.values, self._extra)

    def _unfold(self) -> None:
        for rest in self._members:
            self._extra.update(json.loads(f"{{{rest}}}"))
        self._members.clear()

    def _add(self, row: Row, extra_json: str) -> None:
        self.lines.append(row, extra_json)
        if self.lines.packed_size > _MOST_PACKED:
            reason = f"the lines of one invoice hold more than {_MOST_PACKED} bytes"
            raise ContentError(reason, line=self.line)
        self.sums.line(row[_DEBIT], row[_CREDIT])
        self._digest = hash((self._digest, row, extra_json))
        number = int(row[0]) if row[0] is not None else -1
        if number <= self._last:
            self._numbers_fail = True
        self._last = number

    @property
    def number(self) -> str | None:
        """InvoiceNo."""
        return self.values[_NO]

    def number_lines(self) -> bool:
        """Number the lines by position if a LineNumber is missing or repeated: whether it is so.

        (invoice, line number) is the key of a line; losing a line would lose its money.
        """
        self.sums.status = self.values[_STATUS]
        if self._numbers_fail:
            numbers = [row[0] for row in self.lines]
            self.lines.numbered_by_position = None in numbers or len(set(numbers)) < len(numbers)
        return self.lines.numbered_by_position

    def finish(self, company_id: str | None) -> tuple[Invoice, int]:
        """The invoice, with the columns that are computed, and a hash of all that it says."""
        values = self.values
        values[_COMPANY] = company_id
        values[_EXTRACT] = _printed(values[_HASH])
        values[_LINE_COUNT] = str(len(self.lines))
        if self._extra:
            self._unfold()
            self._from_extra()
            self._members = [members(self._extra)]
        row, extra_json = tuple(values), ",".join(self._members)
        content = hash((row, extra_json, self._digest))
        return Invoice(row, self.lines, self.line, extra_json), content

    def _from_extra(self) -> None:
        values, extra = self.values, self._extra
        totals = extra.get(_TOTALS)
        if isinstance(totals, dict):
            values[_PAID] = _total(totals.get("payment"), "payment_amount")
            if values[_CURRENCY] is None and "currency" in totals:
                values[_CURRENCY] = _old_currency(totals["currency"])
        values[_WITHHELD] = _total(extra.get("withholding_tax"), "withholding_tax_amount")


def _old_currency(currency: object) -> str | None:
    """1.01 has the amount as CurrencyCreditAmount or CurrencyDebitAmount, the other maybe 0."""
    if not isinstance(currency, dict):
        return None
    found = [currency.get(f"currency_{side}_amount") for side in ("credit", "debit")]
    given = [amount for amount in found if isinstance(amount, str)]
    return next((a for a in given if a.strip("0.")), given[0] if given else None)


def _printed(signature: str | None) -> str | None:
    """The characters of Hash that are printed on the invoice (Portaria 363/2010)."""
    if signature is None or len(signature) <= _PRINTED[-1]:
        return None
    return "".join(signature[i] for i in _PRINTED)


def _total(parts: list[object] | None, key: str) -> str | None:
    if not parts:
        return None
    amounts = [p[key] for p in parts if isinstance(p, dict) and isinstance(p.get(key), str)]
    if len(amounts) < 2:
        return amounts[0] if amounts else None
    return plain(exact_sum(amounts))
