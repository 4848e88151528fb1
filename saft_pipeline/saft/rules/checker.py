"""All rules in one pass over a file's records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple

from saft_pipeline.saft.records import (
    Customer,
    FileWarning,
    Header,
    Invoice,
    Lines,
    Other,
    Record,
    Row,
    Totals,
)
from saft_pipeline.saft.rules import alone
from saft_pipeline.saft.rules.control_totals import control_totals
from saft_pipeline.saft.rules.credits import Credits, day_of
from saft_pipeline.saft.rules.documents import Documents
from saft_pipeline.saft.rules.findings import Finding, Findings, finding
from saft_pipeline.saft.rules.glance import Glance, InvoiceRule
from saft_pipeline.saft.rules.identifiers import Identifiers, are_parts
from saft_pipeline.saft.rules.kept import kept
from saft_pipeline.saft.rules.masters import MasterFiles
from saft_pipeline.saft.rules.regimes import Regimes
from saft_pipeline.saft.rules.registry import READING, RULES, version_of
from saft_pipeline.saft.rules.series import OF_LAST, AllSeries, Series
from saft_pipeline.saft.rules.slots import of_invoice, of_line

_DATE, _TYPE, _STATUS, _CASH_VAT = of_invoice(
    "invoice_date invoice_type invoice_status cash_vat_scheme"
)
_last_of = itemgetter(*OF_LAST)
_NUMBER, _CUSTOMER, _GROSS = of_invoice("invoice_no customer_id gross_total")
(_REFERENCE,) = of_line("reference")


def check(
    records: Iterable[Record], *, most: int = 100, only: Collection[str] = RULES.keys()
) -> Findings:
    """What the rules find in a file's records; the first `most` of each rule are kept."""
    checker = Checker(most=most, only=only)
    for record in records:
        checker.see(record)
    return checker.finish()


class Examined(NamedTuple):
    """What the rules that look at an invoice alone found, and what the others read of it.

    `rows` are its lines, if those are read.
    """

    values: Row
    line: int
    rows: list[Row]
    found: list[Finding]


class _NoSeries(AllSeries):
    """Where another checker follows the series."""

    def follow(self, name: str, digits: str, _: object) -> Series | None:
        """Whatever series it is, if that and the number have the right form."""
        return _ANY if are_parts(name, digits) else None

    def series(self, _: Invoice) -> Iterable[Finding]:
        """Nothing."""
        return ()

    def references(self, _: Invoice) -> Iterator[Finding]:
        """Nothing."""
        return iter(())

    def is_seen(self, _: str) -> bool:
        """Whatever was."""
        return True


_ANY = Series("", 0)


class _NoCredits(Credits):
    """Where another checker compares credit notes."""

    def note(self, *_: object) -> None:
        """Keep nothing."""

    def take(self, *_: object) -> bool:
        """Take any."""
        return True

    def credits(self, _: Invoice) -> Iterable[Finding]:
        """Nothing."""
        return ()


