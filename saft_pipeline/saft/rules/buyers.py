"""Whom a sale without tax may be made to: some exemption reasons hold for some buyers only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import IntEnum

from saft_pipeline.saft.records import Invoice
from saft_pipeline.saft.rules.codes import COUNTRIES, EU_MEMBERS, REVERSE_CHARGE
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.rules.slots import of_invoice, of_line
from saft_pipeline.saft.rules.tax_numbers import CONSUMER, PORTUGAL

_NUMBER, _DATE, _STATUS = of_invoice("invoice_no invoice_date invoice_status")
(_CODE,) = of_line("tax_exemption_code")
_SUPPLY, _SERVICE = "M16", "M40"
_WITHIN = frozenset(("PT", "GB", "XI", *(row.value for row in EU_MEMBERS.rows)))
_LEFT = "2021-01-01"  # the United Kingdom: Withdrawal Agreement, art. 126
_NON_RESIDENT = ("45", "71", "98")
asks_for_buyer = re.compile("|".join(sorted((_SUPPLY, *REVERSE_CHARGE)))).search


class Buyer(IntEnum):
    """What a buyer's tax number and country tell of it."""

    CONSUMER, PORTUGUESE, COMMUNITY, BRITISH, OTHER, UNKNOWN = range(6)


def buyer_of(number: str | None, country: str | None) -> Buyer:
    """By the letters that a number begins with, else by the country of its address."""
    if not number or number == CONSUMER:
        return Buyer.CONSUMER
    place = number[:2] if number[:2] in _WITHIN else country
    if place in PORTUGAL:
        return Buyer.OTHER if number.startswith(_NON_RESIDENT) else Buyer.PORTUGUESE
    if place == "GB":
        return Buyer.BRITISH
    if place in _WITHIN:
        return Buyer.COMMUNITY
    return Buyer.OTHER if place in COUNTRIES else Buyer.UNKNOWN


def exempt_to(invoice: Invoice, buyer: int) -> Iterator[Finding]:
    """Exemption reasons of lines that don't hold for who buys."""
    values = invoice.values
    if values[_STATUS] == "A":
        return
    for row in invoice.lines:
        for code in re.findall("M[0-9]{2}", row[_CODE] or ""):
            if wrong := _wrong(code, buyer, values[_DATE] or ""):
                rule, expected = wrong
                about = f"{values[_NUMBER]} line {row[0]}"
                yield finding(rule, invoice.line, about, expected, code)


def _wrong(code: str, buyer: int, day: str) -> tuple[str, str] | None:
    if code in REVERSE_CHARGE and buyer == Buyer.CONSUMER:
        return "reverse_charge_buyer", "a buyer with a tax number, who owes the tax"
    if code == _SERVICE and buyer == Buyer.PORTUGUESE:
        return "foreign_buyer", "a buyer abroad"
    may_be = buyer in (Buyer.COMMUNITY, Buyer.UNKNOWN) or (buyer == Buyer.BRITISH and day < _LEFT)
    if code == _SUPPLY and not may_be:
        return "foreign_buyer", "a buyer with a VAT number of another member state"
    return None
