"""The rows that both baselines make of what xmltodict gives: columns of the project's tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Node = dict[str, Any]
Row = tuple[str | None, ...]

REPEATED = ("Customer", "Invoice", "Line")


@dataclass(frozen=True)
class Column:
    """A column, the element it comes from and what its text means."""

    name: str
    path: tuple[str, ...] = ()
    kind: str = "text"  # or amount, integer, date, timestamp


@dataclass(frozen=True)
class Table:
    """A table: the columns of its key come first."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def row(self, node: Node, *given: str | None) -> Row:
        """The row of an element, whose first columns are `given`."""
        return (*given, *(_text(node, column.path) for column in self.columns[len(given) :]))


def _text(node: Any, path: tuple[str, ...]) -> str | None:
    for name in path:
        if not isinstance(node, dict):
            return None
        node = node.get(name)
    if isinstance(node, list):
        node = node[0]
    text: str | None = node["#text"] if isinstance(node, dict) else node
    return text


def _columns(text: str) -> tuple[Column, ...]:
    """Columns from lines of `name Element/Element kind`; a `-` is no element, the kind may lack."""
    rows = [[*line.split(), "text"][:3] for line in text.strip().splitlines()]
    return tuple(
        Column(name, () if path == "-" else tuple(path.split("/")), kind)
        for name, path, kind in rows
    )


COMPANIES = Table(
    "companies",
    ("company_id",),
    _columns("""
        company_id TaxRegistrationNumber
        company_name CompanyName
        business_name BusinessName
        address_detail CompanyAddress/AddressDetail
        city CompanyAddress/City
        postal_code CompanyAddress/PostalCode
        country CompanyAddress/Country
    """),
)

CUSTOMERS = Table(
    "customers",
    ("company_id", "customer_id"),
    _columns("""
        company_id -
        customer_id CustomerID
        customer_tax_id CustomerTaxID
        account_id AccountID
        company_name CompanyName
        address_detail BillingAddress/AddressDetail
        city BillingAddress/City
        postal_code BillingAddress/PostalCode
        country BillingAddress/Country
    """),
)

INVOICES = Table(
    "invoices",
    ("company_id", "invoice_no"),
    _columns("""
        company_id -
        invoice_no InvoiceNo
        atcud ATCUD
        hash Hash
        hash_control HashControl
        period Period integer
        invoice_date InvoiceDate date
        invoice_type InvoiceType
        invoice_status DocumentStatus/InvoiceStatus
        invoice_status_date DocumentStatus/InvoiceStatusDate timestamp
        source_billing DocumentStatus/SourceBilling
        system_entry_date SystemEntryDate timestamp
        customer_id CustomerID
        tax_payable DocumentTotals/TaxPayable amount
        net_total DocumentTotals/NetTotal amount
        gross_total DocumentTotals/GrossTotal amount
    """),
)

LINES = Table(
    "invoice_lines",
    ("company_id", "invoice_no", "line_number"),
    _columns("""
        company_id -
        invoice_no -
        line_number LineNumber integer
        product_code ProductCode
        product_description ProductDescription
        description Description
        quantity Quantity amount
        unit_of_measure UnitOfMeasure
        unit_price UnitPrice amount
        tax_point_date TaxPointDate date
        debit_amount DebitAmount amount
        credit_amount CreditAmount amount
        tax_type Tax/TaxType
        tax_country_region Tax/TaxCountryRegion
        tax_code Tax/TaxCode
        tax_percentage Tax/TaxPercentage amount
        tax_exemption_reason TaxExemptionReason
        tax_exemption_code TaxExemptionCode
        settlement_amount SettlementAmount amount
        reference References/Reference
        reason References/Reason
    """),
)

FILES = Table(
    "invoice_files",
    ("path",),
    _columns("""
        path -
        size - integer
        company_id -
    """),
)

LINKS = Table(
    "invoice_file_links",
    ("path", "company_id", "invoice_no"),
    _columns("""
        path -
        company_id -
        invoice_no -
    """),
)

TABLES = (COMPANIES, CUSTOMERS, INVOICES, LINES, FILES, LINKS)


class Rows:
    """Rows of one document or more, by the name of their table."""

    def __init__(self) -> None:
        self.of: dict[str, list[Row]] = {table.name: [] for table in TABLES}

    def __len__(self) -> int:
        return len(self.of[LINES.name])

    def add_document(self, path: str, size: int, audit_file: Node) -> None:
        """Add all of a document that was read whole."""
        company_id = self.add_masters(path, size, audit_file)
        sales = (audit_file.get("SourceDocuments") or {}).get("SalesInvoices") or {}
        for invoice in sales.get("Invoice", ()):
            self.add_invoice(path, company_id, invoice)

    def add_masters(self, path: str, size: int, audit_file: Node) -> str:
        """Add the file, its company and its customers; gives the company's id."""
        company = COMPANIES.row(audit_file["Header"])
        company_id = str(company[0])
        self.of["companies"].append(company)
        self.of["invoice_files"].append((path, str(size), company_id))
        masters = audit_file.get("MasterFiles") or {}
        self.of["customers"] += [
            CUSTOMERS.row(node, company_id) for node in masters.get("Customer", ())
        ]
        return company_id

    def add_invoice(self, path: str, company_id: str, invoice: Node) -> None:
        """Add an invoice with its lines and its link to the file."""
        number = invoice["InvoiceNo"]
        self.of["invoices"].append(INVOICES.row(invoice, company_id))
        self.of["invoice_lines"] += [
            LINES.row(line, company_id, number) for line in invoice.get("Line", ())
        ]
        self.of["invoice_file_links"].append((path, company_id, number))
