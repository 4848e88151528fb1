"""Every rule: its name, check, severity, the versions and days that it holds for, and its source.

The checks of checks.py, the asset checks, `BLOCK_ON` and `saft validate` all take them from here.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

# error: the file contradicts itself or the schema. warning: it hardly can be right. info: it may
# well be right, but the file alone can't show it.
Severity = Literal["error", "warning", "info"]

READING = "reading"  # the check of what the reader warns of
FIRST, LAST = "1.00", "1.04"  # the versions that are known
_FIRST_DAY, _LAST_DAY = "0001-01-01", "9999-12-31"


class Rule(NamedTuple):
    """One rule; `says` is what is right, `versions` and `days` (of InvoiceDate) are inclusive."""

    name: str
    check: str
    severity: Severity
    says: str
    source: str
    versions: tuple[str, str] = (FIRST, LAST)
    days: tuple[str, str] = (_FIRST_DAY, _LAST_DAY)

    def holds(self, version: str, day: str | None) -> bool:
        """Whether it is to be kept in a version (`1.04`), by a document of a day if there is one.

        A version that isn't known yet is taken for the last one.
        """
        first, last = self.versions
        if not first <= min(version, LAST) <= last:
            return False
        return day is None or self.days[0] <= day <= self.days[1]


def version_of(text: str | None) -> str:
    """`1.04` of AuditFileVersion `1.04_01`; the last known one of any other text."""
    head = (text or "")[:4]
    return head if FIRST <= head <= LAST and len(head) == 4 else LAST


_P302 = "Portaria 302/2016, annex, "
_XSD = "schema 1.04_01, "
_SINCE_101, _SINCE_102, _SINCE_104 = ("1.01", LAST), ("1.02", LAST), ("1.04", LAST)

_ROWS: tuple[Rule, ...] = (
    Rule("mandatory", "mandatory_elements", "error",
         "What the schema of the file's version calls mandatory is there.",
         "schemas 1.01_01 to 1.04_01, minOccurs"),
    Rule("mandatory_master", "mandatory_elements", "error",
         "What the schema calls mandatory of Customer, Supplier, Product and TaxTableEntry is "
         "there.",
         "schemas 1.01_01 to 1.04_01, MasterFiles", _SINCE_101),
    Rule("header_form", "header", "error",
         "FiscalYear is a year, SoftwareCertificateNumber a number, PostalCode 0000-000, ProductID "
         "a name, / and its maker's.", "schemas 1.01_01 to 1.04_01, Header", _SINCE_101),
    Rule("header_dates", "header", "error", "StartDate is not after EndDate.", _P302 + "1.9, 1.10"),
    Rule("fiscal_year", "header", "warning",
         "FiscalYear is the year of StartDate, or the one before where it ends in the next.",
         _P302 + "1.8"),
    Rule("date_created", "header", "warning", "The file was not created before its StartDate.",
         _P302 + "1.12"),
    Rule("country", "header", "warning", "Country is PT and CurrencyCode EUR.",
         _XSD + "CompanyAddress/Country, CurrencyCode"),
    Rule("company_id", "header", "warning",
         "CompanyID is the taxpayer's number, or a registry's name, a blank and its number.",
         _XSD + "CompanyID, pattern"),
    Rule("tax_accounting_basis", "code_lists", "error",
         "TaxAccountingBasis is a code of the list: E from 1.02, R and T from 1.03.",
         "schemas 1.01_01 to 1.04_01; " + _P302 + "1.4", _SINCE_101),
    Rule("invoice_type", "code_lists", "error", "InvoiceType is a code of the list.",
         _P302 + "4.1.4.8", _SINCE_101),
    Rule("invoice_type_ended", "code_lists", "warning",
         "InvoiceType is in force on InvoiceDate: VD, TV, TD, AA and DA until 2012, FS from 2013.",
         _P302 + "4.1.4.8; DL 197/2012", _SINCE_101),
    Rule("invoice_status", "code_lists", "error", "InvoiceStatus is N, S, A, R or F.",
         _P302 + "4.1.4.3.1", _SINCE_101),
    Rule("source_billing", "code_lists", "error", "SourceBilling is P, I or M.",
         _P302 + "4.1.4.3.5", _SINCE_102),
    Rule("special_regimes", "code_lists", "error",
         "The indicators of SpecialRegimes, customers and suppliers are 0 or 1.",
         _XSD + "SpecialRegimes, SelfBillingIndicator", _SINCE_101),
    Rule("tax_type", "code_lists", "error", "TaxType is IVA, IS or NS.",
         _P302 + "4.1.4.19.15.1", _SINCE_101),
    Rule("tax_code", "code_lists", "error",
         "TaxCode is RED, INT, NOR, ISE or OUT for IVA, a number of the table for IS, NS for NS; "
         "in TaxTable ten letters, digits and points at most.",
         _P302 + "4.1.4.19.15.3", _SINCE_101),
    Rule("tax_country_region", "code_lists", "error",
         "TaxCountryRegion is a country (ISO 3166), PT-AC or PT-MA.",
         _P302 + "4.1.4.19.15.2", _SINCE_101),
    Rule("payment_mechanism", "code_lists", "error", "PaymentMechanism is a code of the list.",
         _P302 + "4.1.4.20.6.1", _SINCE_101),
    Rule("withholding_tax_type", "code_lists", "error", "WithholdingTaxType is IRS, IRC or IS.",
         _P302 + "4.1.4.21.1", _SINCE_102),
    Rule("code_form", "code_lists", "error",
         "EACCode has five digits, CNCode eight, UNNumber four.",
         "schemas 1.02_01 to 1.04_01, EACCode, SAFPTCNCode, SAFPTUNNumber", _SINCE_102),
    Rule("account_id", "code_lists", "error",
         "AccountID has letters, digits and -/._+* only, until 1.03.",
         "schemas 1.01_01 to 1.03_01, AccountID, pattern", ("1.01", "1.03")),
    Rule("account_id_101", "code_lists", "error",
         "In 1.01 AccountID is letters and digits after one of 1 to 8, or Desconhecido.",
         "schema 1.01_01, AccountID, pattern", ("1.01", "1.01")),
    Rule("tax_table_code", "code_lists", "error",
         "Until 1.03 TaxCode is RED, INT, NOR, ISE, OUT, NS, NA or a number in TaxTable, too.",
         "schemas 1.01_01 to 1.03_01, TaxTableEntry/TaxCode, pattern", ("1.01", "1.03")),
    Rule("transaction_id", "code_lists", "error",
         "TransactionID is a date, a journal and a number, with a blank between them.",
         "schemas 1.01_01 to 1.04_01, SAFPTTransactionID; " + _P302 + "4.1.4.15", _SINCE_101),
    Rule("address_country", "code_lists", "warning",
         "The countries of suppliers, and of where goods leave and come to, are of ISO 3166; a "
         "supplier's is known.", _XSD + "Country and SupplierCountry, pattern", _SINCE_101),
    Rule("product_type", "code_lists", "error", "ProductType is P, S, O, E or I.",
         _P302 + "2.4.1", _SINCE_101),
    Rule("control_totals", "control_totals", "error",
         "NumberOfEntries, TotalDebit and TotalCredit are what the documents come to, within the "
         "rounding of their last digit.", _P302 + "4.1.1 to 4.1.3"),
    Rule("gross_total", "gross_total", "error",
         "GrossTotal is NetTotal and TaxPayable together, but for rounding.", _P302 + "4.1.4.20.3"),
    Rule("net_total", "line_totals", "error", "NetTotal is the sum of the lines, up to rounding.",
         _P302 + "4.1.4.20.2"),
    Rule("tax_payable", "line_totals", "warning",
         "TaxPayable is the tax of the lines, up to rounding.", _P302 + "4.1.4.20.1"),
    Rule("line_side", "line_totals", "error",
         "A line has one of DebitAmount and CreditAmount.", _XSD + "Line, choice"),
    Rule("line_other_side", "line_totals", "error",
         "A line doesn't give the other side's amount beside its own, not even as zero.",
         "schemas 1.02_01 to 1.04_01, Line, choice", _SINCE_102),
    Rule("document_side", "debit_credit", "error",
         "What is given back (NC, TD, DA, RE) is debited, everything else credited, in sum.",
         _P302 + "4.1.4.19.13, 4.1.4.19.14", _SINCE_101),
    Rule("negative_amount", "line_amounts", "error", "No amount, quantity or rate is negative.",
         "schemas 1.02_01 to 1.04_01, SAFmonetaryType and SAFdecimalType: minInclusive 0.00",
         _SINCE_102),
    Rule("quantity_price", "line_amounts", "warning",
         "A line's amount is Quantity times UnitPrice, up to rounding and SettlementAmount.",
         _P302 + "4.1.4.19.5, 4.1.4.19.7"),
    Rule("tax_base", "line_amounts", "error",
         "TaxBase stands only where UnitPrice and the line's amount are zero.",
         _XSD + "Line, asserts 4 and 5", _SINCE_104),
    Rule("anomalous_amount", "line_amounts", "warning",
         "No amount is a taxpayer's number, or beyond any sense (a thousand million).",
         "e-Fatura: documents with anomalous values"),
    Rule("nif", "nif", "error", "The company's NIF has the right check digit.",
         "DL 14/2013, art. 2; python-stdnum"),
    Rule("customer_nif", "nif", "warning",
         "The NIF of a Portuguese customer is nine digits without blanks, the last of them the "
         "check digit; where the country is not known, every number of nine digits.",
         _P302 + "2.2.3; DL 14/2013, art. 2; python-stdnum"),
    Rule("nif_prefix", "nif", "warning", "A NIF begins with digits that are given out.",
         "DL 14/2013, art. 4; tax authority's table of prefixes"),
    Rule("vat_number", "nif", "info",
         "The number of a customer of another member state has the form of its VAT numbers or of a "
         "NIF.",
         "Directive 2006/112/EC, art. 215; python-stdnum"),
    Rule("invoice_no", "series_order", "error", "InvoiceNo is type, blank, series, /, number.",
         _XSD + "InvoiceNo, pattern", _SINCE_101),
    Rule("series_order", "series_order", "error",
         "In a series a later number has no earlier SystemEntryDate, nor InvoiceDate unless it is "
         "copied from another support (SourceBilling M).",
         "CIVA art. 36 n.º 5; Portaria 363/2010"),
    Rule("series_type", "series_order", "error", "A series has one InvoiceType.",
         _P302 + "4.1.4.1"),
    Rule("repeated_number", "series_order", "warning",
         "In a series each number is given once, with zeros before it or without.",
         "CIVA art. 36 n.º 5 b); Portaria 195/2020, art. 3"),
    Rule("series_gap", "series_gaps", "warning", "In no series a number is missing.",
         "CIVA art. 36 n.º 5 b)"),
    Rule("series_limit", "series_gaps", "info",
         "All series, references and signatures of the file were followed.",
         "limits of memory"),
    Rule("atcud", "atcud", "error",
         "ATCUD is the series' validation code, of at least 8 capitals and digits, and the number; "
         "0 only until 2022.", "Portaria 195/2020, art. 3; Despacho 351/2021-XXII", _SINCE_104),
    Rule("atcud_series", "atcud", "warning", "A validation code is that of one series.",
         "Portaria 195/2020, art. 3", _SINCE_104),
    Rule("hash", "hash", "error",
         "Hash is a signature of 172 characters; 0 only where the program is not certified, or "
         "before 2011.",
         "Portaria 363/2010, art. 6; Despacho 8632/2014; " + _XSD + "Hash", _SINCE_101),
    Rule("hash_control", "hash", "error",
         "HashControl is the version of the key, for documents copied by hand or from another "
         "system followed by their own number.", "Despacho 8632/2014; " + _XSD + "HashControl",
         _SINCE_104),
    Rule("hash_chain", "hash", "error",
         "In a series all documents are signed, or none; those before 2011 may be unsigned.",
         "Portaria 363/2010, art. 6"),
    Rule("hash_key", "hash", "warning", "In a series the key's version never goes back.",
         "Despacho 8632/2014"),
    Rule("hash_repeated", "hash", "error", "In a series no signature is that of two documents.",
         "Portaria 363/2010, art. 6"),
    Rule("signature", "hash", "error",
         "Hash is the signature of InvoiceDate;SystemEntryDate;InvoiceNo;GrossTotal;previous Hash "
         "by the producer's key (only where that is given).", "Portaria 363/2010, art. 6 and 7",
         _SINCE_101),
    Rule("signature_open", "hash", "info",
         "The document before is known, so that the signature can be verified.",
         "Portaria 363/2010, art. 6", _SINCE_101),
    Rule("period", "document_dates", "warning", "InvoiceDate is within StartDate and EndDate.",
         _P302 + "1.9, 1.10"),
    Rule("invoice_date", "document_dates", "warning",
         "InvoiceDate is not after SystemEntryDate.", _P302 + "4.1.4.7, 4.1.4.12"),
    Rule("later_than_file", "document_dates", "warning",
         "SystemEntryDate and InvoiceStatusDate are not after the day on which the file was made.",
         _P302 + "1.12, 4.1.4.3.2, 4.1.4.12"),
    Rule("period_month", "document_dates", "info",
         "Period is the month of InvoiceDate, counted from the fiscal year's first (where the file "
         "is of a whole one, or that can be the calendar's).",
         _P302 + "4.1.4.6"),
    Rule("period_number", "document_dates", "error", "Period is 1 to 12.",
         "schemas 1.01_01 to 1.04_01, Period", _SINCE_101),
    Rule("order_date", "document_dates", "warning",
         "What a line was ordered by (OrderReferences) is not dated after InvoiceDate.",
         _P302 + "4.1.4.19.2.2", _SINCE_101),
    Rule("movement_start", "document_dates", "warning",
         "Goods do not leave before the InvoiceDate of the document that goes with them.",
         "DL 147/2003, art. 6 n.º 1"),
    Rule("status_date", "document_status", "warning",
         "InvoiceStatusDate is not before SystemEntryDate.", _P302 + "4.1.4.3.2"),
    Rule("cancelled_reason", "document_status", "warning", "A cancelled document says why.",
         _P302 + "4.1.4.3.3", _SINCE_102),
    Rule("exchange_rate", "currency", "error", "Currency has its ExchangeRate.",
         _XSD + "Currency", _SINCE_104),
    Rule("currency_code", "currency", "error",
         "CurrencyCode of a document is one of ISO 4217, not EUR.",
         "schemas 1.01_01 to 1.04_01, CurrencyCode; " + _P302 + "4.1.4.20.4.1", _SINCE_101),
    Rule("currency_amount", "currency", "warning",
         "CurrencyAmount times ExchangeRate is GrossTotal, up to rounding.",
         _P302 + "4.1.4.20.4", _SINCE_102),
    Rule("fr_payment", "payments", "warning",
         "An invoice-receipt (FR) is paid: its payments are GrossTotal less withholding tax.",
         _P302 + "4.1.4.8, 4.1.4.20.6"),
    Rule("fr_unpaid", "payments", "info", "An invoice-receipt (FR) says how it was paid.",
         _P302 + "4.1.4.20.6", _SINCE_104),
    Rule("payment_total", "payments", "warning",
         "Payments are no more than GrossTotal less withholding tax.", _P302 + "4.1.4.20.6"),
    Rule("withholding", "payments", "warning", "Withholding tax is no more than NetTotal.",
         _P302 + "4.1.4.21"),
    Rule("withholding_half", "payments", "info", "Withholding tax is at most half of NetTotal.",
         "CIRS art. 101; CIRC art. 94"),
    Rule("fs_retail_limit", "simplified_invoices", "warning",
         "A simplified invoice (FS) is of at most 1,000 EUR, but for firms exempt by CIVA art. 53 "
         "(M10) since 2025-03-25.", "CIVA art. 40 n.º 1; DL 35/2025",
         days=("2013-01-01", _LAST_DAY)),
    Rule("fs_limit", "simplified_invoices", "info",
         "A simplified invoice (FS) of more than 100 EUR is one of a retailer to a consumer.",
         "CIVA art. 40 n.º 1 b)", days=("2013-01-01", _LAST_DAY)),
    Rule("reference", "credit_notes", "warning",
         "A credit note names the document that it corrects, and that document is there.",
         "CIVA art. 36 n.º 6; " + _P302 + "4.1.4.19.10"),
    Rule("reference_elsewhere", "credit_notes", "info",
         "What a credit note corrects is in this file.", _P302 + "4.1.4.19.10"),
    Rule("credit_date", "credit_notes", "warning", "A credit note is not dated before its invoice.",
         "CIVA art. 29 n.º 7"),
    Rule("credit_amount", "credit_notes", "warning",
         "Credit notes together give back no more than their invoice's GrossTotal.",
         "CIVA art. 78 n.º 2"),
    Rule("credit_cancelled", "credit_notes", "warning",
         "A credit note corrects no cancelled document.", "CIVA art. 29 n.º 7"),
    Rule("credit_customer", "credit_notes", "warning",
         "A credit note is made out to its invoice's customer, by CustomerID or tax number.",
         "CIVA art. 36 n.º 6"),
    Rule("tax_rate", "tax_rates", "warning",
         "VAT is at the rate of its region and code on InvoiceDate, TaxPointDate or between.",
         "CIVA art. 8 and 18; DL 347/85; Ofício-circulado 25045/2024"),
    Rule("tax_table", "tax_rates", "warning",
         "TaxTable has the rate for a region and code that it lists.", _P302 + "2.5"),
    Rule("tax_exemption", "tax_exemptions", "warning",
         "A line without tax says why, and one with tax doesn't.",
         _XSD + "Line, asserts 1 to 3"),
    Rule("exemption_code_form", "tax_exemptions", "error",
         "TaxExemptionCode is M and two digits.", _XSD + "TaxExemptionCode, pattern", _SINCE_104),
    Rule("exemption_code", "tax_exemptions", "warning",
         "TaxExemptionCode is in the tax authority's table, and in force on InvoiceDate or "
         "TaxPointDate; in a correction, before.",
         "tax authority's table of exemption reasons", _SINCE_104),
    Rule("reverse_charge_buyer", "tax_exemptions", "warning",
         "What the buyer owes the tax of (M08, M30 to M34, M40 to M43) is not sold to a consumer "
         "without a number.",
         "CIVA art. 2 n.º 1 e), g), i) to n), art. 6 n.º 6 a); RITI art. 8 n.º 3; DL 21/2007; "
         "DL 362/99", _SINCE_104),
    Rule("foreign_buyer", "tax_exemptions", "warning",
         "What goes to another member state free of tax (M16) is sold to a VAT number of it, a "
         "service taxed abroad (M40) to a number that is not Portuguese.",
         "RITI art. 14 a) (new vehicles, b), apart); CIVA art. 6 n.º 6 a)", _SINCE_104),
    Rule("customer", "master_files", "warning", "Every CustomerID is that of a Customer.",
         _XSD + "keyref InvoiceCustomerID"),
    Rule("customer_country", "master_files", "warning",
         "The country of a customer's BillingAddress is one of ISO 3166, or Desconhecido.",
         _XSD + "Country, pattern", _SINCE_101),
    Rule("product", "master_files", "warning", "Every ProductCode is that of a Product.",
         _XSD + "keyref InvoiceProductCode"),
    Rule("repeated_product", "master_files", "warning", "Each ProductCode stands once.",
         _XSD + "unique ProductCode"),
    Rule("repeated_supplier", "master_files", "warning", "Each SupplierID stands once.",
         _XSD + "unique SupplierID", _SINCE_101),
    Rule("extract", "master_files", "info",
         "The file is whole, not an extract for e-Fatura (which has no Product table by law).",
         "DL 198/2012, art. 3 n.º 4"),
    Rule("version", "reading", "warning", "AuditFileVersion is a known one, and the namespace's.",
         _XSD + "AuditFileVersion"),
    Rule("encoding", "reading", "warning", "The bytes are in the encoding that is declared.",
         "XML 1.0, 4.3.3"),
    Rule("stray_text", "reading", "warning", "No text stands between elements.",
         _XSD + "no mixed content"),
    Rule("repeated_element", "reading", "error",
         "What the schema has once in an element, or in the file, stands there once.",
         "schemas 1.01_01 to 1.04_01, maxOccurs", _SINCE_101),
    Rule("repeated_in_101", "reading", "error",
         "In 1.01 Settlement, References, DeliveryID, ShipToAddress, ShipFromAddress stand once.",
         "schema 1.01_01, maxOccurs", ("1.01", "1.01")),
    Rule("empty_element", "reading", "error", "What may be left out is not there empty.",
         "schemas 1.01_01 to 1.04_01, minLength and types", _SINCE_101),
    Rule("empty_currency", "reading", "error", "A Currency that is there is not empty.",
         "schemas 1.02_01 to 1.04_01, Currency", _SINCE_102),
    Rule("empty_part", "reading", "error",
         "In 1.01 Tax, and what is in it or in Currency, is not there empty.",
         "schema 1.01_01, Tax and Currency", ("1.01", "1.01")),
    Rule("line_number", "reading", "error", "Each line of a document has its LineNumber.",
         "schemas 1.01_01 to 1.04_01, LineNumber", _SINCE_101),
    Rule("line_numbers", "reading", "warning", "No LineNumber of a document stands twice.",
         _P302 + "4.1.4.19.1"),
    Rule("repeated_invoice", "reading", "warning", "Each InvoiceNo stands once.",
         _XSD + "unique InvoiceNo"),
    Rule("repeated_customer", "reading", "warning", "Each CustomerID stands once.",
         _XSD + "unique CustomerID"),
    Rule("customer_id", "reading", "error", "Each Customer has its CustomerID.",
         _XSD + "CustomerID"),
    Rule("tax_registration_number", "reading", "warning",
         "TaxRegistrationNumber is nine digits, without PT.", _XSD + "SAFPTPortugueseVatNumber"),
    Rule("cash_vat", "cash_vat", "info",
         "VAT of documents under the cash VAT scheme is owed when they are paid.",
         "DL 71/2013, art. 2"),
)  # fmt: skip

RULES: dict[str, Rule] = {rule.name: rule for rule in _ROWS}

XSD = Rule(
    "xsd", "xsd", "error", "The file is valid by the schema of its AuditFileVersion.",
    "the schema given",
)  # fmt: skip
"""None of those that every file is read with: who has the schemas asks for it (xsd.py)."""
