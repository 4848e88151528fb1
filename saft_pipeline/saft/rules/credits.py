"""Credit notes against what they correct, as far as the file has both.

What came in other files is compared in the tables (view `invoice_credits`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from saft_pipeline.saft.records import Invoice, Row
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.rules.series import Series
from saft_pipeline.saft.rules.slots import of_invoice, of_line
from saft_pipeline.saft.seen import SeenKeys

_NUMBER, _DATE, _TYPE, _STATUS = of_invoice("invoice_no invoice_date invoice_type invoice_status")
_CUSTOMER, _GROSS, _STATUS_DATE = of_invoice("customer_id gross_total invoice_status_date")
_REFERENCE, _DEBIT, _CREDIT, _PERCENTAGE, _TAX = of_line(
    "reference debit_amount credit_amount tax_percentage tax_amount"
)
_MOST = 340_000  # documents that notes can be compared with: 17 MB, and four times as many in order
_MOST_NOTES = 10_000
_FEW = 64  # beyond, numbers that follow each other are added faster
_CANCELLED = 1 << 31
CUSTOMER_BITS = _CANCELLED - 1
_CENT = 0.011


class _Note(NamedTuple):
    """What a credit note gives back of one document."""

    line: int
    number: str | None
    day: int
    customer: int
    reference: str
    amount: float
    slack: float


class Credits:
    """Follows documents, and compares each credit note with those that it names.

    `buyer` gives a number of `CUSTOMER_BITS` for who has a CustomerID: the same for the same.
    """

    def __init__(self, buyer: Callable[[str | None], int]) -> None:
        self._buyer = buyer
        self._documents = SeenKeys("dII", _MOST, few=_FEW)  # GrossTotal, day, customer and state
        self._credited: dict[str, float] = {}
        self._waiting: list[_Note] = []
        self.left_out = 0

    def credits(self, invoice: Invoice) -> Iterable[Finding]:
        """A note against its documents; what comes after it waits for the file's end."""
        values = invoice.values
        if values[_TYPE] != "NC":
            day, is_cancelled = day_of(values[_DATE]), values[_STATUS] == "A"
            self.note(values[_NUMBER], day, values[_CUSTOMER], values[_GROSS], is_cancelled)
            return ()
        return self._given_back(invoice) if values[_STATUS] != "A" else ()

    def _given_back(self, invoice: Invoice) -> Iterator[Finding]:
        for note in _notes(invoice, self._buyer(invoice.values[_CUSTOMER])):
            found = self._documents.get(note.reference)
            if found is not None:
                yield from self._compared(note, *found)
            elif len(self._waiting) < _MOST_NOTES:
                self._waiting.append(note)
            else:
                self.left_out += 1

    def note(
        self,
        number: str | None,
        day: int,
        customer: str | None,
        gross: str | None,
        is_cancelled: bool,  # noqa: FBT001 - a name at each call takes its time
        series: Series | None = None,
    ) -> None:
        """Keep what a credit note is compared with, of any other document.

        `series` is that which it follows the last one of, if that is known.
        """
        state = self._buyer(customer)
        if is_cancelled:
            state |= _CANCELLED
        beside = abs(float(gross or "inf")), day, state  # where there is none, any note fits
        if series is not None:
            if (run := series.run) is None:
                series.run = self._documents.run(f"{series.name}/")
            elif self._documents.add_next(run, series.number, beside):
                return
        self._documents.add(number, *beside)

    def take(self, reference: str, day: int, customer: str | None, gross: str | None) -> bool:
        """Take a note that gives back of one document, if there is nothing to say of it.

        False if there may be something; nothing is taken then.
        """
        found = self._documents.get(reference)
        if found is None or gross is None:
            return False
        most, from_day, state = found
        before = self._credited.get(reference, 0.0)
        given = before + abs(float(gross))
        if (day and day < from_day) or state != self._buyer(customer) or given > most + _CENT:
            return False
        if len(self._credited) < _MOST_NOTES or before:
            self._credited[reference] = given
        return True

    def _compared(self, note: _Note, most: float, day: int, state: int) -> Iterator[Finding]:
        about = note.reference
        if note.day and note.day < day:
            expected = f"{_text(day)}, the date of {about}, or later"
            yield finding("credit_date", note.line, note.number, expected, _text(note.day))
        if state & _CANCELLED:
            expected = "a document that is not cancelled"
            yield finding("credit_cancelled", note.line, note.number, expected, about)
        customers = {state & CUSTOMER_BITS, note.customer}
        if len(customers) > 1 and self._buyer(None) not in customers:
            expected = f"the customer of {about}"
            yield finding("credit_customer", note.line, note.number, expected, "another customer")
        before = self._credited.get(about, 0.0)
        given = before + note.amount
        if len(self._credited) < _MOST_NOTES or before:
            self._credited[about] = given
        if given > most + note.slack >= before:
            expected = f"{most:.2f} at most, the GrossTotal of {about}"
            yield finding("credit_amount", note.line, note.number, expected, f"{given:.2f}")

    def finish(self) -> Iterator[Finding]:
        """Notes that came before their documents."""
        self.left_out += self._documents.left_out
        for note in self._waiting:
            if (found := self._documents.get(note.reference)) is not None:
                yield from self._compared(note, *found)


def _notes(invoice: Invoice, customer: int) -> Iterator[_Note]:
    """One for each document that the lines name; of a single one the whole GrossTotal."""
    values, lines = invoice.values, len(invoice.lines)
    gross = values[_GROSS]
    given: dict[str, float] = dict.fromkeys(
        (reference for row in invoice.lines if (reference := row[_REFERENCE]) is not None), 0.0
    )
    if len(given) == 1 and gross is not None:
        given = dict.fromkeys(given, abs(float(gross)))
    else:
        for row in invoice.lines:
            if (reference := row[_REFERENCE]) is not None:
                given[reference] += _with_tax(row)
    day = day_of(values[_DATE])
    for reference, amount in given.items():
        slack = _CENT * (lines + 1) if len(given) > 1 else _CENT
        yield _Note(invoice.line, values[_NUMBER], day, customer, reference, amount, slack)


def _with_tax(row: Row) -> float:
    amount = float(row[_DEBIT] or 0) - float(row[_CREDIT] or 0)
    tax = float(row[_TAX] or 0) if row[_TAX] else amount * float(row[_PERCENTAGE] or 0) / 100
    return amount + tax


@lru_cache(maxsize=64)
def day_of(date: str | None) -> int:
    """`2025-03-01` as 20250301; 0 where there is none."""
    return int(date.replace("-", "")) if date else 0


def _text(day: int) -> str:
    text = str(day)
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"
