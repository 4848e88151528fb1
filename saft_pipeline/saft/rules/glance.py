"""Which rules can have something to say of a document: of most none, which is told at a glance.

What a document says beside its own number, dates and amounts, many say alike: where the rules had
nothing to say of one, they have nothing to say of the next that is built alike and has the same
codes. The same goes for lines. What is left is compared by the rules' own first looks. A document
that isn't told here is looked at by all rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from saft_pipeline.saft.records import Invoice, Row
from saft_pipeline.saft.rules.amounts import NEAR, SIGNS, amounts, are_near, near
from saft_pipeline.saft.rules.credits import Credits
from saft_pipeline.saft.rules.documents import Documents, are_times_right, orders
from saft_pipeline.saft.rules.findings import Finding
from saft_pipeline.saft.rules.identifiers import Identifiers
from saft_pipeline.saft.rules.mandatory import Mandatory
from saft_pipeline.saft.rules.masters import MasterFiles
from saft_pipeline.saft.rules.payments import is_settled, payments, simplified
from saft_pipeline.saft.rules.plans import Head, LineKind, Plan, plan_of
from saft_pipeline.saft.rules.regimes import Regimes
from saft_pipeline.saft.rules.series import AllSeries
from saft_pipeline.saft.rules.slots import of_invoice, of_line
from saft_pipeline.saft.rules.taxes import Taxes, era
from saft_pipeline.saft.shapes import Values

_NUMBER, _DATE, _TYPE = of_invoice("invoice_no invoice_date invoice_type")
_CUSTOMER, _CASH_VAT = of_invoice("customer_id cash_vat_scheme")
(_PRODUCT,) = of_line("product_code")
_MOST_HEADS, _MOST_CODES, _MOST_ALIKE, _MOST_LINES = 200, 200, 10_000, 4_096

# The codes that were right in documents of a version, in any file, by how these are built.
_RIGHT: defaultdict[str, dict[Head, set[Row]]] = defaultdict(dict)

InvoiceRule = Callable[[Invoice], Iterable[Finding]]
_Amounts = tuple[float, float]
_Lines = defaultdict[LineKind, dict[Row, _Amounts]]


class _Alike(NamedTuple):
    """What is known of documents that are built alike and have the same codes and days."""

    is_right: bool
    is_note: bool
    is_simplified: bool
    sign: int | None
    lines: _Lines  # that were right in that era


class Glance:
    """Tells which rules have to look at an invoice, by what was found of those before.

    Each of these has a first look of its own, or what it reads is among the codes.
    """

    def __init__(
        self,
        version: str,
        mandatory: Mandatory,
        identifiers: Identifiers,
        documents: Documents,
        regimes: Regimes,
        masters: MasterFiles,
        series: AllSeries,
        credits_: Credits,
        taxes: Taxes,
        verified: Sequence[InvoiceRule],
    ) -> None:
        self._mandatory, self._identifiers, self._documents = mandatory, identifiers, documents
        self._regimes, self._masters, self._taxes = regimes, masters, taxes
        self._series, self._credits, self._verified = series, credits_, verified
        self._right = _RIGHT[version]
        self._alike: defaultdict[Head, dict[Row, _Alike]] = defaultdict(dict)
        self._room_for_alike = _MOST_ALIKE
        self._lines: defaultdict[int, _Lines] = defaultdict(lambda: defaultdict(dict))
        self._room_for_lines = _MOST_LINES
        self._of_lines = (mandatory.of_lines, taxes.taxes, masters.known_products, orders)
        # Those that know other documents.
        self.following = (series.series, credits_.credits, *verified, series.references)
        self.all = (
            *(mandatory.mandatory, amounts, identifiers.identifiers, documents.documents),
            *(regimes.regimes, payments, simplified, masters.known_customer),
            *self._of_lines,
            *self.following,
        )

    def rules_for(self, invoice: Invoice) -> Sequence[InvoiceRule]:
        """Those that have to look at an invoice, in their order.

        What the others keep of it is kept.
        """
        plan = plan_of(invoice)
        if plan is None or invoice.whole is None or not plan.lines:
            return self.all
        values = invoice.whole[1]
        alike = self._alike[plan.head].get(plan.alike(values))
        if alike is None and (alike := self._alike_as(invoice, plan, values)) is None:
            return self.all
        row = invoice.values = plan.row(values)
        name, _, digits = (row[_NUMBER] or "").rpartition("/")
        series = self._series.follow(name, digits, row)
        are_lines_right = self._are_lines_right(row, alike, plan, values)
        asked: list[InvoiceRule] = [] if are_lines_right else [amounts]
        if series is None or not self._identifiers.are_right(name, digits, row):
            asked.append(self._identifiers.identifiers)
        if not alike.is_right or not are_times_right(row):
            asked.append(self._documents.documents)
        self._ask_of_document(asked, alike, row, plan, values)
        if not are_lines_right:
            asked += self._of_lines
        if series is None:
            asked.append(self._series.series)
        if alike.is_note:
            asked.append(self._credits.credits)
        else:
            self._credits.note(row, None if digits[:1] == "0" else series)
        asked += self._verified
        if alike.is_note or not are_lines_right:
            asked.append(self._series.references)
        return asked

    def _alike_as(self, invoice: Invoice, plan: Plan, values: Values) -> _Alike | None:
        """What an invoice has in common with others; None if its codes may be wrong."""
        if plan.codes(values) not in self._right.get(plan.head, ()):
            return None
        kind, date = invoice.values[_TYPE], invoice.values[_DATE]
        is_right = self._documents.are_codes_right(invoice)
        lines = self._lines[era(date)]
        found = _Alike(is_right, kind == "NC", kind == "FS", SIGNS.get(kind), lines)
        if self._room_for_alike:
            self._room_for_alike -= 1
            self._alike[plan.head][plan.alike(values)] = found
        return found

    def _ask_of_document(
        self, asked: list[InvoiceRule], alike: _Alike, row: Row, plan: Plan, values: Values
    ) -> None:
        """Those that look at regimes, payments and the customer."""
        if plan.moved and _is_early(row, values, plan.moved):
            asked.append(self._regimes.regimes)
        elif row[_CASH_VAT] is not None:
            self._regimes.count_cash_vat(row)
        is_odd = not plan.is_plain or not is_settled(row)
        for place in plan.amounts:
            is_odd = is_odd or (values[place] or "").startswith("-")
        if is_odd:
            asked.append(payments)
        if alike.is_simplified:
            asked.append(simplified)
        if not self._masters.has_customer(row[_CUSTOMER]):
            asked.append(self._masters.known_customer)

    def _are_lines_right(self, row: Row, alike: _Alike, plan: Plan, values: Values) -> bool:
        """Whether no rule of lines has anything to say, and the totals follow from them."""
        if plan.corrects is not alike.is_note:
            return False
        date, known = row[_DATE], alike.lines
        net = tax = 0.0
        slack = NEAR
        for kind, said, point, row_of in plan.lines:
            found = known[kind].get(said(values))
            if found is None or values[point] != date:
                found = self._looked_at(row_of(values), date)
                if found is None:
                    return False
                if values[point] == date and self._room_for_lines:
                    self._room_for_lines -= 1
                    known[kind][said(values)] = found
            net += found[0]
            tax += found[1]
            slack += NEAR
        if plan.ordered and any((values[n] or "") > (date or "~") for n in plan.ordered):
            return False
        return are_near(row, alike.sign, net, tax, slack)

    def _looked_at(self, row: Row, date: str | None) -> _Amounts | None:
        """What `near` finds in a line; None if rules have to look at it."""
        if (
            not self._masters.has_product(row[_PRODUCT])
            or not all(self._mandatory.of_line(row))
            or not self._taxes.is_right(row, date)
        ):
            return None
        return near(row)

    def learn(self, invoice: Invoice) -> None:
        """Take note of an invoice of which all rules had nothing to say."""
        plan = plan_of(invoice)
        if plan is None or invoice.whole is None:
            return
        if len(self._right) >= _MOST_HEADS:
            self._right.clear()
        right = self._right.setdefault(plan.head, set())
        if len(right) < _MOST_CODES:
            right.add(plan.codes(invoice.whole[1]))


def _is_early(row: Row, values: Values, moved: Sequence[int]) -> bool:
    """Whether goods may leave before their document."""
    return any((values[n] or "~")[:10] < (row[_DATE] or "") for n in moved)
