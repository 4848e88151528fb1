"""Whether an invoice's amounts follow from each other, and which way they go.

Most invoices are right, so amounts are compared as floats first; only where these differ by more
than half a cent is the difference taken exactly, and held against what rounding explains.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Literal

from saft_pipeline.saft.records import Invoice, Row
from saft_pipeline.saft.rules.codes import DEBIT_TYPES, EITHER_SIDE, INVOICE_TYPES
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.rules.slots import of_invoice, of_line
from saft_pipeline.saft.rules.tax_numbers import has_prefix, is_nif
from saft_pipeline.saft.values import ZERO, add, plain

_NUMBER, _TYPE = of_invoice("invoice_no invoice_type")
_TAX, _NET, _GROSS = of_invoice("tax_payable net_total gross_total")
_DEBIT, _CREDIT = of_line("debit_amount credit_amount")
_PERCENTAGE, _TAX_AMOUNT, _TAX_BASE = of_line("tax_percentage tax_amount tax_base")
_QUANTITY, _PRICE, _SETTLEMENT = of_line("quantity unit_price settlement_amount")
_SIGNED = (_QUANTITY, _PRICE, _TAX_BASE, _DEBIT, _CREDIT, _PERCENTAGE, _TAX_AMOUNT, _SETTLEMENT)
_SIGNED_NAMES = (
    *("Quantity", "UnitPrice", "TaxBase", "DebitAmount", "CreditAmount", "TaxPercentage"),
    *("TaxAmount", "SettlementAmount"),
)
_SIDES = ("line_side", "line_other_side")
_near = itemgetter(_CREDIT, _DEBIT, _PERCENTAGE, _QUANTITY, _PRICE, _SETTLEMENT, _TAX_BASE)
NEAR = 0.005
_NINE_DIGITS = 1e8  # from here on an amount may be a taxpayer's number
_NO_SENSE = Decimal(10**9)
_HALF = Decimal("0.5")
_CENT = Decimal("0.005")

Side = Literal["debit", "credit"]


def side_of(invoice_type: str | None) -> Side | None:
    """The side that a type's lines come to in sum; None if either may be."""
    if invoice_type in DEBIT_TYPES:
        return "debit"
    if invoice_type in EITHER_SIDE or invoice_type not in INVOICE_TYPES:
        return None
    return "credit"


SIGNS: dict[str | None, int] = {
    **{row.value: 1 for row in INVOICE_TYPES.rows if side_of(row.value) == "credit"},
    **dict.fromkeys(DEBIT_TYPES, -1),
}


def amounts(invoice: Invoice) -> Iterable[Finding]:
    """GrossTotal = NetTotal + TaxPayable; both of these from the lines, and these in themselves."""
    return () if _is_near(invoice) else _exactly(invoice)


def _is_near(invoice: Invoice) -> bool:
    net = tax = 0.0
    slack = NEAR
    for row in invoice.lines:
        found = near(row)
        if found is None:
            return False
        net += found[0]
        tax += found[1]
        slack += NEAR  # each line's tax may be rounded
    values = invoice.values
    totals = values[_TAX], values[_NET], values[_GROSS]
    return are_near(totals, SIGNS.get(values[_TYPE]), net, tax, slack)


def are_near(
    totals: Sequence[str | None], sign: int | None, net: float, tax: float, slack: float
) -> bool:
    """Whether TaxPayable, NetTotal and GrossTotal are what `near` finds in the lines, in sum.

    `sign` is that of the type's lines; `slack` is what rounding explains of the tax: `NEAR`, and
    as much again for each line.
    """
    tax_payable, net_total, gross_total = totals
    if sign is None or tax_payable is None or net_total is None or gross_total is None:
        return False
    net_given, tax_given = float(net_total), float(tax_payable)
    return (
        -NEAR < sign * net - net_given < NEAR
        and -slack < sign * tax / 100 - tax_given < slack
        and -NEAR < net_given + tax_given - float(gross_total) < NEAR
        and 0 <= net_given < _NINE_DIGITS
        and tax_given >= 0
    )


