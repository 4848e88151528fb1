"""A document's type, status and dates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from operator import itemgetter

from saft_pipeline.saft.records import Header, Invoice, Row
from saft_pipeline.saft.rules.codes import INVOICE_STATUSES, INVOICE_TYPES, SOURCE_BILLING
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.rules.slots import of_invoice

_NUMBER, _DATE, _ENTERED, _PERIOD = of_invoice("invoice_no invoice_date system_entry_date period")
_TYPE, _STATUS, _SOURCE = of_invoice("invoice_type invoice_status source_billing")
_STATUS_DATE, _REASON = of_invoice("invoice_status_date status_reason")
_MOST = 1_000
_SECONDS = len("2025-01-31T23:59:59")
_order_dates = re.compile(r'"order_date":"([^"]*)"').findall
_negative_duties = re.compile(r'"iec_amount":"(-[^"]*)"').findall
CODED = (_TYPE, _STATUS, _SOURCE)
_coded_by = itemgetter(*CODED, _DATE)

_Said = tuple[str, str, str]  # rule, expected, found


class Documents:
    """Checks documents by the Header's dates."""

    def __init__(self, header: Header) -> None:
        self._start = header.start_date or "0000"
        self._end = header.end_date or "9999"
        created = header.date_created or ""
        self._created = created if created >= self._start else "9999"  # the Header is told of
        self.last_time = f"{self._created}T~"  # that a document may tell of
        self._first_month = _first_month(self._start, self._end, header.fiscal_year)

    def documents(self, invoice: Invoice) -> Iterable[Finding]:
        """Codes, status and dates."""
        values = invoice.values
        are_right = (
            self.are_times_right(values)
            and are_codes_right(values)
            and self.is_day_right(values[_DATE], values[_PERIOD])
        )
        return () if are_right else self._looked_at(invoice)

    def is_day_right(self, date: str | None, period: str | None) -> bool:
        """Whether nothing is to be said of InvoiceDate and Period."""
        return not any(self._dated(date, period))

    def are_times_right(self, values: Row) -> bool:
        """Whether, at first sight, its times agree, and if it is cancelled it says why."""
        entered = values[_ENTERED]
        return (
            entered is not None
            and (values[_DATE] or "~") <= entered <= (values[_STATUS_DATE] or entered)
            and (values[_STATUS_DATE] or entered) <= self.last_time
            and (values[_STATUS] != "A" or values[_REASON] is not None)
        )

    def _looked_at(self, invoice: Invoice) -> Iterator[Finding]:
        values = invoice.values
        date, entered, changed = values[_DATE], values[_ENTERED], values[_STATUS_DATE]
        yield from self._codes(invoice)
        if values[_STATUS] == "A" and values[_REASON] is None:
            yield _about(invoice, "cancelled_reason", "a Reason of the cancellation", None)
        if entered is None:
            return
        is_other = changed is not None and changed[:_SECONDS] != entered[:_SECONDS]
        if changed is not None and is_other and is_before(changed, entered):
            expected = f"{entered}, when it was entered, or later"
            yield _about(invoice, "status_date", expected, changed)
        if date is not None and date > entered:
            expected = f"{entered[:10]}, when it was entered, or before"
            yield _about(invoice, "invoice_date", expected, date)
        last = max(entered, changed or "")
        if last > self.last_time and not last.endswith("Z"):
            expected = f"{self._created}, when the file was made, or before"
            yield _about(invoice, "later_than_file", expected, last)

    def _codes(self, invoice: Invoice) -> Iterator[Finding]:
        values = invoice.values
        dated = self._dated(values[_DATE], values[_PERIOD])
        for said in (*_coded(*_coded_by(values)), *dated):
            yield _about(invoice, *said)

    def _dated(self, date: str | None, period: str | None) -> Iterator[_Said]:
        if date is None:
            return
        if not self._start <= date <= self._end:
            yield "period", f"{self._start} to {self._end}, the file's period", date
        if period is None:
            return
        if not 1 <= int(period) <= 12:
            yield "period_number", "1 to 12", period
        elif first := self._first_month:
            expected = (int(date[5:7]) - first) % 12 + 1
            if int(period) != expected:
                yield "period_month", f"{expected}, of {date}", period


def _first_month(start: str, end: str, year: str | None) -> int:
    """The fiscal year's: January where it can be the calendar's; 0 where the file is of a part."""
    if (year or start[:4]) == start[:4] and end[:4] in (start[:4], "9999"):
        return 1
    months = 12 * (int(end[:4]) - int(start[:4])) + int(end[5:7] or 0) - int(start[5:7] or 0)
    return int(start[5:7]) if months == 11 else 0


def are_codes_right(values: Row) -> bool:
    """Whether nothing is to be said of what is `CODED`, in documents of its date's era."""
    return not _coded(*_coded_by(values))


def is_before(time: str, other: str) -> bool:
    """Whether the clock showed a time before another: of UTC (Z) beside local time not told."""
    return time < other and time.endswith("Z") == other.endswith("Z")


def line_extras(invoice: Invoice) -> Iterator[Finding]:
    """The dates of the documents that lines come from (OrderReferences), and excise duties."""
    date = invoice.values[_DATE]
    if not invoice.lines.have_extras:
        return
    for row, extra in chain.from_iterable(invoice.lines.blocks()):
        about = f"{invoice.values[_NUMBER]} line {row[0]}"
        for ordered in _order_dates(extra):
            if date is not None and ordered > date:
                yield finding("order_date", invoice.line, about, f"{date} or before", ordered)
        for duty in _negative_duties(extra):
            yield finding("negative_amount", invoice.line, about, "IECAmount of 0 or more", duty)


@lru_cache(maxsize=_MOST)
def _coded(
    kind: str | None, status: str | None, source: str | None, date: str | None
) -> tuple[_Said, ...]:
    found = []
    if kind is not None and kind not in INVOICE_TYPES:
        found.append(("invoice_type", "a type such as FT, FS, FR, ND or NC", kind))
    elif kind is not None and date is not None and not INVOICE_TYPES.in_force(kind, date):
        row = INVOICE_TYPES.last(kind)
        force = f"until {row.until}" if row.until else f"from {row.since}"
        expected = f"a type in force on {date}: {kind} is so {force}"
        found.append(("invoice_type_ended", expected, kind))
    if status is not None and status not in INVOICE_STATUSES:
        found.append(("invoice_status", "N, S, A, R or F", status))
    if source is not None and source not in SOURCE_BILLING:
        found.append(("source_billing", "P, I or M", source))
    return tuple(found)


def _about(invoice: Invoice, rule: str, expected: str, found: str | None) -> Finding:
    return finding(rule, invoice.line, invoice.values[_NUMBER], expected, found)
