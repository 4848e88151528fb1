"""A second reading of SAF-T (PT), for comparison: the whole document as a tree, and findtext.

It shares nothing with the package but the names of the columns.
"""

from __future__ import annotations

from decimal import Decimal

from lxml import etree

Columns = dict[str, str | None]

_COMPANY = {
    "company_id": "TaxRegistrationNumber",
    "company_name": "CompanyName",
    "business_name": "BusinessName",
    "address_detail": "CompanyAddress/AddressDetail",
    "city": "CompanyAddress/City",
    "postal_code": "CompanyAddress/PostalCode",
    "country": "CompanyAddress/Country",
}
_CUSTOMER = {
    "customer_id": "CustomerID",
    "customer_tax_id": "CustomerTaxID",
    "account_id": "AccountID",
    "company_name": "CompanyName",
    "address_detail": "BillingAddress/AddressDetail",
    "city": "BillingAddress/City",
    "postal_code": "BillingAddress/PostalCode",
    "country": "BillingAddress/Country",
}
_INVOICE = {
    "invoice_no": "InvoiceNo",
    "atcud": "ATCUD",
    "hash": "Hash",
    "hash_control": "HashControl",
    "period": "Period",
    "invoice_date": "InvoiceDate",
    "invoice_type": "InvoiceType",
    "invoice_status_date": "DocumentStatus/InvoiceStatusDate",
    "status_reason": "DocumentStatus/Reason",
    "source_billing": "DocumentStatus/SourceBilling",
    "system_entry_date": "SystemEntryDate",
    "customer_id": "CustomerID",
    "tax_payable": "DocumentTotals/TaxPayable",
    "net_total": "DocumentTotals/NetTotal",
    "gross_total": "DocumentTotals/GrossTotal",
    "currency_code": "DocumentTotals/Currency/CurrencyCode",
    "currency_amount": "DocumentTotals/Currency/CurrencyAmount",
}
_LINE = {
    "line_number": "LineNumber",
    "product_code": "ProductCode",
    "product_description": "ProductDescription",
    "description": "Description",
    "quantity": "Quantity",
    "unit_of_measure": "UnitOfMeasure",
    "unit_price": "UnitPrice",
    "tax_base": "TaxBase",
    "tax_point_date": "TaxPointDate",
    "debit_amount": "DebitAmount",
    "credit_amount": "CreditAmount",
    "tax_type": "Tax/TaxType",
    "tax_country_region": "Tax/TaxCountryRegion",
    "tax_code": "Tax/TaxCode",
    "tax_percentage": "Tax/TaxPercentage",
    "tax_amount": "Tax/TaxAmount",
    "tax_exemption_reason": "TaxExemptionReason",
    "tax_exemption_code": "TaxExemptionCode",
    "settlement_amount": "SettlementAmount",
}
AMOUNTS = {
    *("tax_payable", "net_total", "gross_total", "currency_amount", "payment_amount"),
    *("withholding_tax_amount", "quantity", "unit_price", "tax_base", "debit_amount"),
    *("credit_amount", "tax_percentage", "tax_amount", "settlement_amount"),
}


def wild(path: str) -> str:
    """A path whose steps match in any namespace."""
    return "/".join("*" if step == "*" else f"{{*}}{step}" for step in path.split("/"))


def text_at(element: etree._Element, path: str) -> str | None:
    found = element.find(wild(path))
    if found is None:
        return None
    return str(found.xpath("string(.)")).strip(" \t\r\n") or None


def columns(element: etree._Element, paths: dict[str, str]) -> Columns:
    return {name: text_at(element, path) for name, path in paths.items()}


def company_of(root: etree._Element) -> Columns:
    return columns(root.find(wild("Header")), _COMPANY)  # type: ignore[arg-type]


def customers_of(root: etree._Element) -> list[Columns]:
    found = root.iterfind(wild("MasterFiles/Customer"))
    return [company_id(root) | columns(e, _CUSTOMER) for e in found]


def company_id(root: etree._Element) -> Columns:
    return {"company_id": text_at(root, "Header/TaxRegistrationNumber")}


def invoices_of(root: etree._Element) -> list[tuple[Columns, list[Columns]]]:
    found = root.iterfind(wild("SourceDocuments/SalesInvoices/Invoice"))
    return [(company_id(root) | invoice_of(e), lines_of(e)) for e in found]


def invoice_of(element: etree._Element) -> Columns:
    row = columns(element, _INVOICE)
    status = text_at(element, "DocumentStatus/InvoiceStatus") or text_at(element, "InvoiceStatus")
    signature = row["hash"] or ""
    extract = "".join(signature[i] for i in (0, 10, 20, 30)) if len(signature) > 30 else None
    paid = total(element, "DocumentTotals/Payment/PaymentAmount")
    withheld = total(element, "WithholdingTax/WithholdingTaxAmount")
    return row | {
        "invoice_status": status,
        "hash_extract": extract,
        "payment_amount": paid,
        "withholding_tax_amount": withheld,
        "cash_vat_scheme": (
            "true" if text_at(element, "SpecialRegimes/CashVATSchemeIndicator") == "1" else None
        ),
        "line_count": str(len(element.findall(wild("Line")))),
    }


def total(element: etree._Element, path: str) -> str | None:
    amounts = [Decimal((e.text or "").strip()) for e in element.iterfind(wild(path))]
    return str(sum(amounts)) if amounts else None


def lines_of(element: etree._Element) -> list[Columns]:
    return [columns(e, _LINE) | corrected_by(e) for e in element.iterfind(wild("Line"))]


def corrected_by(line: etree._Element) -> Columns:
    """1.01 has Reference and Reason one level lower."""
    lower = "CreditNote/" if line.find(wild("References/CreditNote")) is not None else ""
    names = {name: f"References/{lower}{name.title()}" for name in ("reference", "reason")}
    return columns(line, names)


def same(name: str, found: str | None, expected: str | None) -> bool:
    """Whether two values of a column are equal: amounts as numbers, all else as text."""
    if name in AMOUNTS and found is not None and expected is not None:
        return Decimal(found) == Decimal(expected)
    return found == expected


def differences(
    fields: tuple[str, ...], values: tuple[str | None, ...], expected: Columns
) -> list[str]:
    """What differs between a row of the package and one of here."""
    return [
        f"{name}: {value!r}, not {expected[name]!r}"
        for name, value in zip(fields, values, strict=True)
        if not same(name, value, expected[name])
    ]