def near(row: Row) -> tuple[float, float] | None:
    """A line's amount, less than zero for a debit, and that times the percentage of its tax.

    None if its values don't follow from each other at first sight.
    """
    credit, debit, percentage, quantity, price, given_off, base = _near(row)
    if (credit is None) == (debit is None) or percentage is None or base is not None:
        return None
    if quantity is None or price is None:
        return None
    amount = float(credit or debit or 0)
    count, each, rate = float(quantity), float(price), float(percentage)
    off = float(given_off or 0)
    if amount < 0 or count < 0 or each < 0 or rate < 0 or off < 0:
        return None
    over = count * each - amount
    if over >= NEAR:
        over -= off
    if not -NEAR < over < NEAR:
        return None
    if credit is None:
        amount = -amount
    return amount, amount * rate


class _Sums:
    """What the lines come to, and how far rounding may take the totals from it."""

    def __init__(self) -> None:
        self.net = self.tax = self.slack = self.tax_slack = ZERO

    def add(self, row: Row) -> None:
        amount = _amount(row)
        sign = "" if _is_credit(row) else "-"
        self.net = add(self.net, _negated(amount) if sign else amount)
        tax = plain(_tax(row))
        self.tax = add(self.tax, _negated(tax) if sign else tax)
        self.slack += _unit(amount)
        # Each line's tax may have been rounded to cents, and its amount before.
        self.tax_slack += _CENT + _unit(amount)


def _exactly(invoice: Invoice) -> Iterator[Finding]:
    sums, has_lines = _Sums(), False
    for row in invoice.lines:
        has_lines = True
        yield from _line(invoice, row)
        sums.add(row)
    values = invoice.values
    for name, slot in (("TaxPayable", _TAX), ("NetTotal", _NET), ("GrossTotal", _GROSS)):
        if (values[slot] or "").startswith("-"):
            yield _about(invoice, "negative_amount", f"{name} of 0 or more", values[slot])
    yield from _totals(invoice, sums, has_lines=has_lines)
    yield from _side(invoice, sums.net)


def _totals(invoice: Invoice, sums: _Sums, *, has_lines: bool) -> Iterator[Finding]:
    tax, net, gross = (invoice.values[slot] for slot in (_TAX, _NET, _GROSS))
    if net is not None and tax is not None and gross is not None:
        slack = _unit(net) + _unit(tax) + _unit(gross)
        expected = Decimal(net) + Decimal(tax)
        if abs(expected - Decimal(gross)) > slack:
            yield _about(invoice, "gross_total", plain(expected), gross)
    if net is not None and has_lines:
        yield from _compared(invoice, "net_total", sums.net, net, _unit(net) + sums.slack)
    if tax is not None and has_lines:
        slack = _unit(tax) + sums.tax_slack
        yield from _compared(invoice, "tax_payable", sums.tax, tax, slack)
    if gross is not None and (odd := _odd(gross)):
        yield _about(invoice, "anomalous_amount", odd, f"GrossTotal {gross}")


def _compared(
    invoice: Invoice, rule: str, summed: Decimal, given: str, slack: Decimal
) -> Iterator[Finding]:
    """Without the sign: `document_side` and `negative_amount` tell of that."""
    if abs(abs(summed) - abs(Decimal(given))) > slack:
        yield _about(invoice, rule, plain(abs(summed)), given)


def _side(invoice: Invoice, net: Decimal) -> Iterator[Finding]:
    """A credit note on the credit side would be added to sales instead of taken from them."""
    kind = invoice.values[_TYPE]
    side = side_of(kind)
    if side is not None and net and (net < 0) != (side == "debit"):
        found = "credit" if net > 0 else "debit"
        expected = f"the lines of {kind} to be {side}s"
        yield _about(invoice, "document_side", expected, f"{plain(abs(net))} of {found}s in sum")


