"""What the rules find in a document written by hand."""

from __future__ import annotations

from saft_pipeline.saft.rules.checker import check
from saft_pipeline.saft.rules.findings import Finding
from saft_pipeline.saft.rules.registry import RULES
from saft_pipeline_tests.saft.documents import document, line, reading, sales

MASTERS = (
    "<MasterFiles><Customer><CustomerID>C1</CustomerID><AccountID>Desconhecido</AccountID>"
    "<CustomerTaxID>999999990</CustomerTaxID><CompanyName>Cliente</CompanyName><BillingAddress>"
    "<AddressDetail>Rua</AddressDetail><City>Porto</City><PostalCode>4050-030</PostalCode>"
    "<Country>PT</Country></BillingAddress><SelfBillingIndicator>0</SelfBillingIndicator>"
    "</Customer><Product><ProductType>P</ProductType><ProductCode>P1</ProductCode>"
    "<ProductDescription>Broa</ProductDescription><ProductNumberCode>P1</ProductNumberCode>"
    "</Product></MasterFiles>"
)


# Documents written by hand have no more than a test needs.
WANTED = RULES.keys() - {"mandatory", "mandatory_master"}


def findings(text: str) -> list[Finding]:
    """All findings of a document, in their order, but for what it lacks."""
    return check(reading(text).records, only=WANTED).kept


def of(*invoices: str, credit: str | None = None) -> list[Finding]:
    """Those of invoices in a document that is right otherwise."""
    total = credit if credit is not None else f"{10 * len(invoices)}"
    return findings(document(MASTERS, sales(*invoices, credit=total)))


def rules(found: list[Finding]) -> list[str]:
    """The names of the rules, in the order of the findings."""
    return [finding.rule for finding in found]


def totals(tax: str, net: str, gross: str) -> str:
    """DocumentTotals."""
    return (
        f"<DocumentTotals><TaxPayable>{tax}</TaxPayable><NetTotal>{net}</NetTotal>"
        f"<GrossTotal>{gross}</GrossTotal></DocumentTotals>\n"
    )


def taxed(amount: str, percentage: str = "23", code: str = "NOR", region: str = "PT") -> str:
    """A Line with this amount and tax."""
    text = line(amount=amount).replace("<TaxPercentage>23", f"<TaxPercentage>{percentage}")
    text = text.replace("<TaxCode>NOR", f"<TaxCode>{code}")
    return text.replace("<TaxCountryRegion>PT", f"<TaxCountryRegion>{region}")
