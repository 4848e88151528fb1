"""The columns of the tables, and the element of the SAF-T (PT) schemas that each one comes from.

A source is a path of local names below the record's own element. Several paths for one column are
the same fact in different versions (1.00 to 1.04_01); the first that is present is taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@lru_cache(maxsize=4096)
def key_of(tag: str) -> str:
    """`TaxRegistrationNumber` as `tax_registration_number`."""
    return _WORDS.sub("_", tag).lower()


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
    "cash_vat_scheme": (),  # true if CashVATSchemeIndicator is 1, which is kept beside it
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

# Columns that are the sum of what these hold; each is kept beside it.
SUMMED = {
    "DocumentTotals/Payment/PaymentAmount": "payment_amount",
    "WithholdingTax/WithholdingTaxAmount": "withholding_tax_amount",
}

# Those that hold text only in all schemas, 1.00 to 1.04_01, wherever they stand.
_LEAVES = """
ARCNo ATCUD ATDocCodeID AccountDescription AccountID AddressDetail AuditFileVersion
BuildingNumber BusinessName CNCode CashVATSchemeIndicator City ClosingCreditBalance
ClosingDebitBalance CompanyID CompanyName Contact Country CreditAmount CurrencyAmount
CurrencyCode CurrencyCreditAmount CurrencyDebitAmount CustomerID CustomerTaxID DateCreated
DebitAmount DeliveryDate DeliveryID Description DocArchivalNumber DocumentNumber EACCode Email
EndDate ExchangeRate Fax FiscalYear GLPostingDate GrossTotal GroupingCategory GroupingCode Hash
HashControl HeaderComment IECAmount InvoiceDate InvoiceNo InvoiceStatus InvoiceStatusDate
InvoiceType JournalID LineNumber LocationID MovementComments MovementDate MovementEndTime
MovementStartTime MovementStatus MovementStatusDate MovementType NetTotal NumberOfEntries
NumberOfMovementLines OpeningCreditBalance OpeningDebitBalance OrderDate OriginatingON
PaymentAmount PaymentDate PaymentMechanism PaymentRefNo PaymentStatus PaymentStatusDate
PaymentTerms PaymentType Period PostalCode ProductCode ProductCompanyTaxID ProductDescription
ProductGroup ProductID ProductNumberCode ProductType ProductVersion Quantity Reason RecordID
Reference Region SelfBillingIndicator SerialNumber SettlementAmount SettlementDate
SettlementDiscount SoftwareCertificateNumber SourceBilling SourceID SourcePayment StartDate
StreetName SupplierID SupplierTaxID SystemEntryDate SystemID TaxAccountingBasis TaxAmount
TaxBase TaxCode TaxCountryRegion TaxEntity TaxExemptionCode TaxExemptionReason TaxExpirationDate
TaxPayable TaxPercentage TaxPointDate TaxRegistrationNumber TaxType TaxVerificationDate
TaxonomyCode TaxonomyReference Telephone ThirdPartiesBillingIndicator TotalCredit TotalDebit
TotalQuantityIssued TransactionDate TransactionID TransactionType UNNumber UnitOfMeasure
UnitPrice WarehouseID Website WithholdingTaxAmount WithholdingTaxDescription WithholdingTaxType
WorkDate WorkStatus WorkStatusDate WorkType
"""
LEAVES = frozenset(_LEAVES.split())

# Those that the schemas have once at most wherever they stand, and that hold others.
_GROUPS = """
Address BillingAddress CompanyAddress CreditNote Currency CustomsDetails CustomsInformation
DocumentStatus DocumentTotals ProductSerialNumber ShipFrom ShipTo SpecialRegimes Tax
"""
ONCE = LEAVES.union(_GROUPS.split()) - REPEATABLE
# Those of which one that is there can't be empty, though it may be left out: all others that can't
# are asked for by the rules.
_OPTIONAL = """
ARCNo Address BuildingNumber BusinessName CNCode Contact DeliveryDate DeliveryID EACCode Email
ExchangeRate Fax HashControl HeaderComment IECAmount LocationID MovementEndTime MovementStartTime
OrderDate OriginatingON Payment PaymentMechanism PaymentTerms Period ProductGroup
ProductSerialNumber Reason Reference Region SerialNumber SettlementAmount SettlementDate
SettlementDiscount ShipFromAddress ShipToAddress StreetName TaxBase TaxExemptionCode
TaxExemptionReason TaxExpirationDate Telephone TransactionID UNNumber WarehouseID Website
WithholdingTax WithholdingTaxDescription WithholdingTaxType
"""
_OPTIONAL_IN_101 = """
CurrencyCode CurrencyCreditAmount CurrencyDebitAmount Tax TaxAmount TaxCode TaxCountryRegion
TaxPercentage TaxType
"""
# With the warning of it: in 1.01 a Currency may be empty.
OPTIONAL = {
    **dict.fromkeys(_OPTIONAL.split(), "empty_element"),
    **dict.fromkeys(_OPTIONAL_IN_101.split(), "empty_part"),
    "Currency": "empty_currency",
}
