"""Any document in the schema's order, as a tree that Hypothesis draws, and its text."""

from __future__ import annotations

from typing import NamedTuple
from xml.sax.saxutils import escape

from hypothesis import strategies as st

from saft_pipeline.saft.fields import REPEATABLE
from saft_pipeline.saft.values import VALUE_TYPES
from saft_pipeline_tests.saft.documents import document

# What records are made of, in the order of the schemas; all is optional.
Order = tuple["str | tuple[str, Order]", ...]

_ADDRESS: Order = (
    *("BuildingNumber", "StreetName", "AddressDetail", "City", "PostalCode", "Region", "Country"),
)
_SHIPPING: Order = (
    *("DeliveryID", "DeliveryDate", "WarehouseID", "LocationID"),
    ("Address", _ADDRESS),
)
CUSTOMER_ORDER: Order = (
    *("CustomerID", "AccountID", "CustomerTaxID", "CompanyName", "Contact"),
    ("BillingAddress", _ADDRESS),
    ("ShipToAddress", _ADDRESS),
    *("Telephone", "Fax", "Email", "Website", "SelfBillingIndicator"),
)
PRODUCT_ORDER: Order = (
    *("ProductType", "ProductCode", "ProductGroup", "ProductDescription", "ProductNumberCode"),
    ("CustomsDetails", ("CNCode", "UNNumber")),
)
_PAYMENT: Order = ("PaymentMechanism", "PaymentAmount", "PaymentDate")
_WITHHOLDING_TAX: Order = (
    *("WithholdingTaxType", "WithholdingTaxDescription", "WithholdingTaxAmount"),
)
HEAD_ORDER: Order = (
    "InvoiceNo",
    "ATCUD",
    (
        "DocumentStatus",
        ("InvoiceStatus", "InvoiceStatusDate", "Reason", "SourceID", "SourceBilling"),
    ),
    "InvoiceStatus",
    "Hash",
    "HashControl",
    "Period",
    "InvoiceDate",
    "InvoiceType",
    "SelfBillingIndicator",
    (
        "SpecialRegimes",
        ("SelfBillingIndicator", "CashVATSchemeIndicator", "ThirdPartiesBillingIndicator"),
    ),
    "SourceID",
    "EACCode",
    "SystemEntryDate",
    "TransactionID",
    "CustomerID",
)
SHIPPING_ORDER: Order = (
    ("ShipTo", _SHIPPING),
    ("ShipFrom", _SHIPPING),
    "MovementEndTime",
    "MovementStartTime",
)
LINE_ORDER: Order = (
    "LineNumber",
    ("OrderReferences", ("OriginatingON", "OrderDate")),
    ("OrderReferences", ("OriginatingON", "OrderDate")),
    "ProductCode",
    "ProductDescription",
    "Quantity",
    "UnitOfMeasure",
    "UnitPrice",
    "TaxBase",
    "TaxPointDate",
    ("References", ("Reference", "Reason")),
    "Description",
    ("ProductSerialNumber", ("SerialNumber",)),
    "DebitAmount",
    "CreditAmount",
    ("Tax", ("TaxType", "TaxCountryRegion", "TaxCode", "TaxPercentage", "TaxAmount")),
    "TaxExemptionReason",
    "TaxExemptionCode",
    "SettlementAmount",
    ("CustomsInformation", ("ARCNo", "IECAmount")),
)
TOTALS_ORDER: Order = (
    "TaxPayable",
    "NetTotal",
    "GrossTotal",
    ("Currency", ("CurrencyCode", "CurrencyAmount", "ExchangeRate")),
    (
        "Settlement",
        ("SettlementDiscount", "SettlementAmount", "SettlementDate", "PaymentTerms"),
    ),
    ("Payment", _PAYMENT),
    ("Payment", _PAYMENT),
)
WITHHOLDING_ORDER: Order = (
    ("WithholdingTax", _WITHHOLDING_TAX),
    ("WithholdingTax", _WITHHOLDING_TAX),
)

