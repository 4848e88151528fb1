"""What the schema of each version calls mandatory (minOccurs 1) and is not there.

Hash and ATCUD, and that a line has one amount, have rules of their own. There is no schema of 1.00:
of it only what a document is worth nothing without is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from operator import itemgetter

from saft_pipeline.saft.records import Customer, Extra, Header, Invoice, Other, Row
from saft_pipeline.saft.rules import once
from saft_pipeline.saft.rules.elements import element, held_in
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.rules.slots import of_company, of_customer, of_invoice, of_line

_Columns = tuple[tuple[str, str, str], ...]  # column, element, the first version that asks for it

_INVOICE: _Columns = (
    ("invoice_no", "InvoiceNo", "1.00"),
    ("invoice_status", "InvoiceStatus", "1.01"),
    ("invoice_status_date", "InvoiceStatusDate", "1.02"),
    ("source_billing", "SourceBilling", "1.02"),
    ("hash_control", "HashControl", "1.04"),
    ("invoice_date", "InvoiceDate", "1.00"),
    ("invoice_type", "InvoiceType", "1.00"),
    ("system_entry_date", "SystemEntryDate", "1.01"),
    ("customer_id", "CustomerID", "1.01"),
    ("tax_payable", "TaxPayable", "1.00"),
    ("net_total", "NetTotal", "1.00"),
    ("gross_total", "GrossTotal", "1.00"),
)
_TOTALS = frozenset(("TaxPayable", "NetTotal", "GrossTotal"))
_LINE: _Columns = (
    ("product_code", "ProductCode", "1.01"),
    ("product_description", "ProductDescription", "1.01"),
    ("quantity", "Quantity", "1.01"),
    ("unit_of_measure", "UnitOfMeasure", "1.01"),
    ("unit_price", "UnitPrice", "1.01"),
    ("tax_point_date", "TaxPointDate", "1.01"),
    ("description", "Description", "1.01"),
    ("tax_type", "TaxType", "1.02"),
    ("tax_country_region", "TaxCountryRegion", "1.02"),
    ("tax_code", "TaxCode", "1.02"),
)
_TAX = frozenset(("TaxType", "TaxCountryRegion", "TaxCode"))
# What an extract for e-Fatura leaves out of a line.
_LEFT_OUT = frozenset(
    (
        *("ProductCode", "ProductDescription", "Quantity", "UnitOfMeasure", "UnitPrice"),
        *("TaxPointDate", "Description"),
    )
)
_HEADER = (
    *("company_id", "tax_accounting_basis", "fiscal_year", "start_date", "end_date"),
    *("currency_code", "date_created", "tax_entity", "product_company_tax_id"),
    *("software_certificate_number", "product_id", "product_version"),
)
_COMPANY: _Columns = (
    ("company_name", "CompanyName", "1.01"),
    ("address_detail", "CompanyAddress/AddressDetail", "1.01"),
    ("city", "CompanyAddress/City", "1.01"),
    ("postal_code", "CompanyAddress/PostalCode", "1.01"),
    ("country", "CompanyAddress/Country", "1.01"),
)
_CUSTOMER: _Columns = (
    ("account_id", "AccountID", "1.01"),
    ("customer_tax_id", "CustomerTaxID", "1.01"),
    ("company_name", "CompanyName", "1.01"),
    ("address_detail", "BillingAddress/AddressDetail", "1.01"),
    ("city", "BillingAddress/City", "1.01"),
    ("postal_code", "BillingAddress/PostalCode", "1.01"),
    ("country", "BillingAddress/Country", "1.01"),
)
_ADDRESS = ("address_detail", "city", "postal_code", "country")
_OTHERS = {
    "supplier": (
        *("supplier_id", "account_id", "supplier_tax_id", "company_name", "billing_address"),
        "self_billing_indicator",
    ),
    "product": ("product_type", "product_code", "product_description", "product_number_code"),
    "tax_table_entry": ("tax_type", "tax_country_region", "tax_code", "description"),
}


def header(record: Header) -> Iterator[Finding]:
    """Of 1.01 and later; TaxRegistrationNumber is asked for by the reader."""
    extra = record.extra
    missing = [element(key) for key in _HEADER if not extra.get(key)]
    if not record.audit_file_version:
        missing.append("AuditFileVersion")
    found = zip(_company_of(record.values), _COMPANY, strict=True)
    missing += [name for value, (_, name, _) in found if value is None]
    for name in missing:
        yield finding("mandatory", record.line, "Header", name, None)


def other(record: Other, row: Extra) -> Iterator[Finding]:
    """What a Product, Supplier or TaxTableEntry, whose row this is, has to say."""
    about = row.get("product_code") or row.get("tax_code") or row.get("supplier_id")
    name = f"{element(record.kind)} {about}" if isinstance(about, str) else element(record.kind)
    missing = [element(key) for key in _OTHERS.get(record.kind, ()) if not row.get(key)]
    if record.kind == "tax_table_entry" and not {"tax_percentage", "tax_amount"} & row.keys():
        missing.append("TaxPercentage or TaxAmount")
    if record.kind == "supplier":
        missing += _of_addresses(row, "billing_address", "ship_from_address")
    for expected in missing:
        yield finding("mandatory_master", record.line, name, expected, None)


def _of_addresses(row: Extra, *keys: str) -> Iterator[str]:
    """What the addresses under these keys lack."""
    for key in keys:
        for address in held_in(row, key):
            yield from (f"{element(key)}/{element(k)}" for k in _ADDRESS if not address.get(k))


_company_of = itemgetter(*of_company(" ".join(column for column, _, _ in _COMPANY)))
_customer_of = itemgetter(*of_customer(" ".join(column for column, _, _ in _CUSTOMER)))
_ID = of_customer("customer_id")[0]


def customer(record: Customer) -> Iterator[Finding]:
    """What a Customer has to say."""
    row = _customer_of(record.values)
    missing = [name for value, (_, name, _) in zip(row, _CUSTOMER, strict=True) if value is None]
    if '"self_billing_indicator":' not in record.extra_json:
        missing.append("SelfBillingIndicator")
    if '"ship_to_address":' in record.extra_json:
        missing += _of_addresses(record.extra, "ship_to_address")
    for name in missing:
        yield finding("mandatory_master", record.line, record.values[_ID], name, None)


@lru_cache(maxsize=16)
def of_documents(version: str, *, is_extract: bool) -> Mandatory:
    """What documents of a version have to say; an extract for e-Fatura has less."""
    return Mandatory(version, is_extract=is_extract)


class Mandatory:
    """The same of documents, for one version."""

    def __init__(self, version: str, *, is_extract: bool) -> None:
        wanted = [row for row in _INVOICE if row[2] <= version]
        lines = [row for row in _LINE if row[2] <= version]
        if is_extract:
            lines = [row for row in lines if row[1] not in _LEFT_OUT]
        self._version = version
        self.has_once = version == "1.01"
        self._names = [name for _, name, _ in wanted]
        self.of_document = itemgetter(*of_invoice(" ".join(column for column, _, _ in wanted)))
        self._line_names = [name for _, name, _ in lines]
        slots = of_line(" ".join(column for column, _, _ in lines))
        # Two at least, so that there is always a tuple: the line's number is never absent.
        self.of_line: Callable[[Row], Row] = itemgetter(0, 0, *slots)
        if self.has_once:
            self._line_names.append("all of Tax")
            self.of_line = partial(_with_tax, self.of_line)
        self.has_points = any(name == "TaxPointDate" for _, name, _ in lines)

    def mandatory(self, invoice: Invoice) -> Iterable[Finding]:
        """What a document lacks, its lines apart."""
        found = self.of_document(invoice.values)
        missing = [] if _is_plain(invoice) else list(self._of_parts(invoice))
        if None not in found and len(invoice.lines) and not missing:
            return ()
        missing += [name for name, v in zip(self._names, found, strict=True) if v is None]
        if not len(invoice.lines):
            missing.append("Line")
        return _told(invoice, missing)

    def _of_parts(self, invoice: Invoice) -> Iterator[str]:
        """What elements that may be left out lack where they are there."""
        extra, version = invoice.extra, self._version
        for key in ("ship_to", "ship_from"):
            for place in held_in(extra, key):
                yield from _of_addresses(place, "address")
        for totals in held_in(extra, "document_totals"):
            for payment in held_in(totals, "payment"):
                wanted = _PAYMENT if version >= "1.04" else ("payment_mechanism", *_PAYMENT)
                yield from (f"Payment/{element(k)}" for k in wanted if not payment.get(k))
        for withheld in held_in(extra, "withholding_tax"):
            if not withheld.get("withholding_tax_amount"):
                yield "WithholdingTax/WithholdingTaxAmount"
        currency = _currency_of(invoice.values)
        if version >= "1.02" and (any(currency) or _CURRENCY in invoice.extra_json):
            named = zip(("CurrencyCode", "CurrencyAmount"), currency, strict=True)
            yield from (f"Currency/{name}" for name, value in named if value is None)

    def of_lines(self, invoice: Invoice) -> Iterator[Finding]:
        """What the lines lack, or have again that 1.01 has once."""
        has_tax = self._version >= "1.02"
        for row in invoice.lines:
            found = self.of_line(row)
            if None in found or (has_tax and row[_RATE] is None and row[_AMOUNT] is None):
                yield from self._line(invoice, row)
        if self.has_once:
            yield from once.in_lines(invoice)

    def _line(self, invoice: Invoice, row: Row) -> Iterator[Finding]:
        absent = zip(self._line_names, self.of_line(row)[2:], strict=True)
        missing = [name for name, value in absent if value is None]
        if self._version >= "1.02" and row[_RATE] is None and row[_AMOUNT] is None:
            missing.append("TaxPercentage or TaxAmount")
            if set(missing) >= _TAX:
                missing = [name for name in missing if not name.startswith("Tax")] + ["Tax"]
                if row[_POINT] is None and self.has_points:
                    missing.append("TaxPointDate")
        for name in missing:
            document = f"{invoice.values[_NO]} line {row[0]}"
            yield finding("mandatory", invoice.line, document, name, None)


_NO = of_invoice("invoice_no")[0]
_RATE, _AMOUNT, _POINT = of_line("tax_percentage tax_amount tax_point_date")
_codes_of_tax = itemgetter(*of_line("tax_type tax_country_region tax_code"))
_currency_of = itemgetter(*of_invoice("currency_code currency_amount"))
_PAYMENT = ("payment_amount", "payment_date")
_CURRENCY = '"currency":'
_PARTS = (_CURRENCY, '"address":', '"payment":', '"withholding_tax":')


def _is_plain(invoice: Invoice) -> bool:
    """Whether it has none of what may be left out and holds what may not."""
    extra = invoice.extra_json
    return not any(_currency_of(invoice.values)) and not any(part in extra for part in _PARTS)


def _with_tax(of_line: Callable[[Row], Row], row: Row) -> Row:
    """Those, and None where a Tax, which may be left out in 1.01, is not whole."""
    tax = (*_codes_of_tax(row), row[_RATE] or row[_AMOUNT])
    return (*of_line(row), "whole" if all(tax) or not any(tax) else None)


def _told(invoice: Invoice, missing: list[str]) -> Iterator[Finding]:
    if set(missing) >= _TOTALS:
        missing = [name for name in missing if name not in _TOTALS] + ["DocumentTotals"]
    for name in missing:
        yield finding("mandatory", invoice.line, invoice.values[_NO], name, None)
