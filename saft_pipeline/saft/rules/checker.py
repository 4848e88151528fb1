"""All rules in one pass over a file's records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from saft_pipeline.saft.fields import CUSTOMER_FIELDS, INVOICE_FIELDS, LINE_FIELDS
from saft_pipeline.saft.fingerprints import Fingerprints
from saft_pipeline.saft.records import Customer, Header, Invoice, Other, Record, Totals
from saft_pipeline.saft.rules.amounts import amounts, control_totals
from saft_pipeline.saft.rules.findings import Finding, Findings
from saft_pipeline.saft.rules.identifiers import Identifiers, company, customer
from saft_pipeline.saft.rules.series import AllSeries
from saft_pipeline.saft.rules.taxes import Taxes

_NUMBER, _DATE, _ENTERED, _CUSTOMER = (
    INVOICE_FIELDS.index(name)
    for name in ("invoice_no", "invoice_date", "system_entry_date", "customer_id")
)
_PRODUCT = LINE_FIELDS.index("product_code")
_ID = CUSTOMER_FIELDS.index("customer_id")


def check(records: Iterable[Record], *, most: int = 100) -> Findings:
    """What the rules find in a file's records; the first `most` of each rule are kept."""
    checker = Checker(most=most)
    for record in records:
        checker.see(record)
    return checker.finish()


class Checker:
    """The same a record at a time, beside whatever else is done with it."""

    def __init__(self, *, most: int = 100) -> None:
        self._findings = Findings(most)
        self._rules: tuple[Callable[[Invoice], Iterable[Finding]], ...] = ()
        self._series = AllSeries()
        self._masters = _Masters()

    def see(self, record: Record) -> None:
        """Take the next record."""
        if isinstance(record, Invoice):
            for rule in self._rules:
                for finding in rule(record):
                    self._findings.add(finding)
        else:
            for finding in self._of_others(record):
                self._findings.add(finding)

    def _of_others(self, record: Record) -> Iterator[Finding]:
        if isinstance(record, Customer):
            self._masters.customers.add(record.values[_ID])
            yield from customer(record)
        elif isinstance(record, Other):
            self._masters.add(record)
        elif isinstance(record, Header):
            self._begin(record)
            yield from company(record)
        elif isinstance(record, Totals):
            yield from control_totals(record)

    def _begin(self, header: Header) -> None:
        is_104 = (header.audit_file_version or "") >= "1.04"
        certificate = header.extra.get("software_certificate_number", "0")
        self._rules = (
            amounts,
            Taxes(has_codes=is_104).taxes,
            Identifiers(has_atcud=is_104, certified=certificate != "0").identifiers,
            self._series.series,
            self._series.references,
            _Dates(header).dates,
            self._masters.known,
        )

    def finish(self) -> Findings:
        """The findings, with what only the whole file can show."""
        for finding in self._series.finish():
            self._findings.add(finding)
        return self._findings


class _Dates:
    """InvoiceDate within the file's period, and not after the invoice was entered."""

    def __init__(self, header: Header) -> None:
        self._start = header.start_date or "0000"
        self._end = header.end_date or "9999"

    def dates(self, invoice: Invoice) -> Iterator[Finding]:
        date, entered = invoice.values[_DATE], invoice.values[_ENTERED]
        if date is None:
            return
        number = invoice.values[_NUMBER]
        if not self._start <= date <= self._end:
            expected = f"{self._start} to {self._end}, the file's period"
            yield Finding("period", "warning", invoice.line, number, expected, date)
        if entered is not None and date > entered:
            expected = f"{entered[:10]}, when it was entered, or before"
            yield Finding("invoice_date", "warning", invoice.line, number, expected, date)


class _Masters:
    """Customers and products that invoices name (keyrefs of the 1.04_01 schema)."""

    def __init__(self) -> None:
        self.customers = Fingerprints()
        self.products = Fingerprints()
        self._usual: set[str | None] = set()

    def add(self, record: Other) -> None:
        if record.kind == "product":
            self.products.add(record.row.get("product_code"))

    def known(self, invoice: Invoice) -> Iterator[Finding]:
        number, who = invoice.values[_CUSTOMER], invoice.values[_NUMBER]
        if number is not None and number not in self.customers:
            expected = "a Customer of MasterFiles"
            yield Finding("customer", "warning", invoice.line, who, expected, number)
        for row in invoice.lines:
            code = row[_PRODUCT]
            if code in self._usual:
                continue
            if code is not None and code not in self.products:
                expected, document = "a Product of MasterFiles", f"{who} line {row[0]}"
                yield Finding("product", "warning", invoice.line, document, expected, code)
            elif len(self._usual) < 10_000:
                self._usual.add(code)