amounts = st.decimals(-(10**9), 10**9, places=4).map("{:f}".format) | st.just(".57")
dates = st.dates().map(lambda d: d.isoformat().rjust(10, "0"))
texts = st.text(
    st.characters(
        codec="cp1252", exclude_categories=("Cc", "Cs"), include_characters="\n\t<&'\">]\\"
    ),
    min_size=1,
    max_size=30,
)
_OF_KIND = {
    "amount": amounts,
    "date": dates,
    "timestamp": dates.map(lambda day: f"{day}T23:59:01"),
    "whole": st.integers(0, 9999).map(str),
}


class Node(NamedTuple):
    """An element: its name, and a text or children."""

    tag: str
    inside: str | list[Node]

    def leaves(self) -> list[tuple[str, str]]:
        """The names and texts of all leaves that hold more than blanks, stripped."""
        if isinstance(self.inside, str):
            text = self.inside.strip(" \t\n\r")
            return [(self.tag, text)] if text else []
        return [leaf for child in self.inside for leaf in child.leaves()]

    def text(self, blanks: str) -> str:
        """The element as XML."""
        if isinstance(self.inside, str):
            return f"<{self.tag}>{escape(self.inside)}</{self.tag}>{blanks}"
        inside = "".join(child.text(blanks) for child in self.inside)
        return f"<{self.tag}>{blanks}{inside}</{self.tag}>{blanks}"


def nodes(order: Order) -> st.SearchStrategy[list[Node]]:
    """Some of these elements, each with some of its own, in their order."""
    return st.tuples(*map(_some, order)).map(lambda found: [n for nodes in found for n in nodes])


def _some(step: str | tuple[str, Order]) -> st.SearchStrategy[list[Node]]:
    tag = step if isinstance(step, str) else step[0]
    return st.lists(_node(step), max_size=3 if tag in REPEATABLE - {"References"} else 1)


def _node(step: str | tuple[str, Order]) -> st.SearchStrategy[Node]:
    if isinstance(step, str):
        return _OF_KIND.get(VALUE_TYPES.get(step, ""), texts).map(lambda text: Node(step, text))
    tag, order = step
    return nodes(order).map(lambda inside: Node(tag, inside))


@st.composite
def invoices(draw: st.DrawFn) -> Node:
    """An Invoice with an InvoiceNo; InvoiceStatus stands in one place."""
    head = [n for n in draw(nodes(HEAD_ORDER)) if n.tag not in ("InvoiceNo", "InvoiceStatus")]
    lines = draw(st.lists(nodes(LINE_ORDER[1:]), max_size=3))
    numbered = [Node("Line", [Node("LineNumber", str(n)), *i]) for n, i in enumerate(lines, 1)]
    parts = [
        Node("InvoiceNo", "FT A/1"),
        *head,
        *draw(nodes(SHIPPING_ORDER)),
        *numbered,
        Node("DocumentTotals", draw(nodes(TOTALS_ORDER))),
        *draw(nodes(WITHHOLDING_ORDER)),
    ]
    return Node("Invoice", parts)


def customers() -> st.SearchStrategy[Node]:
    """A Customer with a CustomerID."""
    rest = nodes(CUSTOMER_ORDER[1:])
    return rest.map(lambda inside: Node("Customer", [Node("CustomerID", "C1"), *inside]))


def products() -> st.SearchStrategy[Node]:
    """A Product."""
    return nodes(PRODUCT_ORDER).map(lambda inside: Node("Product", inside))


def written(customer: Node, product: Node, invoice: Node, blanks: str) -> str:
    """A document that holds these."""
    masters = f"<MasterFiles>{customer.text(blanks)}{product.text(blanks)}</MasterFiles>"
    invoices = f"<SalesInvoices>{blanks}{invoice.text(blanks)}</SalesInvoices>"
    return document(f"{masters}<SourceDocuments>{invoices}</SourceDocuments>")
