"""The sample documents as SAF-T (PT) 1.04_01: every element where the schema wants it."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache, partial
from typing import NamedTuple

from saft_pipeline.demo import templates
from saft_pipeline.demo.companies import (
    EXEMPTION_CODE,
    EXEMPTION_REASON,
    TAX_PERCENTAGES,
    TAX_TITLES,
    Address,
    Company,
    Product,
    SampleCustomer,
)
from saft_pipeline.demo.invoices import ZERO_EURO, Line, SampleInvoice

_escape = partial(html.escape, quote=False)

_NOT_COUNTED = ("A", "F")
_PAID_AT_ONCE = ("FR", "FS")
_ALL_IN_ONE = Decimal(20)


class Period(NamedTuple):
    """What time a file is about, and the day it was made."""

    start: date
    end: date
    created: date


class FileTotals(NamedTuple):
    """XSD SalesInvoices/NumberOfEntries, TotalDebit and TotalCredit."""

    number_of_entries: int
    total_debit: Decimal
    total_credit: Decimal

    def times(self, count: int) -> FileTotals:
        """The totals of so many like it."""
        return FileTotals(
            count * self.number_of_entries, count * self.total_debit, count * self.total_credit
        )


def file_totals(invoices: Iterable[SampleInvoice]) -> FileTotals:
    """Count every invoice; sum the lines of all but status A and F."""
    entries, debit, credit = 0, ZERO_EURO, ZERO_EURO
    for found in invoices:
        entries += 1
        if found.invoice_status in _NOT_COUNTED:
            continue
        if found.is_credit:
            debit += found.net_total
        else:
            credit += found.net_total
    return FileTotals(entries, debit, credit)


def audit_file(
    invoices: Sequence[SampleInvoice], period: Period, encoding: str, *, with_receipts: bool = False
) -> str:
    """A whole file of one branch's invoices. It declares `encoding`, which isn't applied here."""
    return "".join(
        (
            opening(invoices, file_totals(invoices), period, encoding),
            *map(invoice, invoices),
            closing(invoices if with_receipts else ()),
        )
    )


def opening(
    invoices: Sequence[SampleInvoice], totals: FileTotals, period: Period, encoding: str
) -> str:
    """All that stands before the invoices, which tell the company and its master files."""
    branch = invoices[0].till.branch
    customers = dict.fromkeys(i.customer for i in invoices)
    products = dict.fromkeys(line.product for i in invoices for line in i.lines)
    return templates.OPENING.format(
        encoding=encoding,
        header=_header(branch.company, period),
        customers="".join(map(_customer, customers)),
        products="".join(map(_product, products)),
        tax_table=_tax_table(branch.region),
        totals=_declared(totals),
    )


def closing(invoices: Sequence[SampleInvoice] = ()) -> str:
    """All that stands after the invoices, Payments among it if `invoices` are given.

    Those are receipts (RG), one for each invoice that wasn't paid at once.
    """
    owed = [i for i in invoices if i.invoice_type == "FT"]
    totals = FileTotals(len(owed), ZERO_EURO, sum((i.gross_total for i in owed), ZERO_EURO))
    receipts = "".join(map(_receipt, owed))
    payments = f"    <Payments>\n{_declared(totals)}{receipts}    </Payments>\n" if owed else ""
    return templates.CLOSING.format(payments=payments)


def _declared(totals: FileTotals) -> str:
    return templates.CONTROL_TOTALS.format_map(totals._asdict())


def _header(company: Company, period: Period) -> str:
    return templates.HEADER.format(
        company_id=company.tax_registration_number,
        company_name=_escape(company.company_name),
        business_name=_escape(company.business_name),
        fiscal_year=period.start.year,
        start_date=period.start,
        end_date=period.end,
        date_created=period.created,
        **_escaped(company.address),
    )


@lru_cache
def _escaped(address: Address) -> dict[str, str]:
    return {name: _escape(text) for name, text in address._asdict().items()}


@lru_cache
def _customer(customer: SampleCustomer) -> str:
    return templates.CUSTOMER.format(
        customer_id=customer.customer_id,
        customer_tax_id=customer.customer_tax_id,
        company_name=_escape(customer.company_name),
        **_escaped(customer.address),
    )


@lru_cache
def _product(product: Product) -> str:
    return templates.PRODUCT.format(
        product_type=product.product_type,
        product_code=product.product_code,
        product_group=product.product_group,
        product_description=_escape(product.product_description),
    )


@lru_cache
def _tax_table(region: str) -> str:
    return "".join(
        templates.TAX_TABLE_ENTRY.format(
            region=region, code=code, title=TAX_TITLES[code], percentage=percentage
        )
        for code, percentage in TAX_PERCENTAGES[region].items()
    )


def invoice(found: SampleInvoice) -> str:
    """One Invoice."""
    entry = found.system_entry_date.isoformat()
    return templates.INVOICE.format(
        invoice_no=found.invoice_no,
        atcud=found.atcud,
        status=found.invoice_status,
        status_date=found.status_date.isoformat(),
        reason=templates.REASON.format(reason=found.reason) if found.reason else "",
        hash=found.hash,
        period=found.system_entry_date.month,
        date=entry[:10],
        invoice_type=found.invoice_type,
        entry=entry,
        customer_id=found.customer.customer_id,
        lines="".join(_line(n, line, found, entry[:10]) for n, line in enumerate(found.lines, 1)),
        tax_payable=found.tax_payable,
        net_total=found.net_total,
        gross_total=found.gross_total,
        payments=_payments(found, entry[:10]),
    )


def _line(number: int, line: Line, found: SampleInvoice, day: str) -> str:
    product = line.product
    side = "Debit" if found.is_credit else "Credit"
    references = templates.REFERENCES.format(reference=found.reference) if found.reference else ""
    return templates.LINE.format(
        number=number,
        product_code=product.product_code,
        product_description=_escape(product.product_description),
        quantity=line.quantity,
        unit=product.unit_of_measure,
        unit_price=product.unit_price,
        day=day,
        references=references,
        side=side,
        amount=line.amount,
        tax=_tax(product.tax_code, found.till.branch.region),
    )


@lru_cache
def _tax(code: str, region: str) -> str:
    percentage = TAX_PERCENTAGES[region][code]
    tax = templates.TAX.format(region=region, code=code, percentage=percentage)
    if percentage:
        return tax
    return tax + templates.EXEMPTION.format(reason=EXEMPTION_REASON, code=EXEMPTION_CODE)


def _payments(found: SampleInvoice, day: str) -> str:
    """What was paid at once: small sums in cash, larger ones half by card."""
    if found.invoice_type not in _PAID_AT_ONCE:
        return ""
    cash = found.gross_total if found.gross_total < _ALL_IN_ONE else Decimal("10.00")
    parts = [("NU", cash), ("CD", found.gross_total - cash)]
    return "".join(
        templates.PAYMENT.format(mechanism=mechanism, amount=amount, day=day)
        for mechanism, amount in parts
        if amount
    )


def _receipt(paid: SampleInvoice) -> str:
    day = paid.system_entry_date.date().isoformat()
    return templates.RECEIPT.format(
        series=paid.till.series,
        till=paid.till.number,
        number=paid.number,
        day=day,
        entry=paid.system_entry_date.isoformat(),
        customer_id=paid.customer.customer_id,
        invoice_no=paid.invoice_no,
        amount=paid.gross_total,
    )