def _line(invoice: Invoice, row: Row) -> Iterator[Finding]:
    given = [v for v in (row[_DEBIT], row[_CREDIT]) if v is not None]
    if len(given) != 1:
        # 1.00 has both, one of them zero.
        is_zero = len(given) == 2 and any(float(v) == 0 for v in given)
        rule, expected = _SIDES[is_zero], "one of DebitAmount and CreditAmount"
        yield _of_line(invoice, row, rule, expected, " and ".join(given) or None)
    for slot, name in zip(_SIGNED, _SIGNED_NAMES, strict=True):
        if (row[slot] or "").startswith("-"):
            yield _of_line(invoice, row, "negative_amount", f"{name} of 0 or more", row[slot])
    amount = _amount(row)
    if row[_TAX_BASE] is not None:
        if any(v is not None and Decimal(v) for v in (row[_PRICE], *given)):
            expected = "no price and no amount beside a TaxBase"
            yield _of_line(invoice, row, "tax_base", expected, f"{row[_PRICE]} and {amount}")
    elif given and (product := _other_product(row, amount)):
        yield _of_line(invoice, row, "quantity_price", product, amount)
    for value in (amount, row[_PRICE], row[_QUANTITY]):
        if value is not None and (odd := _odd(value)):
            yield _of_line(invoice, row, "anomalous_amount", odd, value)
            break


def _other_product(row: Row, amount: str) -> str | None:
    """Quantity times UnitPrice where rounding and a discount don't make the line's amount of it."""
    quantity, price = row[_QUANTITY], row[_PRICE]
    if quantity is None or price is None:
        return None
    count, each, found = abs(Decimal(quantity)), abs(Decimal(price)), abs(Decimal(amount))
    slack = _CENT + _unit(price) * count + _unit(amount)
    if "." in quantity:
        slack += _unit(quantity) * each
    discount = Decimal(row[_SETTLEMENT] or 0)
    if min(abs(count * each - found), abs(count * each - discount - found)) <= slack:
        return None
    return f"{quantity} x {price} = {plain(count * each)}"


def _odd(value: str) -> str | None:
    """What is expected instead of an amount that looks like something else."""
    whole, _, fraction = value.partition(".")
    if len(whole.lstrip("-")) < 9:
        return None
    if abs(Decimal(value)) >= _NO_SENSE:
        return "an amount below a thousand million"
    if not fraction.strip("0") and is_nif(whole) and has_prefix(whole):
        return "an amount, not a taxpayer's number"
    return None


def _about(invoice: Invoice, rule: str, expected: str, found: str | None) -> Finding:
    return finding(rule, invoice.line, invoice.values[_NUMBER], expected, found)


def _of_line(invoice: Invoice, row: Row, rule: str, expected: str, found: str | None) -> Finding:
    document = f"{invoice.values[_NUMBER]} line {row[0]}"
    return finding(rule, invoice.line, document, expected, found)


def _amount(row: Row) -> str:
    credit = row[_CREDIT]
    return credit if credit is not None and float(credit) else row[_DEBIT] or credit or "0"


def _is_credit(row: Row) -> bool:
    credit = row[_CREDIT]
    return credit is not None and (float(credit) != 0 or not float(row[_DEBIT] or 0))


def _negated(amount: str) -> str:
    return amount[1:] if amount.startswith("-") else f"-{amount}"


def _tax(row: Row) -> Decimal:
    """TaxAmount, or the percentage of the amount; of TaxBase where the price is zero (1.04)."""
    given, percentage = row[_TAX_AMOUNT], row[_PERCENTAGE]
    if given is not None:
        return Decimal(given)
    return Decimal(row[_TAX_BASE] or _amount(row)) * Decimal(percentage or 0) / 100


def _unit(amount: str) -> Decimal:
    """Half of the last digit that an amount is given with."""
    return _HALF.scaleb(-len(amount.partition(".")[2]))
