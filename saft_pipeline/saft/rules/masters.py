"""MasterFiles: whom and what documents name (keyrefs of the 1.04_01 schema), and the TaxTable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from saft_pipeline.saft.records import Customer, Extra, Invoice, Other
from saft_pipeline.saft.rules.codes import COUNTRIES, PRODUCT_TYPES
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.rules.slots import of_customer, of_invoice, of_line
from saft_pipeline.saft.rules.taxes import Key, odd_codes
from saft_pipeline.saft.seen import SeenKeys

_NUMBER, _CUSTOMER = of_invoice("invoice_no customer_id")
_PRODUCT = of_line("product_code")[0]
_ID, _COUNTRY = of_customer("customer_id country")
_COUNTRIES = {None, "Desconhecido", *(r.value for r in COUNTRIES.rows if "-" not in r.value)}
_MOST_USUAL = 10_000
_MOST_RATES = 10_000


class MasterFiles:
    """What was seen of MasterFiles before the first document.

    A file without any Product is an extract for e-Fatura: it is told once, and no line of it is
    asked for its Product. The same of customers, where a file has none at all.
    """

    def __init__(self) -> None:
        self._customers, self._products = SeenKeys(), SeenKeys()
        self._has_customers = self._has_products = self._has_others = False
        self.tax_table: dict[Key, set[str]] = {}
        # Those that need no second look.
        self._usual_products: set[str | None] = {None}
        self.usual_customers: set[str | None] = {None}

    @property
    def is_extract(self) -> bool:
        """Whether no Product was seen."""
        return not self._has_products

    def add_customer(self, record: Customer) -> Iterator[Finding]:
        """Note a Customer."""
        self._has_customers = True
        self._customers.add(record.values[_ID])
        country = record.values[_COUNTRY]
        if country not in _COUNTRIES:
            expected = "a country's two letters, or Desconhecido"
            yield finding("customer_country", record.line, record.values[_ID], expected, country)

    def add(self, record: Other, row: Extra) -> Iterator[Finding]:
        """Note a Product, TaxTableEntry or Supplier, whose row this is."""
        self._has_others = True
        if record.kind == "product":
            self._has_products = True
            yield from self._product_of(record.line, row)
        elif record.kind == "tax_table_entry":
            yield from self._rate_of(record.line, row)

    def _product_of(self, line: int, row: Extra) -> Iterator[Finding]:
        code, kind = row.get("product_code"), row.get("product_type")
        for each in code if isinstance(code, list) else [code]:
            if self._products.add(each) is not None and each is not None:
                yield finding("repeated_product", line, f"Product {each}", "once", "again")
        if isinstance(kind, str) and kind not in PRODUCT_TYPES:
            yield finding("product_type", line, f"Product {code}", "P, S, O, E or I", kind)

    def _rate_of(self, line: int, row: Extra) -> Iterator[Finding]:
        """TaxCode is any text of ten letters, digits and points here."""
        rate = row.get("tax_percentage")
        key = (row.get("tax_type"), row.get("tax_country_region"), row.get("tax_code"))
        if any(isinstance(part, list) for part in key):
            return
        for rule, expected, found in odd_codes(*key[:2]):
            yield finding(rule, line, f"TaxTableEntry {key[2]}", expected, found)
        if isinstance(rate, str) and len(self.tax_table) < _MOST_RATES:
            self.tax_table.setdefault(key, set()).add(rate)

    def told_once(self) -> Iterator[Finding]:
        """That the file is an extract; asked when its first document comes."""
        if not self._has_products:
            expected = "a Product table: this is an extract for e-Fatura, its products are unknown"
            yield finding("extract", None, "MasterFiles", expected, None)
        if not (self._has_customers or self._has_others):
            yield finding("mandatory", None, "AuditFile", "MasterFiles", None)
        elif not self._has_customers:
            yield finding("customer", None, "MasterFiles", "a Customer", None)

    def known_customer(self, invoice: Invoice) -> Iterable[Finding]:
        """A CustomerID that is in no table."""
        who = invoice.values[_CUSTOMER]
        if self.has_customer(who):
            return ()
        expected = "a Customer of MasterFiles"
        return (finding("customer", invoice.line, invoice.values[_NUMBER], expected, who),)

    def has_customer(self, who: str | None) -> bool:
        """Whether a CustomerID needs no word: it is in the table, or there is none."""
        if who in self.usual_customers:
            return True
        is_known = not self._has_customers or who in self._customers
        if is_known and len(self.usual_customers) < _MOST_USUAL:
            self.usual_customers.add(who)
        return is_known

    def known_products(self, invoice: Invoice) -> Iterator[Finding]:
        """Each ProductCode that is in no table."""
        for row in invoice.lines:
            if not self.has_product(row[_PRODUCT]):
                document = f"{invoice.values[_NUMBER]} line {row[0]}"
                expected = "a Product of MasterFiles"
                yield finding("product", invoice.line, document, expected, row[_PRODUCT])

    def has_product(self, code: str | None) -> bool:
        """Whether a ProductCode needs no word: it is in the table, or there is none."""
        if code in self._usual_products:
            return True
        is_known = not self._has_products or code in self._products
        if is_known and len(self._usual_products) < _MOST_USUAL:
            self._usual_products.add(code)
        return is_known
