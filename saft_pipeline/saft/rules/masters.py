"""MasterFiles: whom and what documents name (keyrefs of the 1.04_01 schema), and the TaxTable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from zlib import crc32

from saft_pipeline.saft.records import Invoice, Row
from saft_pipeline.saft.rules.alone import OtherSays
from saft_pipeline.saft.rules.buyers import Buyer, buyer_of, exempt_to
from saft_pipeline.saft.rules.credits import CUSTOMER_BITS
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.rules.slots import of_customer, of_invoice, of_line
from saft_pipeline.saft.rules.taxes import Rate
from saft_pipeline.saft.seen import SeenKeys

_NUMBER, _CUSTOMER = of_invoice("invoice_no customer_id")
_ID, _TAX_ID, _COUNTRY = of_customer("customer_id customer_tax_id country")
_PRODUCT = of_line("product_code")[0]
_MOST_USUAL = 10_000
_MOST_RATES = 10_000


class _Buyers(dict[str | None, int]):
    """A number for who has a CustomerID: that of a taxpayer is the same for each of them."""

    def __init__(self, customers: SeenKeys) -> None:
        super().__init__()
        self._customers = customers

    def __missing__(self, who: str | None) -> int:
        _, number = self._customers.get(who) or (None, 0)
        found: int = (number or hash(who)) & CUSTOMER_BITS
        if len(self) < _MOST_USUAL:
            self[who] = found
        return found


class MasterFiles:
    """What was seen of MasterFiles before the first document.

    A file without any Product is an extract for e-Fatura: it is told once, and no line of it is
    asked for its Product. The same of customers, where a file has none at all.
    """

    def __init__(self) -> None:
        self._customers, self._products, self._suppliers = SeenKeys("BI"), SeenKeys(), SeenKeys()
        self._has_customers = self._has_products = self._has_others = False
        self.rates: list[Rate] = []  # of the TaxTable
        # Those that need no second look.
        self._usual_products: set[str | None] = {None}
        self.usual_customers: set[str | None] = {None}
        self.buyer = _Buyers(self._customers).__getitem__

    @property
    def is_extract(self) -> bool:
        """Whether no Product was seen."""
        return not self._has_products

    def add_customer(self, values: Row) -> None:
        """Note a Customer."""
        self._has_customers = True
        number = values[_TAX_ID] or ""
        kind = buyer_of(number, values[_COUNTRY])
        who = 0 if kind == Buyer.CONSUMER else crc32(number.removeprefix("PT").encode())
        self._customers.add(values[_ID], kind, who)

    def add(self, line: int, says: OtherSays) -> Iterator[Finding]:
        """Note a Product, TaxTableEntry or Supplier, which says this."""
        self._has_others = True
        if says.rate is not None and len(self.rates) < _MOST_RATES:
            self.rates.append(says.rate)
        for code in says.products:
            self._has_products = True
            if self._products.add(code) is not None and code is not None:
                about = f"Product {code}"
                yield finding("repeated_product", line, about, "once", "again")
        if says.supplier is not None and self._suppliers.add(says.supplier) is not None:
            yield finding("repeated_supplier", line, f"Supplier {says.supplier}", "once", "again")

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

    def buyers(self, invoice: Invoice) -> Iterable[Finding]:
        """Reasons for no tax that don't hold for the customer, where that is in the table."""
        found = self._customers.get(invoice.values[_CUSTOMER])
        return exempt_to(invoice, found[0]) if found else ()

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
