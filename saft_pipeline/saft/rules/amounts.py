"""Whether an invoice's totals follow from each other and from its lines.

Most invoices are right, so amounts are compared as floats first; only where these differ by more
than half a cent is the difference taken exactly, and held against what rounding explains.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from saft_pipeline.saft.fields import INVOICE_FIELDS, LINE_FIELDS
from saft_pipeline.saft.records import Invoice, Row, Totals
from saft_pipeline.saft.rules.findings import Finding, Rule, Severity
from saft_pipeline.saft.values import ZERO, exact_sum, plain

_NUMBER = INVOICE_FIELDS.index("invoice_no")
_TAX, _NET, _GROSS = (
    INVOICE_FIELDS.index(name) for name in ("tax_payable", "net_total", "gross_total")
)
_DEBIT, _CREDIT = LINE_FIELDS.index("debit_amount"), LINE_FIELDS.index("credit_amount")
_PERCENTAGE, _TAX_AMOUNT = LINE_FIELDS.index("tax_percentage"), LINE_FIELDS.index("tax_amount")
_TAX_BASE = LINE_FIELDS.index("tax_base")
_NEAR = 0.005
_LARGE = 1e9  # from here on a float may be off by a cent
_HALF = Decimal("0.5")
_CENT = Decimal("0.005")


def amounts(invoice: Invoice) -> Iterator[Finding]:
    """GrossTotal = NetTotal + TaxPayable; both of these from the lines; one side for each line."""
    if not _is_near(invoice):
        yield from _exactly(invoice)


def _is_near(invoice: Invoice) -> bool:
    net = tax = 0.0
    for row in invoice.lines:
        credit, debit, percentage = row[_CREDIT], row[_DEBIT], row[_PERCENTAGE]
        if (credit is None) == (debit is None):
            return False
        amount = float(credit) if credit is not None else -float(debit or 0)
        net += amount
        if percentage is None or row[_TAX_BASE] is not None:
            return False
        tax += amount * float(percentage)
    values = invoice.values
    tax_payable, net_total = float(values[_TAX] or "nan"), float(values[_NET] or "nan")
    gross_total = float(values[_GROSS] or "nan")
    return (
        abs(abs(net) - net_total) < _NEAR
        and abs(abs(tax) / 100 - tax_payable) < _NEAR
        and abs(net_total + tax_payable - gross_total) < _NEAR
        and gross_total < _LARGE
    )


def _exactly(invoice: Invoice) -> Iterator[Finding]:
    rows = list(invoice.lines)
    yield from _sides(invoice, rows)
    tax, net, gross = invoice.values[_TAX], invoice.values[_NET], invoice.values[_GROSS]
    if net is not None and tax is not None and gross is not None:
        slack = _unit(net) + _unit(tax) + _unit(gross)
        yield from _compared(invoice, "gross_total", exact_sum((net, tax)), gross, slack)
    if net is not None:
        slack = _unit(net) + sum((_unit(_amount(row)) for row in rows), ZERO)
        summed = exact_sum(_signed(row, _amount(row)) for row in rows)
        yield from _compared(invoice, "net_total", abs(summed), net, slack)
    if tax is not None:
        # Each line's tax may have been rounded to cents, and its amount before.
        slack = _unit(tax) + sum((_CENT + _unit(_amount(row)) for row in rows), ZERO)
        summed = exact_sum(_signed(row, plain(_tax(row))) for row in rows)
        yield from _compared(invoice, "tax_payable", abs(summed), tax, slack, "warning")


def _sides(invoice: Invoice, rows: list[Row]) -> Iterator[Finding]:
    for row in rows:
        given = [v for v in (row[_DEBIT], row[_CREDIT]) if v is not None]
        # 1.00 has both, one of them zero.
        if len(given) != 1 and not (len(given) == 2 and any(float(v) == 0 for v in given)):
            document = f"{invoice.values[_NUMBER]} line {row[0]}"
            found = " and ".join(given) or None
            expected = "one of DebitAmount and CreditAmount"
            yield Finding("line_side", "error", invoice.line, document, expected, found)


def _compared(
    invoice: Invoice,
    rule: Rule,
    expected: Decimal,
    found: str,
    slack: Decimal,
    severity: Severity = "error",
) -> Iterator[Finding]:
    if abs(expected - abs(Decimal(found))) > slack:
        document = invoice.values[_NUMBER]
        yield Finding(rule, severity, invoice.line, document, plain(expected), found)


def _amount(row: Row) -> str:
    credit = row[_CREDIT]
    return credit if credit is not None and float(credit) else row[_DEBIT] or credit or "0"


def _signed(row: Row, amount: str) -> str:
    credit = row[_CREDIT]
    is_credit = credit is not None and (float(credit) != 0 or not float(row[_DEBIT] or 0))
    return amount if is_credit else plain(-Decimal(amount))


def _tax(row: Row) -> Decimal:
    """TaxAmount, or the percentage of the amount; of TaxBase where the price is zero (1.04)."""
    given, percentage = row[_TAX_AMOUNT], row[_PERCENTAGE]
    if given is not None:
        return Decimal(given)
    return Decimal(row[_TAX_BASE] or _amount(row)) * Decimal(percentage or 0) / 100


def _unit(amount: str) -> Decimal:
    """Half of the last digit that an amount is given with."""
    return _HALF.scaleb(-len(amount.partition(".")[2]))


def control_totals(totals: Totals) -> Iterator[Finding]:
    """What each section declares against what its documents come to (Portaria 302/2016, 4.x)."""
    sections = {
        "sales_invoices": (totals.declared._asdict(), totals.computed._asdict()),
        **{name: (s["declared"], s["computed"]) for name, s in totals.sections.items()},
    }
    for section, (declared, computed) in sections.items():
        for name, given in declared.items():
            expected = computed.get(name)
            if given is None or expected is None:
                continue
            if abs(Decimal(given) - Decimal(expected)) > _unit(str(given)):
                about = f"{section}.{name}"
                yield Finding("control_totals", "error", None, about, str(expected), str(given))
