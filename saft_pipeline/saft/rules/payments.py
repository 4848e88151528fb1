"""What is paid, withheld and converted of a document, and the limits of simplified invoices."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from saft_pipeline.saft.records import Invoice, Row
from saft_pipeline.saft.rules.codes import (
    CURRENCIES,
    PAYMENT_MECHANISMS,
    WITHHOLDING_TAX_TYPES,
)
from saft_pipeline.saft.rules.elements import held_in
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.rules.slots import of_invoice, of_line
from saft_pipeline.saft.values import plain

_NUMBER, _TYPE, _NET, _GROSS, _STATUS, _DATE = of_invoice(
    "invoice_no invoice_type net_total gross_total invoice_status invoice_date"
)
(_EXEMPTION,) = of_line("tax_exemption_code")
_PAID, _WITHHELD = of_invoice("payment_amount withholding_tax_amount")
_CODE, _AMOUNT = of_invoice("currency_code currency_amount")
_CENT, _HALF = Decimal("0.01"), Decimal("0.5")
_RETAIL_LIMIT, _LIMIT = 1000, 100  # EUR: CIVA art. 40 n.º 1 a), b)
_SMALL_FIRM, _SMALL_SINCE = "M10", "2025-03-25"  # the same article, by DL 35/2025
_mechanisms = re.compile(r'"payment_mechanism":"([^"]*)"').findall
_withheld_as = re.compile(r'"withholding_tax_type":"([^"]*)"').findall
_negative = re.compile(r'"(\w+_amount|exchange_rate)":"(-[^"]*)"').findall
_PAYMENT, _WITHHOLDING = '"payment":', '"withholding_tax":'
_MECHANISM, _CURRENCY, _NEGATIVE = '"payment_mechanism":"', '"currency":', '":"-'
_CLOSED = frozenset(f'{row.value}"' for row in PAYMENT_MECHANISMS.rows)


def payments(invoice: Invoice) -> Iterable[Finding]:
    """Currency, payments, withholding tax and FR."""
    return () if _is_usual(invoice.values, invoice.extra_json) else _all(invoice)


def _is_usual(values: Row, extra: str) -> bool:
    """Whether there is nothing to look at, or all is paid as it should be: most often so."""
    if values[_CODE] is not None or _CURRENCY in extra or _WITHHOLDING in extra:
        return False
    if not is_settled(values):
        return False
    if values[_PAID] is None and _PAYMENT in extra:
        return False
    return _NEGATIVE not in extra and _has_known_mechanisms(extra)


def is_settled(values: Row) -> bool:
    """Whether all is paid or nothing, without withholding."""
    paid = values[_PAID]
    return paid == values[_GROSS] if paid is not None else values[_TYPE] != "FR"


def _has_known_mechanisms(extra: str) -> bool:
    at = extra.find(_MECHANISM)
    while at >= 0:
        at += len(_MECHANISM)
        if extra[at : at + 3] not in _CLOSED:
            return False
        at = extra.find(_MECHANISM, at)
    return True


def _all(invoice: Invoice) -> Iterator[Finding]:
    values = invoice.values
    currency = [("currency_amount", n) for n in (values[_AMOUNT],) if n is not None and n[0] == "-"]
    for name, amount in (*_negative(invoice.extra_json), *currency):
        said = name.title().replace("_", "")
        yield _about(invoice, "negative_amount", f"{said} of 0 or more", amount)
    for mechanism in _mechanisms(invoice.extra_json):
        if mechanism not in PAYMENT_MECHANISMS:
            expected = "a mechanism such as CC, MB, NU or TB"
            yield _about(invoice, "payment_mechanism", expected, mechanism)
    if values[_PAID] is not None or values[_WITHHELD] is not None:
        yield from _settled(invoice)
    elif values[_TYPE] == "FR" and values[_STATUS] != "A" and float(values[_GROSS] or 1):
        yield _about(invoice, "fr_unpaid", "a Payment", None)
    if _CURRENCY in invoice.extra_json or values[_CODE] is not None:
        yield from _currency(invoice)


def _settled(invoice: Invoice) -> Iterator[Finding]:
    values, extra = invoice.values, invoice.extra_json
    count = extra.count('"payment_amount":')
    gross, net, withheld = values[_GROSS], values[_NET], values[_WITHHELD]
    is_open = withheld is not None or gross != values[_PAID]
    if gross is not None and is_open and values[_STATUS] != "A":
        yield from _paid(invoice, Decimal(gross), count)
    if withheld is None:
        return
    for kind in _withheld_as(extra):
        if kind not in WITHHOLDING_TAX_TYPES:
            yield _about(invoice, "withholding_tax_type", "IRS, IRC or IS", kind)
    if net is not None:
        yield from _withheld(invoice, Decimal(net), Decimal(withheld))


def _paid(invoice: Invoice, gross: Decimal, count: int) -> Iterator[Finding]:
    paid, withheld = invoice.values[_PAID], invoice.values[_WITHHELD]
    if paid is None:
        return
    owed = gross - Decimal(withheld or 0)
    over, slack = Decimal(paid) - owed, count * _CENT
    if invoice.values[_TYPE] == "FR" and abs(over) > slack:
        yield _about(invoice, "fr_payment", f"payments of {plain(owed)}", paid)
    elif over > slack:
        yield _about(invoice, "payment_total", f"payments of {plain(owed)} at most", paid)


def _withheld(invoice: Invoice, net: Decimal, withheld: Decimal) -> Iterator[Finding]:
    if withheld > abs(net):
        yield _about(invoice, "withholding", f"{plain(abs(net))} at most", plain(withheld))
    elif withheld * 2 > abs(net):
        expected = f"half of {plain(abs(net))} at most"
        yield _about(invoice, "withholding_half", expected, plain(withheld))


def _currency(invoice: Invoice) -> Iterator[Finding]:
    given = (*held_in(_part(invoice.extra, "document_totals"), "currency"), {})[0]
    code, amount, rate = invoice.values[_CODE], invoice.values[_AMOUNT], given.get("exchange_rate")
    if rate is None:
        yield _about(invoice, "exchange_rate", "ExchangeRate", None)
    if code is not None and code not in CURRENCIES:
        yield _about(invoice, "currency_code", "three letters of ISO 4217, not EUR", code)
    gross = invoice.values[_GROSS]
    if amount is None or gross is None or not isinstance(rate, str):
        return
    product = Decimal(amount) * Decimal(rate)
    slack = _unit(amount) * Decimal(rate) + _unit(rate) * Decimal(amount) + _unit(gross)
    if abs(abs(product) - abs(Decimal(gross))) > abs(slack) + _CENT:
        expected = f"CurrencyAmount {amount} x {rate} = {plain(product)}"
        yield _about(invoice, "currency_amount", expected, f"GrossTotal {gross}")


def is_above_limit(gross: str | None) -> bool:
    """Whether a simplified invoice is of more than everyone may write."""
    return gross is not None and float(gross) > _LIMIT


def simplified(invoice: Invoice) -> Iterable[Finding]:
    """The limits of FS."""
    gross = invoice.values[_GROSS]
    if invoice.values[_TYPE] != "FS" or gross is None or not is_above_limit(gross):
        return ()
    if invoice.values[_STATUS] == "A":
        return ()
    if (invoice.values[_DATE] or "") >= _SMALL_SINCE and _is_of_small_firm(invoice):
        return ()
    if Decimal(gross) > _RETAIL_LIMIT:
        return (_about(invoice, "fs_retail_limit", f"at most {_RETAIL_LIMIT}", gross),)
    return (_about(invoice, "fs_limit", f"at most {_LIMIT}, unless by a retailer", gross),)


def _is_of_small_firm(invoice: Invoice) -> bool:
    """Whether all its lines are exempt by CIVA art. 53: such firms have no limit."""
    return all(row[_EXEMPTION] == _SMALL_FIRM for row in invoice.lines)


def _unit(amount: str) -> Decimal:
    """Half of the last digit that is given after the point; a whole number is taken as exact."""
    digits = len(amount.partition(".")[2])
    return _HALF.scaleb(-digits) if digits else Decimal(0)


def _part(extra: dict[str, Any], key: str) -> dict[str, Any]:
    part = extra.get(key)
    return part if isinstance(part, dict) else {}


def _about(invoice: Invoice, rule: str, expected: str, found: str | None) -> Finding:
    return finding(rule, invoice.line, invoice.values[_NUMBER], expected, found)
