"""Which rules can have something to say of a document: of most none, which is told at a glance.

What a document says beside its own number, dates and amounts, many say alike: where the rules had
nothing to say of one, they have nothing to say of the next that is built alike and has the same
codes. The same goes for lines. What is left is compared by the rules' own first looks. A document
that isn't told here is looked at by all rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from saft_pipeline.saft.records import Invoice, Row
from saft_pipeline.saft.rules.amounts import SIGNS, amounts, are_near, near
from saft_pipeline.saft.rules.credits import Credits, day_of
from saft_pipeline.saft.rules.documents import Documents, orders
from saft_pipeline.saft.rules.findings import Finding
from saft_pipeline.saft.rules.identifiers import Identifiers
from saft_pipeline.saft.rules.kept import Amounts, SameRates, lines_by_era
from saft_pipeline.saft.rules.masters import MasterFiles
from saft_pipeline.saft.rules.payments import is_above_limit, payments, simplified
from saft_pipeline.saft.rules.plans import Head, LinePlan, Plan, plan_of
from saft_pipeline.saft.rules.regimes import Regimes
from saft_pipeline.saft.rules.series import AllSeries
from saft_pipeline.saft.rules.slots import of_invoice
from saft_pipeline.saft.rules.taxes import era
from saft_pipeline.saft.shapes import Values

_DATE, _TYPE, _STATUS = of_invoice("invoice_date invoice_type invoice_status")
_REASON, _CASH_VAT, _PAID = of_invoice("status_reason cash_vat_scheme payment_amount")
_MOST_HEADS, _MOST_CODES, _MOST_ALIKE, _MOST_LINES = 200, 200, 10_000, 4_096

InvoiceRule = Callable[[Invoice], Iterable[Finding]]


@dataclass(slots=True)
class _Alike:
    """What is known of documents that are built alike and have the same codes and days."""

    is_right: bool
    is_paid: bool  # or needn't be
    is_note: bool
    is_simplified: bool
    is_cancelled: bool
    is_under_cash_vat: bool
    sign: int | None
    day: int
    era: int


class Glance:
    """Tells which rules have to look at an invoice, by what was found of those before.

    Each of these has a first look of its own, or what it reads is among the codes.
    """

    def __init__(
        self,
        known: SameRates,
        identifiers: Identifiers,
        documents: Documents,
        regimes: Regimes,
        masters: MasterFiles,
        series: AllSeries,
        credits_: Credits,
        verified: Sequence[InvoiceRule],
    ) -> None:
        self._kept, self._masters = known, masters
        self._identifiers, self._documents, self._regimes = identifiers, documents, regimes
        self._series, self._credits, self._verified = series, credits_, verified
        self._customers = masters.usual_customers
        self._last = documents.last_time
        self._alike: defaultdict[Head, dict[str, _Alike]] = defaultdict(dict)
        self._room_for_alike = _MOST_ALIKE
        self._lines = lines_by_era()  # whose products are known, too
        self._room_for_lines = _MOST_LINES

    @cached_property
    def all(self) -> Sequence[InvoiceRule]:
        """All rules, in their order."""
        return (
            *(self._kept.mandatory.mandatory, amounts, self._identifiers.identifiers),
            *(self._documents.documents, self._regimes.regimes, payments, simplified),
            self._masters.known_customer,
            *self._of_lines,
            *self.following,
        )

    @cached_property
    def _of_lines(self) -> Sequence[InvoiceRule]:
        known = self._kept
        return known.mandatory.of_lines, known.taxes.taxes, self._masters.known_products, orders

    @cached_property
    def following(self) -> Sequence[InvoiceRule]:
        """Those that know other documents."""
        series = self._series
        return (series.series, self._credits.credits, *self._verified, series.references)

    def rules_for(self, invoice: Invoice) -> Sequence[InvoiceRule]:
        """Those that have to look at an invoice, in their order.

        What the others keep of it is kept.
        """
        plan = plan_of(invoice)
        if plan is None or (whole := invoice.whole) is None or not plan.lines:
            return self.all
        values = whole[1]
        alike = self._alike[plan.head].get("\0".join(plan.alike(values)))
        if alike is None and (alike := self._alike_as(invoice, plan, values)) is None:
            return self.all
        own = plan.own(values)
        number, date, _, _, entered, signature, atcud, _, changed, customer, *totals, paid = own
        gross = totals[2]
        name, _, digits = (number or "").rpartition("/")
        series = self._series.follow(name, digits, own)
        are_lines_right = self._are_lines_right(date, totals, alike, plan, values)
        asked: list[InvoiceRule] = [] if are_lines_right else [amounts]
        if series is None or not self._identifiers.are_right(name, digits, atcud, date, signature):
            asked.append(self._identifiers.identifiers)
        entered = entered or ""
        if not (alike.is_right and (date or "~") <= entered <= (changed or entered) <= self._last):
            asked.append(self._documents.documents)
        if plan.moved and _is_early(date, values, plan.moved):
            asked.append(self._regimes.regimes)
        elif alike.is_under_cash_vat:
            self._regimes.count_cash_vat(is_cancelled=alike.is_cancelled)
        if not (
            alike.is_paid
            and (paid is None or paid == gross)
            and not (plan.amounts and "-" in "".join(plan.amounts(values)))
        ):
            asked.append(payments)
        if alike.is_simplified and is_above_limit(gross):
            asked.append(simplified)
        if customer not in self._customers and not self._masters.has_customer(customer):
            asked.append(self._masters.known_customer)
        if not are_lines_right:
            asked += self._of_lines
        if series is None:
            asked.append(self._series.series)
        is_taken = not alike.is_note or (
            are_lines_right and self._is_taken(customer, gross, alike, plan.references(values))
        )
        if not is_taken:
            asked.append(self._credits.credits)
        elif not alike.is_note:
            in_order = None if digits[:1] == "0" else series
            self._credits.note(number, alike.day, customer, gross, alike.is_cancelled, in_order)
        if self._verified:
            asked += self._verified
        if not (is_taken and are_lines_right):
            asked.append(self._series.references)
        return asked

    def _alike_as(self, invoice: Invoice, plan: Plan, values: Values) -> _Alike | None:
        """What an invoice has in common with others; None if its codes may be wrong."""
        if plan.codes(values) not in self._kept.right.get(plan.head, ()):
            return None
        row = invoice.values
        kind, date, is_cancelled = row[_TYPE], row[_DATE], row[_STATUS] == "A"
        is_under_cash_vat = row[_CASH_VAT] is not None
        is_right = self._documents.are_codes_right(row) and not (
            is_cancelled and row[_REASON] is None
        )
        is_paid = plan.head.is_plain and (kind != "FR" or row[_PAID] is not None)
        found = _Alike(
            is_right=is_right,
            is_paid=is_paid,
            is_note=kind == "NC",
            is_simplified=kind == "FS",
            is_cancelled=is_cancelled,
            is_under_cash_vat=is_under_cash_vat,
            sign=SIGNS.get(kind),
            day=day_of(date),
            era=era(date),
        )
        if self._room_for_alike:
            self._room_for_alike -= 1
            self._alike[plan.head]["\0".join(plan.alike(values))] = found
        return found

    def _is_taken(
        self, customer: str | None, gross: str | None, alike: _Alike, references: Row
    ) -> bool:
        """Whether a note gives back of one document, and has been taken."""
        first, *others = references
        if first is None or others.count(first) < len(others) or not self._series.is_seen(first):
            return False
        return alike.is_cancelled or self._credits.take(first, alike.day, customer, gross)

    def _are_lines_right(
        self,
        date: str | None,
        totals: Sequence[str | None],
        alike: _Alike,
        plan: Plan,
        values: Values,
    ) -> bool:
        """Whether no rule of lines has anything to say, and the totals follow from them."""
        if plan.corrects is not alike.is_note:
            return False
        known = self._lines[alike.era]
        net = tax = 0.0
        for line in plan.lines:
            found = known[line.kind].get(key := "\0".join(line.said(values)))
            if found is None or values[line.point] != date:
                found = self._looked_at(line, key, values, date, alike.era)
                if found is None:
                    return False
            amount, taxed = found
            net += amount
            tax += taxed
        if plan.ordered and any((values[n] or "") > (date or "~") for n in plan.ordered):
            return False
        return are_near(totals, alike.sign, net, tax, plan.slack)

    def _looked_at(
        self, line: LinePlan, key: str, values: Values, date: str | None, of_era: int
    ) -> Amounts | None:
        """What `near` finds in a line; None if rules have to look at it."""
        if not self._masters.has_product(values[line.product]):
            return None
        if line.kind.has_references and self._kept.mandatory.has_once:
            return None
        if values[line.point] != date:
            return self._amounts_of(line.row(values), date)
        found = self._kept.lines[of_era][line.kind].get(key)
        if found is None:
            found = self._amounts_of(line.row(values), date)
            if found is None:
                return None
            self._kept.keep(of_era, line.kind, key, found)
        if self._room_for_lines:
            self._room_for_lines -= 1
            self._lines[of_era][line.kind][key] = found
        return found

    def _amounts_of(self, row: Row, date: str | None) -> Amounts | None:
        """The same of its row, whatever product it names."""
        is_whole = all(self._kept.mandatory.of_line(row))
        return near(row) if is_whole and self._kept.taxes.is_right(row, date) else None

    def learn(self, invoice: Invoice) -> None:
        """Take note of an invoice of which all rules had nothing to say."""
        plan = plan_of(invoice)
        if plan is None or invoice.whole is None:
            return
        if len(self._kept.right) >= _MOST_HEADS:
            self._kept.right.clear()
        right = self._kept.right.setdefault(plan.head, set())
        if len(right) < _MOST_CODES:
            right.add(plan.codes(invoice.whole[1]))


def _is_early(date: str | None, values: Values, moved: Sequence[int]) -> bool:
    """Whether goods may leave before their document."""
    return any((values[n] or "~")[:10] < (date or "") for n in moved)
