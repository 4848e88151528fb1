"""Documents for tests, written by hand so that what is read back is known."""

from __future__ import annotations

import io

from saft_pipeline.saft.fields import INVOICE_FIELDS, LINE_FIELDS
from saft_pipeline.saft.reader import read_document
from saft_pipeline.saft.records import Customer, FileWarning, Header, Invoice, Other, Record, Totals

NAMESPACE = "urn:OECD:StandardAuditFile-Tax:PT_1.04_01"

HEADER = """\
<Header>
<AuditFileVersion>1.04_01</AuditFileVersion>
<CompanyID>599999993</CompanyID>
<TaxRegistrationNumber>599999993</TaxRegistrationNumber>
<TaxAccountingBasis>F</TaxAccountingBasis>
<CompanyName>Padaria São João, Lda</CompanyName>
<CompanyAddress>
<AddressDetail>Rua do Almada 1</AddressDetail>
<City>Porto</City>
<PostalCode>4050-030</PostalCode>
<Country>PT</Country>
</CompanyAddress>
<FiscalYear>2025</FiscalYear>
<StartDate>2025-01-01</StartDate>
<EndDate>2025-12-31</EndDate>
<CurrencyCode>EUR</CurrencyCode>
<DateCreated>2026-01-05</DateCreated><TaxEntity>Global</TaxEntity><ProductCompanyTaxID>599999993\
</ProductCompanyTaxID><SoftwareCertificateNumber>0</SoftwareCertificateNumber>\
<ProductID>P/E</ProductID><ProductVersion>1</ProductVersion>
</Header>
"""


def line(
    number: str | int = 1, amount: str = "10.00", *, body: str = "", side: str = "Credit"
) -> str:
    """A Line in the schema's order; `body` goes before the amount."""
    return f"""\
<Line>
<LineNumber>{number}</LineNumber>
<ProductCode>P1</ProductCode>
<ProductDescription>Broa</ProductDescription>
<Quantity>1</Quantity>
<UnitOfMeasure>UN</UnitOfMeasure>
<UnitPrice>{amount}</UnitPrice>
<TaxPointDate>2025-03-01</TaxPointDate>
<Description>Broa</Description>
{body}<{side}Amount>{amount}</{side}Amount>
<Tax>
<TaxType>IVA</TaxType>
<TaxCountryRegion>PT</TaxCountryRegion>
<TaxCode>NOR</TaxCode>
<TaxPercentage>23</TaxPercentage>
</Tax>
</Line>
"""


REGIMES = "".join(
    f"<{name}Indicator>0</{name}Indicator>"
    for name in ("SelfBilling", "CashVATScheme", "ThirdPartiesBilling")
)
TOTALS = """\
<DocumentTotals>
<TaxPayable>2.30</TaxPayable>
<NetTotal>10.00</NetTotal>
<GrossTotal>12.30</GrossTotal>
</DocumentTotals>
"""


def invoice(
    number: str | None = "FT A/1",
    lines: str | None = None,
    *,
    status: str = "N",
    head: str = "",
    totals: str = TOTALS,
    tail: str = "",
) -> str:
    """An Invoice; `head` goes after CustomerID, `tail` after DocumentTotals."""
    named = f"<InvoiceNo>{number}</InvoiceNo>" if number is not None else ""
    return f"""\
<Invoice>
{named}
<ATCUD>ABCD1234-1</ATCUD>
<DocumentStatus>
<InvoiceStatus>{status}</InvoiceStatus>
<InvoiceStatusDate>2025-03-01T10:00:00</InvoiceStatusDate>
<SourceID>ana</SourceID>
<SourceBilling>P</SourceBilling>
</DocumentStatus>
<Hash>0</Hash><HashControl>0</HashControl>
<InvoiceDate>2025-03-01</InvoiceDate>
<InvoiceType>FT</InvoiceType><SpecialRegimes>{REGIMES}</SpecialRegimes><SourceID>ana</SourceID>
<SystemEntryDate>2025-03-01T10:00:00</SystemEntryDate>
<CustomerID>C1</CustomerID>
{head}{line() if lines is None else lines}{totals}{tail}</Invoice>
"""


def sales(*invoices: str, entries: int | None = None, debit: str = "0", credit: str = "10") -> str:
    """SourceDocuments with invoices and their declared control totals."""
    return f"""\
<SourceDocuments>
<SalesInvoices>
<NumberOfEntries>{len(invoices) if entries is None else entries}</NumberOfEntries>
<TotalDebit>{debit}</TotalDebit>
<TotalCredit>{credit}</TotalCredit>
{"".join(invoices)}</SalesInvoices>
</SourceDocuments>
"""


def document(
    *body: str, header: str = HEADER, declaration: str = "", namespace: str = NAMESPACE
) -> str:
    """An AuditFile."""
    return f'{declaration}<AuditFile xmlns="{namespace}">\n{header}{"".join(body)}</AuditFile>\n'


class Reading:
    """All that a document gave."""

    def __init__(self, records: list[Record], warnings: list[FileWarning]) -> None:
        self.records = records
        self.warnings = warnings
        self.header = next(r for r in records if isinstance(r, Header))
        self.totals = next(r for r in records if isinstance(r, Totals))
        self.invoices = [r for r in records if isinstance(r, Invoice)]
        self.customers = [r for r in records if isinstance(r, Customer)]
        self.others = [r for r in records if isinstance(r, Other)]

    @property
    def codes(self) -> list[str]:
        """The warnings' codes."""
        return [w["code"] for w in self.warnings]

    def messages(self, code: str) -> list[str]:
        """The messages of one kind of warning."""
        return [w["message"] for w in self.warnings if w["code"] == code]


def reading(content: str | bytes) -> Reading:
    """Read a document from memory; text as UTF-8."""
    data = content.encode() if isinstance(content, str) else content
    with read_document(io.BytesIO(data), name="f.xml") as opened:
        records = list(opened)
        return Reading(records, opened.warnings)


def one_invoice(content: str | bytes) -> Invoice:
    """The only invoice of a document."""
    (found,) = reading(content).invoices
    return found


def column(found: Invoice, name: str) -> str | None:
    """A column of an invoice."""
    return found.values[INVOICE_FIELDS.index(name)]


def of_line(found: Invoice, name: str, index: int = 0) -> str | None:
    """A column of one of an invoice's lines."""
    return found.lines[index][LINE_FIELDS.index(name)]


def invoice_with(**changes: str) -> Invoice:
    """The only invoice of a document, with `changes` to what is usual."""
    return one_invoice(document(sales(invoice(**changes))))


def totals_with(inner: str) -> str:
    """DocumentTotals that hold more."""
    return TOTALS.replace("</DocumentTotals>", inner + "</DocumentTotals>")