class Checker:
    """The same a record at a time, beside whatever else is done with it.

    `only` names the rules that are wanted. A rule never raises: what it can't read is a finding of
    another rule, or refused by the reader. `signatures` gives the rule that needs
    a key, for the program that made the file.
    """

    def __init__(
        self,
        *,
        most: int = 100,
        only: Collection[str] = RULES.keys(),
        signatures: Callable[[Header], InvoiceRule | None] | None = None,
    ) -> None:
        self._signatures = signatures
        self._findings = Findings(most)
        self._only = only
        self._header = Header((), 0)
        self._version, self._is_certified = version_of(None), False
        self._series = AllSeries()
        self._masters = MasterFiles()
        self._credits = Credits(self._masters.buyer)
        self._regimes = Regimes(self._version)
        self._verified: Sequence[InvoiceRule] = ()
        self._glance: Glance | None = None

    def see(self, record: Record) -> None:
        """Take the next record."""
        if isinstance(record, Invoice):
            glance = self._glance or self._begin_documents()
            if rules := glance.rules_for(record):
                for found in _found_by(rules, record, glance):
                    self._add(found, record.values[_DATE])
        else:
            for found in self._of_others(record):
                self._add(found)

    def examine(self, invoice: Invoice) -> Examined:
        """Look at an invoice alone: in a copy, for `see_examined` of what this is a copy of.

        The copy is made before the first invoice.
        """
        if self._glance is None:
            self._series, self._credits = _NoSeries(), _NoCredits(self._masters.buyer)
            self._signatures = None
        glance = self._glance or self._begin_documents()
        found = _found_by(glance.rules_for(invoice), invoice, glance)
        values, lines = invoice.values, invoice.lines
        is_read = values[_TYPE] == "NC" or any(row[_REFERENCE] is not None for row in lines)
        return Examined(values, invoice.line, list(lines) if is_read else [], found)

    def see_examined(self, examined: Examined) -> None:
        """Take the next invoice, which a copy has looked at."""
        glance = self._glance or self._begin_documents()
        values = examined.values
        if values[_CASH_VAT] is not None:
            self._regimes.count_cash_vat(is_cancelled=values[_STATUS] == "A")
        for found in examined.found:
            self._add(found, values[_DATE])
        if rules := self._rules_for(examined, glance):
            lines = Lines()
            lines.extend(examined.rows, [""] * len(examined.rows))
            invoice = Invoice(values, lines, examined.line)
            for found in (found for rule in rules for found in rule(invoice)):
                self._add(found, values[_DATE])

    def _rules_for(self, examined: Examined, glance: Glance) -> Sequence[InvoiceRule]:
        """Those that know other documents and have to look; what they keep of it is kept."""
        values = examined.values
        if values[_TYPE] == "NC" or examined.rows:
            return glance.following
        name, _, digits = (values[_NUMBER] or "").rpartition("/")
        series = self._series.follow(name, digits, _last_of(values))
        if series is None:
            return glance.following
        self._credits.note(
            values[_NUMBER],
            day_of(values[_DATE]),
            values[_CUSTOMER],
            values[_GROSS],
            values[_STATUS] == "A",
            None if digits[:1] == "0" else series,
        )
        return self._verified

    def _add(self, found: Finding, day: str | None = None) -> None:
        if found.rule in self._only and RULES[found.rule].holds(self._version, day):
            self._findings.add(found)

    def _of_others(self, record: Record) -> Iterable[Finding]:
        if isinstance(record, Customer):
            self._masters.add_customer(record.values)
            return _placed(alone.customer(record), record.line)
        if isinstance(record, Other):
            says = alone.other(record)
            again = self._masters.add(record.line, says)
            return [*again, *_placed(says.found, record.line)]
        if isinstance(record, Header):
            self._header = record
            self._version, self._is_certified, found = alone.header(record)
            return _placed(found, record.line)
        return control_totals(record) if isinstance(record, Totals) else ()

    def _begin_documents(self) -> Glance:
        """MasterFiles are over: it shows whether the file is an extract."""
        header, version, masters = self._header, self._version, self._masters
        if masters.is_extract:
            self._findings.forget("mandatory_master")
        for found in masters.told_once():
            self._add(found)
        self._regimes = Regimes(version)
        signatures = self._signatures(header) if self._signatures else None
        self._verified = (signatures,) if signatures else ()
        self._glance = Glance(
            kept(version, tuple(masters.rates), is_extract=masters.is_extract),
            Identifiers(has_atcud=version >= "1.04", certified=self._is_certified),
            Documents(header),
            self._regimes,
            masters,
            self._series,
            self._credits,
            self._verified,
        )
        return self._glance

    def finish(
        self, warnings: Iterable[FileWarning] = (), counts: Mapping[str, int] = MappingProxyType({})
    ) -> Findings:
        """The findings, with what only the whole file can show, and what the reader warned of.

        `counts` are how many warnings there were of each kind: not all are kept.
        """
        for warning in warnings:
            rule = warning["code"]
            if rule in RULES and RULES[rule].check == READING:
                self._add(finding(rule, warning["line"], None, None, warning["message"]))
        told = self._findings.counts
        for rule, count in counts.items():
            if rule in told and RULES[rule].check == READING:
                told[rule] = count
        for found in self._credits.finish():
            self._add(found)
        for found in self._series.finish(self._credits.left_out):
            self._add(found)
        for found in self._regimes.finish():
            self._add(found)
        return self._findings


def _placed(found: Sequence[Finding], line: int) -> Sequence[Finding]:
    return [each._replace(line=line) for each in found] if found else ()


def _found_by(rules: Sequence[InvoiceRule], invoice: Invoice, glance: Glance) -> list[Finding]:
    found = [each for rule in rules for each in rule(invoice)]
    if not found and rules is glance.all:
        glance.learn(invoice)
    return found
