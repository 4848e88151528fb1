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
from saft_pipeline.saft.rules.buyers import asks_for_buyer
from saft_pipeline.saft.rules.credits import Credits, day_of
from saft_pipeline.saft.rules.documents import Documents, are_codes_right, line_extras
from saft_pipeline.saft.rules.findings import Finding
from saft_pipeline.saft.rules.identifiers import Identifiers
from saft_pipeline.saft.rules.kept import Amounts, LinesByKind, SameRates, lines_by_era
from saft_pipeline.saft.rules.masters import MasterFiles
from saft_pipeline.saft.rules.payments import is_above_limit, payments, simplified
from saft_pipeline.saft.rules.plans import Head, LinePlan, Plan, of_own, plan_of
from saft_pipeline.saft.rules.regimes import Regimes, is_transaction
from saft_pipeline.saft.rules.series import AllSeries
from saft_pipeline.saft.rules.slots import of_invoice
from saft_pipeline.saft.rules.taxes import era
from saft_pipeline.saft.shapes import Values

_TYPE, _STATUS, _REASON = of_invoice("invoice_type invoice_status status_reason")
_CASH_VAT, _PAID = of_invoice("cash_vat_scheme payment_amount")
# Where these are in what a document says for itself.
_NUMBER, _DATE, _HASH, _ATCUD, _PERIOD, _CUSTOMER, _TAX, _NET, _GROSS = of_own(
    "invoice_no invoice_date hash atcud period customer_id tax_payable net_total gross_total"
)
_MOST_HEADS, _MOST_CODES, _MOST_ALIKE, _MOST_LINES = 200, 200, 10_000, 4_096
_MOST_DAYS = 10_000

InvoiceRule = Callable[[Invoice], Iterable[Finding]]


@dataclass(slots=True)
class _Alike:
    """What is known of documents of an era that are built alike and have the same codes."""

    is_right: bool
    is_paid: bool  # or needn't be
    is_note: bool
    is_simplified: bool
    is_cancelled: bool
    is_under_cash_vat: bool
    sign: int | None


@dataclass(slots=True)
class _Day:
    """What is known of documents of an InvoiceDate and Period."""

    is_right: bool
    number: int
    era: int
    alike: _ByHead
    lines: LinesByKind


