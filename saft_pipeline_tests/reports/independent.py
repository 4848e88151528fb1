"""VAT and totals added up a second time: straight from the XML, with lxml and Decimal.

It shares nothing with the package but the names of the columns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal

from lxml import etree

from saft_pipeline_tests.saft.independent import Columns, invoices_of

Rate = tuple[str, str, str | None, Decimal | None]
CENT = Decimal("0.01")
RETURNS = {"NC", "TD", "DA", "RE"}


def half_up(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def counted(files: Iterable[bytes]) -> Iterator[tuple[Columns, list[Columns]]]:
    """Documents that count, each once."""
    found = {}
    for content in files:
        for invoice, lines in invoices_of(etree.fromstring(content)):
            found[invoice["company_id"], invoice["invoice_no"]] = invoice, lines
    return ((i, lines) for i, lines in found.values() if i["invoice_status"] not in ("A", "F"))


def number(row: Columns, name: str) -> Decimal:
    return Decimal(row[name] or "0")


def base_of(line: Columns) -> Decimal:
    if line["tax_base"] is not None:
        return number(line, "tax_base") * (-1 if line["credit_amount"] is None else 1)
    return number(line, "credit_amount") - number(line, "debit_amount")


def side_of(invoice: Columns, lines: list[Columns]) -> int:
    """-1 where lines stand on the other side than the document's type, or its total, says."""
    on_lines = sum(number(x, "credit_amount") - number(x, "debit_amount") for x in lines)
    if invoice["invoice_type"] in RETURNS:
        return -1 if (on_lines or sum(map(base_of, lines))) > 0 else 1
    return -1 if on_lines * number(invoice, "net_total") < 0 else 1


def vat_rows(files: Iterable[bytes]) -> dict[Rate, tuple[Decimal, Decimal]]:
    """Taxable base and VAT in cents, by month, region, code and rate."""
    bases: dict[Rate, Decimal] = defaultdict(Decimal)
    for invoice, lines in counted(files):
        for line in (x for x in lines if x["tax_type"] != "IS"):
            rate = None if line["tax_percentage"] is None else number(line, "tax_percentage")
            month, region = (invoice["invoice_date"] or "")[:7], line["tax_country_region"] or "PT"
            key = month, region, line["tax_code"], rate
            bases[key] += side_of(invoice, lines) * base_of(line)
    return {
        key: (half_up(base), half_up(base * (key[3] or 0) / 100)) for key, base in bases.items()
    }


def signed(files: Iterable[bytes], total: str) -> dict[tuple[str, str], Decimal]:
    """A document's total by company and day, of returns subtracted."""
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for invoice, _ in counted(files):
        is_return = invoice["invoice_type"] in RETURNS
        key = str(invoice["company_id"]), str(invoice["invoice_date"])
        sums[key] += -abs(number(invoice, total)) if is_return else number(invoice, total)
    return sums
