"""The VAT rates of Portugal's three regions over time, and the tax of an invoice's lines.

Sources: the mainland's rates are CIVA article 18 as changed by Lei 16-A/2002 (2002-06-05), Lei
39/2005 (2005-07-01), Lei 26-A/2008 (2008-07-01), Lei 12-A/2010 (2010-07-01) and Lei 55-A/2010
(2011-01-01), which set those of both islands too (DL 347/85, article 1). Since then Madeira: Lei
14-A/2012 (2012-04-01), Orçamento da RAM para 2024 (2024-10-01); the Azores: Lei 83-C/2013
(2014-01-01), Lei 63-A/2015 (2015-07-01), DLR 15-A/2021/A (2021-07-01); both confirmed by Ofício
Circulado 25045/2024. Exemptions: the assertions on Line in the 1.04_01 schema.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from saft_pipeline.saft.fields import INVOICE_FIELDS, LINE_FIELDS
from saft_pipeline.saft.records import Invoice, Row
from saft_pipeline.saft.rules.findings import Finding

_Rates = tuple[tuple[str, str], ...]  # since when, and how much: the newest first


def _of_islands(*later: tuple[str, str], normal: bool = False, middle: bool = False) -> _Rates:
    if normal:
        before: _Rates = (
            ("2011-01-01", "16"), ("2010-07-01", "15"), ("2008-07-01", "14"),
            ("2005-07-01", "15"), ("2002-06-05", "13"),
        )  # fmt: skip
    elif middle:
        before = (("2010-07-01", "9"), ("2002-06-05", "8"))
    else:
        before = (("2002-06-05", "4"),)
    return later + before


RATES: dict[tuple[str, str], _Rates] = {
    ("PT", "NOR"): (
        ("2011-01-01", "23"), ("2010-07-01", "21"), ("2008-07-01", "20"),
        ("2005-07-01", "21"), ("2002-06-05", "19"),
    ),
    ("PT", "INT"): (("2010-07-01", "13"), ("1996-07-01", "12")),
    ("PT", "RED"): (("2010-07-01", "6"), ("1992-03-24", "5")),
    ("PT-AC", "NOR"): _of_islands(("2021-07-01", "16"), ("2014-01-01", "18"), normal=True),
    ("PT-AC", "INT"): _of_islands(("2015-07-01", "9"), ("2014-01-01", "10"), middle=True),
    ("PT-AC", "RED"): _of_islands(("2015-07-01", "4"), ("2014-01-01", "5")),
    ("PT-MA", "NOR"): _of_islands(("2012-04-01", "22"), normal=True),
    ("PT-MA", "INT"): _of_islands(("2012-04-01", "12"), middle=True),
    ("PT-MA", "RED"): _of_islands(("2024-10-01", "4"), ("2012-04-01", "5")),
    **{(region, "ISE"): (("0001-01-01", "0"),) for region in ("PT", "PT-AC", "PT-MA")},
}  # fmt: skip

_NUMBER, _DATE = INVOICE_FIELDS.index("invoice_no"), INVOICE_FIELDS.index("invoice_date")
_TYPE, _REGION, _CODE, _PERCENTAGE, _AMOUNT, _REASON, _REASON_CODE, _POINT, _REFERENCE = (
    LINE_FIELDS.index(name)
    for name in (
        *("tax_type", "tax_country_region", "tax_code", "tax_percentage", "tax_amount"),
        *("tax_exemption_reason", "tax_exemption_code", "tax_point_date", "reference"),
    )
)
_MOST = 10_000


def rates_on(region: str, code: str, day: str) -> list[str]:
    """The rate in force on a day and, before it, those that a correction may still apply.

    Empty where the region or code has none, or the day is before the oldest known.
    """
    return [rate for since, rate in RATES.get((region, code), ()) if since <= day]


class Taxes:
    """Checks lines, and remembers which combinations were right: a file has few of them."""

    def __init__(self, *, has_codes: bool) -> None:
        self._has_codes = has_codes  # TaxExemptionCode is of 1.04
        self._right: set[tuple[str | None, ...]] = set()

    def taxes(self, invoice: Invoice) -> Iterator[Finding]:
        """TaxPercentage by region, code and date; exemption reasons where the tax is zero."""
        date, right = invoice.values[_DATE], self._right
        for row in invoice.lines:
            key = (date, row[_POINT], *row[_TYPE : _REASON_CODE + 1], row[_REFERENCE] and "")
            if key in right:
                continue
            wrong = list(self._wrong(invoice, row))
            yield from wrong
            if not wrong and len(right) < _MOST:
                right.add(key)

    def _wrong(self, invoice: Invoice, row: Row) -> Iterator[Finding]:
        document = f"{invoice.values[_NUMBER]} line {row[0]}"
        if rate := _rate(row, row[_POINT] or invoice.values[_DATE]):
            yield Finding("tax_rate", "warning", invoice.line, document, *rate)
        if exemption := self._exemption(row):
            yield Finding("tax_exemption", "warning", invoice.line, document, *exemption)

    def _exemption(self, row: Row) -> tuple[str, str | None] | None:
        tax = row[_PERCENTAGE] or row[_AMOUNT]
        if tax is None:
            return None
        reason, code = row[_REASON], row[_REASON_CODE]
        if not Decimal(tax) and reason is None:
            return "a TaxExemptionReason for a tax of zero", None
        if Decimal(tax) and reason is not None:
            return f"no TaxExemptionReason for a tax of {tax}", reason
        if self._has_codes and (reason is None) != (code is None):
            return "TaxExemptionReason and TaxExemptionCode together", reason or code
        return None


def _rate(row: Row, day: str | None) -> tuple[str, str] | None:
    """What is expected and found; a correction may have the rate of what it corrects."""
    percentage, region, code = row[_PERCENTAGE], row[_REGION], row[_CODE]
    if row[_TYPE] != "IVA" or percentage is None or day is None:
        return None
    known = rates_on(region or "", code or "", day)
    if not known or Decimal(percentage) in map(Decimal, known if row[_REFERENCE] else known[:1]):
        return None
    return f"{known[0]} % ({region}, {code}, {day})", f"{percentage} %"