_ByHead = defaultdict[Head, dict[str, _Alike]]


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
        self._alike: defaultdict[int, _ByHead] = defaultdict(lambda: defaultdict(dict))
        self._days: dict[tuple[str | None, str | None], _Day] = {}
        self._room_for_alike = _MOST_ALIKE
        self._lines = lines_by_era()  # whose products are known, too
        self._room_for_lines = _MOST_LINES

    @cached_property
    def all(self) -> Sequence[InvoiceRule]:
        """All rules, in their order."""
        return (
            *(self._kept.mandatory.mandatory, amounts, self._identifiers.identifiers),
            *(self._documents.documents, self._regimes.regimes, payments, simplified),
            *(self._masters.known_customer, self._masters.buyers),
            *self._of_lines,
            *self.following,
        )

    @cached_property
    def _of_lines(self) -> Sequence[InvoiceRule]:
        mandatory, taxes = self._kept.mandatory.of_lines, self._kept.taxes.taxes
        return mandatory, taxes, self._masters.known_products, line_extras

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
        own = plan.own(values)
        dates = own[_DATE], own[_PERIOD]
        day = self._days.get(dates) or self._day(*dates)
        alike = day.alike[plan.head].get("\0".join(plan.alike(values)))
        if alike is None and (alike := self._alike_as(invoice, plan, values, day)) is None:
            return self.all
        return self._asked(plan, values, own, day, alike)

    def _asked(
        self, plan: Plan, values: Values, own: Row, day: _Day, alike: _Alike
    ) -> Sequence[InvoiceRule]:
        name, _, digits = (own[_NUMBER] or "").rpartition("/")
        series = self._series.follow(name, digits, own)
        are_lines_right = self._are_lines_right(plan, values, own, day, alike)
        asked: list[InvoiceRule] = [] if are_lines_right else [amounts]
        if series is None or not self._identifiers.are_right(
            series.code, digits, own[_ATCUD], own[_DATE], own[_HASH]
        ):
            asked.append(self._identifiers.identifiers)
        self._ask_of_head(asked, plan, values, own, day, alike)
        if not are_lines_right:
            asked += self._of_lines
        if series is None:
            asked.append(self._series.series)
        if alike.is_note:
            is_taken = are_lines_right and self._is_taken(plan, values, own, day, alike)
            if not is_taken:
                asked.append(self._credits.credits)
        else:
            is_taken = True
            in_order = None if digits[:1] == "0" else series
            self._credits.note(
                own[_NUMBER], day.number, own[_CUSTOMER], own[_GROSS], alike.is_cancelled, in_order
            )
        if self._verified:
            asked += self._verified
        if not (is_taken and are_lines_right):
            asked.append(self._series.references)
        return asked

    def _ask_of_head(
        self,
        asked: list[InvoiceRule],
        plan: Plan,
        values: Values,
        own: Row,
        day: _Day,
        alike: _Alike,
    ) -> None:
        """Add the rules of a document that is no number, line or note."""
        _, date, _, _, entered, _, _, _, changed, _, customer, _, _, gross, paid = own
        entered = entered or ""
        are_dates_right = (date or "~") <= entered <= (changed or entered) <= self._last
        if not (are_dates_right and alike.is_right and day.is_right):
            asked.append(self._documents.documents)
        is_early = plan.moved and _is_early(date, values, plan.moved)
        if is_early or (plan.booked and not _are_booked(values, plan.booked)):
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
        if plan.exemptions and asks_for_buyer("".join(plan.exemptions(values))):
            asked.append(self._masters.buyers)

    def _day(self, date: str | None, period: str | None) -> _Day:
        """What is known of an InvoiceDate and Period that is met for the first time."""
        of_era = era(date)
        is_right = self._documents.is_day_right(date, period)
        found = _Day(is_right, day_of(date), of_era, self._alike[of_era], self._lines[of_era])
        if len(self._days) < _MOST_DAYS:
            self._days[date, period] = found
        return found

    def _alike_as(self, invoice: Invoice, plan: Plan, values: Values, day: _Day) -> _Alike | None:
        """What an invoice has in common with others; None if its codes may be wrong."""
        if plan.codes(values) not in self._kept.right.get(plan.head, ()):
            return None
        row = invoice.values
        kind, is_cancelled = row[_TYPE], row[_STATUS] == "A"
        found = _Alike(
            is_right=are_codes_right(row) and not (is_cancelled and row[_REASON] is None),
            is_paid=plan.head.is_plain and (kind != "FR" or row[_PAID] is not None),
            is_note=kind == "NC",
            is_simplified=kind == "FS",
            is_cancelled=is_cancelled,
            is_under_cash_vat=row[_CASH_VAT] is not None,
            sign=SIGNS.get(kind),
        )
        if self._room_for_alike:
            self._room_for_alike -= 1
            day.alike[plan.head]["\0".join(plan.alike(values))] = found
        return found

    def _is_taken(self, plan: Plan, values: Values, own: Row, day: _Day, alike: _Alike) -> bool:
        """Whether a note gives back of one document, and has been taken."""
        first, *others = plan.references(values)
        if first is None or others.count(first) < len(others) or not self._series.is_seen(first):
            return False
        return alike.is_cancelled or self._credits.take(
            first, day.number, own[_CUSTOMER], own[_GROSS]
        )

    def _are_lines_right(
        self, plan: Plan, values: Values, own: Row, day: _Day, alike: _Alike
    ) -> bool:
        """Whether no rule of lines has anything to say, and the totals follow from them."""
        if plan.corrects is not alike.is_note:
            return False
        date, known = own[_DATE], day.lines
        net = tax = 0.0
        for line in plan.lines:
            kind, said, point, _, _ = line
            found = known[kind].get(key := "\0".join(said(values)))
            if found is None or values[point] != date:
                found = self._looked_at(line, key, values, date, day.era)
                if found is None:
                    return False
            amount, taxed = found
            net += amount
            tax += taxed
        if plan.ordered and any((values[n] or "") > (date or "~") for n in plan.ordered):
            return False
        if plan.duties and any((values[n] or "").startswith("-") for n in plan.duties):
            return False
        totals = own[_TAX], own[_NET], own[_GROSS]
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


def _are_booked(values: Values, booked: Sequence[int]) -> bool:
    """Whether TransactionIDs have the right form."""
    return all(is_transaction(values[n] or "") for n in booked)


def _is_early(date: str | None, values: Values, moved: Sequence[int]) -> bool:
    """Whether goods may leave before their document."""
    return any((values[n] or "~")[:10] < (date or "") for n in moved)
