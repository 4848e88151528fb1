"""The tax of an invoice's lines: its codes, its rate on the day, and why there is none."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from operator import itemgetter

from saft_pipeline.saft.records import Invoice, Row
from saft_pipeline.saft.rules.codes import (
    COUNTRIES,
    EXEMPTION_CODES,
    INVOICE_TYPES,
    TAX_TYPES,
    VAT_CODES,
)
from saft_pipeline.saft.rules.dated import ALWAYS, turns
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.rules.rates import RATES, rates_between
from saft_pipeline.saft.rules.slots import of_invoice, of_line

_NUMBER, _DATE = of_invoice("invoice_no invoice_date")
_TYPE, _REGION, _CODE, _PERCENTAGE, _AMOUNT = of_line(
    "tax_type tax_country_region tax_code tax_percentage tax_amount"
)
_REASON, _REASON_CODE = of_line("tax_exemption_reason tax_exemption_code")
_POINT, _REFERENCE = of_line("tax_point_date reference")
_tax_of = itemgetter(_TYPE, _REGION, _CODE, _PERCENTAGE, _AMOUNT, _REASON, _REASON_CODE)
_is_exemption_code = re.compile(r"(?:M[0-9]{2})+", re.ASCII).fullmatch
_is_stamp_code = re.compile(r"[A-Za-z0-9.]{1,10}", re.ASCII).fullmatch
_MOST = 10_000
_TURNS = turns(chain(EXEMPTION_CODES.rows, INVOICE_TYPES.rows, *RATES.values()))

Key = tuple[str | None, str | None, str | None]  # TaxType, TaxCountryRegion, TaxCode
Rate = tuple[Key, str]
_Wrong = tuple[str, str, str | None]  # rule, expected, found


@lru_cache(maxsize=1_000)
def era(day: str | None) -> int:
    """One of the spans of time in which no rate, exemption reason or type begins or ends."""
    return bisect_right(_TURNS, day) if day is not None else -1


class Taxes:
    """Checks lines, and remembers which combinations were right: a file has few of them.

    `rates` are those of the file's TaxTable.
    """

    def __init__(self, rates: Iterable[Rate], *, has_codes: bool) -> None:
        self._table: dict[Key, set[str]] = {}
        for key, rate in rates:
            self._table.setdefault(key, set()).add(rate)
        self._has_codes = has_codes  # TaxExemptionCode is of 1.04
        self._right: set[tuple[int, int, bool, Row]] = set()

    def taxes(self, invoice: Invoice) -> Iterator[Finding]:
        """Codes; TaxPercentage by region, code and date; exemption reasons where it is zero."""
        date = invoice.values[_DATE]
        for row in invoice.lines:
            if not self.is_right(row, date):
                document = f"{invoice.values[_NUMBER]} line {row[0]}"
                for rule, expected, found in self._wrong(row, date):
                    yield finding(rule, invoice.line, document, expected, found)

    def is_right(self, row: Row, date: str | None) -> bool:
        """Whether there is nothing to say of the tax of a line, in a document of this date."""
        key = era(date), era(row[_POINT] or date), row[_REFERENCE] is None, _tax_of(row)
        if key in self._right:
            return True
        if any(self._wrong(row, date)):
            return False
        if len(self._right) < _MOST:
            self._right.add(key)
        return True

    def _wrong(self, row: Row, date: str | None) -> Iterator[_Wrong]:
        days = sorted({day for day in (row[_POINT], date) if day is not None})
        yield from odd_codes(row[_TYPE], row[_REGION])
        if (tax := row[_CODE]) is not None and (expected := _expected_code(row[_TYPE], tax)):
            yield "tax_code", expected, tax
        if rate := _rate(row, days):
            yield "tax_rate", *rate
        else:
            yield from self._listed(row)
        yield from self._exemption(row)
        if (code := row[_REASON_CODE]) is not None:
            yield from _exemption_code(code, days, row[_REFERENCE])

    def _listed(self, row: Row) -> Iterator[_Wrong]:
        """Only a rate that contradicts the table is told: many leave rarer taxes out of it."""
        listed = self._table.get((row[_TYPE], row[_REGION], row[_CODE]))
        percentage = row[_PERCENTAGE]
        if listed and percentage and Decimal(percentage) not in map(Decimal, listed):
            expected = f"{' or '.join(sorted(listed))} %, as TaxTable has"
            yield "tax_table", expected, f"{percentage} %"

    def _exemption(self, row: Row) -> Iterator[_Wrong]:
        tax = row[_PERCENTAGE] or row[_AMOUNT]
        reason, code = row[_REASON], row[_REASON_CODE]
        if tax is None:
            return
        if not Decimal(tax) and reason is None:
            yield "tax_exemption", "a TaxExemptionReason for a tax of zero", None
        elif Decimal(tax) and reason is not None:
            yield "tax_exemption", f"no TaxExemptionReason for a tax of {tax}", reason
        elif self._has_codes and (reason is None) != (code is None):
            expected = "TaxExemptionReason and TaxExemptionCode together"
            yield "tax_exemption", expected, reason or code


def odd_codes(kind: str | None, region: str | None) -> Iterator[_Wrong]:
    """What is wrong with a TaxType and a TaxCountryRegion."""
    if kind is not None and kind not in TAX_TYPES:
        yield "tax_type", "IVA, IS or NS", kind
    if region is not None and region not in COUNTRIES:
        yield "tax_country_region", "a country's two letters, PT-AC or PT-MA", region


def _expected_code(kind: str | None, code: str) -> str | None:
    """What is expected instead of a TaxCode, None if it is right."""
    if kind == "IVA" and code not in VAT_CODES:
        return "RED, INT, NOR, ISE or OUT"
    if kind == "NS" and code != "NS":
        return "NS"
    if kind == "IS" and not _is_stamp_code(code):
        return "a number of the stamp duty's table, such as 17.3.1"
    return None


def _exemption_code(code: str, days: Sequence[str], corrected: str | None) -> Iterator[_Wrong]:
    """A correction may have the reason of what it corrects, though that has ended since."""
    if not _is_exemption_code(code):
        yield "exemption_code_form", "M and two digits", code
        return
    for start in range(0, len(code), 3):
        one = code[start : start + 3]
        if one not in EXEMPTION_CODES:
            yield "exemption_code", "a code of the tax authority's table", one
        elif days and not any(EXEMPTION_CODES.in_force(one, day) for day in days):
            row = EXEMPTION_CODES.last(one)
            if corrected is not None and row.since <= days[-1]:
                continue
            ends = f" until {row.until}" if row.until else ""
            expected = f"a code in force on {days[-1]}: {one} is so from {row.since}{ends}"
            yield "exemption_code", expected, one


def _rate(row: Row, days: Sequence[str]) -> tuple[str, str] | None:
    """What is expected and found; a correction may have the rate of what it corrects.

    The rate is that of the day on which the tax is due (CIVA art. 18 n.º 9): that of the invoice,
    or of the supply where it was invoiced late (art. 8). Which it is the file doesn't say.
    """
    percentage, region, code = row[_PERCENTAGE], row[_REGION], row[_CODE]
    if row[_TYPE] != "IVA" or percentage is None or not days:
        return None
    first = ALWAYS if row[_REFERENCE] else days[0]
    known = rates_between(region or "", code or "", first, days[-1])
    if not known or Decimal(percentage) in map(Decimal, known):
        return None
    return f"{known[0]} % ({region}, {code}, {days[-1]})", f"{percentage} %"
