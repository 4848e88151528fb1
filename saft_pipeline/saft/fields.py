"""The columns of the tables, and the element of the SAF-T (PT) schemas that each one comes from.

A source is a path of local names below the record's own element. Several paths for one column are
the same fact in different versions (1.00 to 1.04_01); the first that is present is taken.
"""

from __future__ import annotations

from collections.abc import Mapping

_COMPANY = {
    "company_id": ("TaxRegistrationNumber",),
    "company_name": ("CompanyName",),
    "business_name": ("BusinessName",),
    "address_detail": ("CompanyAddress/AddressDetail",),
    "city": ("CompanyAddress/City",),
    "postal_code": ("CompanyAddress/PostalCode",),
    "country": ("CompanyAddress/Country",),
}
_CUSTOMER = {
    "company_id": (),  # the header's
    "customer_id": ("CustomerID",),
    "customer_tax_id": ("CustomerTaxID",),
    "account_id": ("AccountID",),
    "company_name": ("CompanyName",),
    "address_detail": ("BillingAddress/AddressDetail",),
    "city": ("BillingAddress/City",),
    "postal_code": ("BillingAddress/PostalCode",),
    "country": ("BillingAddress/Country",),
}
_INVOICE = {
    "company_id": (),  # the header's
    "invoice_no": ("InvoiceNo",),
    "atcud": ("ATCUD",),
    "hash": ("Hash",),
    "hash_control": ("HashControl",),
    "hash_extract": (),  # characters 1, 11, 21 and 31 of Hash, those printed on the invoice
    "period": ("Period",),
    "invoice_date": ("InvoiceDate",),
    "invoice_type": ("InvoiceType",),
    "invoice_status": ("DocumentStatus/InvoiceStatus", "InvoiceStatus"),
    "invoice_status_date": ("DocumentStatus/InvoiceStatusDate",),
    "status_reason": ("DocumentStatus/Reason",),
    "source_billing": ("DocumentStatus/SourceBilling",),
    "system_entry_date": ("SystemEntryDate",),
    "customer_id": ("CustomerID",),
    "tax_payable": ("DocumentTotals/TaxPayable",),
    "net_total": ("DocumentTotals/NetTotal",),
    "gross_total": ("DocumentTotals/GrossTotal",),
    "currency_code": ("DocumentTotals/Currency/CurrencyCode",),
    "currency_amount": ("DocumentTotals/Currency/CurrencyAmount",),  # 1.01: see invoices.py
    "payment_amount": (),  # see SUMMED
    "withholding_tax_amount": (),
    "line_count": (),
}
_LINE = {
    "line_number": ("LineNumber",),
    "product_code": ("ProductCode",),
    "product_description": ("ProductDescription",),
    "description": ("Description",),
    "quantity": ("Quantity",),
    "unit_of_measure": ("UnitOfMeasure",),
    "unit_price": ("UnitPrice",),
    "tax_base": ("TaxBase",),
    "tax_point_date": ("TaxPointDate",),
    "debit_amount": ("DebitAmount",),
    "credit_amount": ("CreditAmount",),
    "tax_type": ("Tax/TaxType",),
    "tax_country_region": ("Tax/TaxCountryRegion",),
    "tax_code": ("Tax/TaxCode",),
    "tax_percentage": ("Tax/TaxPercentage",),
    "tax_amount": ("Tax/TaxAmount",),
    "tax_exemption_reason": ("TaxExemptionReason",),
    "tax_exemption_code": ("TaxExemptionCode",),
    "settlement_amount": ("SettlementAmount",),
    "reference": ("References/Reference", "References/CreditNote/Reference"),  # latter: 1.01
    "reason": ("References/Reason", "References/CreditNote/Reason"),
}

COMPANY_FIELDS: tuple[str, ...] = tuple(_COMPANY)
CUSTOMER_FIELDS: tuple[str, ...] = tuple(_CUSTOMER)
INVOICE_FIELDS: tuple[str, ...] = tuple(_INVOICE)
LINE_FIELDS: tuple[str, ...] = tuple(_LINE)


def _paths(columns: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    return {path: slot for slot, paths in enumerate(columns.values()) for path in paths}


COMPANY_PATHS = _paths(_COMPANY)
CUSTOMER_PATHS = _paths(_CUSTOMER)
INVOICE_PATHS = _paths(_INVOICE)
LINE_PATHS = _paths(_LINE)

# Elements that may stand several times; what they hold is always kept as a list.
REPEATABLE = frozenset(
    {
        *("ARCNo", "CNCode", "DeliveryID", "OrderReferences", "Payment", "References"),
        *("LocationID", "SerialNumber", "Settlement", "ShipFromAddress", "ShipToAddress"),
        *("UNNumber", "WarehouseID", "WithholdingTax"),
    }
)

# What records are made of, in the order of the schemas, for the short cut of forms.py. All is
# optional; what may stand several times stands here as often as is usual.
Order = tuple["str | tuple[str, Order]", ...]

_ADDRESS: Order = (
    *("BuildingNumber", "StreetName", "AddressDetail", "City", "PostalCode", "Region", "Country"),
)
_SHIPPING: Order = (
    *("DeliveryID", "DeliveryDate", "WarehouseID", "LocationID"),
    ("Address", _ADDRESS),
)
HEADER_ORDER: Order = (
    *("AuditFileVersion", "CompanyID", "TaxRegistrationNumber", "TaxAccountingBasis"),
    *("CompanyName", "BusinessName"),
    ("CompanyAddress", _ADDRESS),
    *("FiscalYear", "StartDate", "EndDate", "CurrencyCode", "DateCreated", "TaxEntity"),
    *("ProductCompanyTaxID", "SoftwareCertificateNumber", "ProductID", "ProductVersion"),
    *("HeaderComment", "Telephone", "Fax", "Email", "Website"),
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
SUPPLIER_ORDER: Order = (
    *("SupplierID", "AccountID", "SupplierTaxID", "CompanyName", "Contact"),
    ("BillingAddress", _ADDRESS),
    ("ShipFromAddress", _ADDRESS),
    *("Telephone", "Fax", "Email", "Website", "SelfBillingIndicator"),
)
TAX_TABLE_ENTRY_ORDER: Order = (
    *("TaxType", "TaxCountryRegion", "TaxCode", "Description", "TaxExpirationDate"),
    *("TaxPercentage", "TaxAmount"),
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

# Columns that are the sum of what these hold; each is kept beside it.
SUMMED = {
    "DocumentTotals/Payment/PaymentAmount": "payment_amount",
    "WithholdingTax/WithholdingTaxAmount": "withholding_tax_amount",
}
