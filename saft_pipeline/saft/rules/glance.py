"""Which rules can have something to say of a document: of most none, which is told at a glance.

What a document says beside its own number, dates and amounts, many say alike: where the rules had
nothing to say of one, they have nothing to say of the next that is built alike and has the same
codes. The same goes for lines. What is left is compared by the rules' own first looks. A document
that isn't told here is looked at by all rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from saft_pipeline.saft.fields import LINE_FIELDS, key_of
from saft_pipeline.saft.invoices import InvoiceLayout
from saft_pipeline.saft.json_text import picker
from saft_pipeline.saft.records import Invoice, Row
from saft_pipeline.saft.rules.amounts import NEAR, are_near, near
from saft_pipeline.saft.rules.credits import Credits
from saft_pipeline.saft.rules.documents import Documents, orders
from saft_pipeline.saft.rules.findings import Finding
from saft_pipeline.saft.rules.identifiers import Identifiers
from saft_pipeline.saft.rules.mandatory import Mandatory
from saft_pipeline.saft.rules.masters import MasterFiles
from saft_pipeline.saft.rules.payments import is_settled, payments
from saft_pipeline.saft.rules.regimes import Regimes
from saft_pipeline.saft.rules.series import AllSeries
from saft_pipeline.saft.rules.slots import of_invoice, of_line
from saft_pipeline.saft.rules.taxes import Taxes, era
from saft_pipeline.saft.shapes import Shape

_NUMBER, _DATE, _TYPE = of_invoice("invoice_no invoice_date invoice_type")
_CUSTOMER, _CONTROL, _CASH_VAT = of_invoice("customer_id hash_control cash_vat_scheme")
_PRODUCT, _POINT, _REFERENCE, _REASON = of_line("product_code tax_point_date reference reason")
_OWN = (0, _POINT, _REFERENCE, _REASON)  # what a line says of itself, or of what it corrects
_said = itemgetter(*[n for n in range(len(LINE_FIELDS)) if n not in _OWN])
_MOST_SHAPES, _MOST_CODES, _MOST_LINES = 100, 10_000, 4_096

# Elements whose content no rule reads, but for the codes in them.
_UNREAD = frozenset(
    (
        *("DocumentTotals", "ShipTo", "ShipFrom", "MovementStartTime", "MovementEndTime"),
        *("TransactionID", "WithholdingTax"),
    )
)
_READ = ("_indicator", "source_id", "payment_mechanism", "withholding_tax_type")
_SELDOM = frozenset(("currency", "currency_code", "withholding_tax"))
_AMOUNTS = ("_amount", "exchange_rate")

_Rules = tuple[Callable[[Invoice], Iterable[Finding]], ...]
_Amounts = tuple[float, float]


class _Built(NamedTuple):
    """What rules read of documents that are built alike, beside columns: places in their shape."""

    codes: Sequence[int]
    moved: Sequence[int]
    amounts: Sequence[int]
    is_plain: bool


@lru_cache(maxsize=_MOST_SHAPES)
def _built(shape: Shape) -> _Built:
    texts = shape.texts()
    rest = {place: key_of(texts[place].rpartition("/")[2]) for place in shape.rest}
    return _Built(
        codes=[
            place
            for place, key in rest.items()
            if texts[place].partition("/")[0] not in _UNREAD or key.endswith(_READ)
        ],
        moved=[place for place, key in rest.items() if key == "movement_start_time"],
        amounts=[place for place, key in rest.items() if key.endswith(_AMOUNTS)],
        is_plain=not any(_SELDOM & set(map(key_of, path.split("/"))) for path in texts.values()),
    )


class _Codes:
    """Picks what rules read, of invoices with one layout, from all values."""

    __slots__ = ("amounts", "is_plain", "moved", "pick", "shape")

    def __init__(self, layout: InvoiceLayout) -> None:
        self.shape, places = layout.own
        built = _built(self.shape)
        self.pick = picker([layout.columns[0][_CONTROL], *(places[n] for n in built.codes)])
        self.moved = [places[n] for n in built.moved]
        self.amounts = [places[n] for n in built.amounts]
        self.is_plain = built.is_plain


def _codes_of(layout: InvoiceLayout) -> _Codes:
    if layout.codes is None:
        layout.codes = _Codes(layout)
    codes: _Codes = layout.codes
    return codes


class Glance:
    """Tells which rules have to look at an invoice, by what was found of those before."""

    def __init__(
        self,
        mandatory: Mandatory,
        identifiers: Identifiers,
        documents: Documents,
        regimes: Regimes,
        masters: MasterFiles,
        series: AllSeries,
        credits_: Credits,
        taxes: Taxes,
        verified: _Rules,
    ) -> None:
        self._mandatory, self._identifiers, self._documents = mandatory, identifiers, documents
        self._regimes, self._masters, self._taxes = regimes, masters, taxes
        self._series, self._credits, self._verified = series, credits_, verified
        self._right: dict[Shape, set[Row]] = {}
        self._lines: dict[tuple[int, bool], dict[Row, _Amounts]] = {}

    def rules_for(self, invoice: Invoice) -> _Rules | None:
        """Those that have to look at an invoice, in their order; None if all have to.

        What the others keep of it is kept.
        """
        values, whole = invoice.values, invoice.whole
        if whole is None or not whole[0].lines:
            return None
        layout, flat = whole
        codes: _Codes = layout.codes or _codes_of(layout)
        right = self._right.get(codes.shape)
        if right is None or codes.pick(flat) not in right:
            return None
        name, _, digits = (values[_NUMBER] or "").rpartition("/")
        if (
            not all(self._mandatory.of_document(values))
            or values[_CUSTOMER] not in self._masters.usual_customers
            or not self._documents.are_right(invoice)
            or not self._identifiers.are_right(name, digits, values)
            or (codes.moved and _is_early(values, flat, codes.moved))
            or not self._are_lines_right(invoice)
            or (series := self._series.follow(name, digits, values)) is None
        ):
            return None
        if values[_TYPE] != "NC":
            self._credits.note(values, None if digits[0] == "0" else series)
        return self._others(values, flat, codes)

    def _others(self, values: Row, flat: Sequence[str | None], codes: _Codes) -> _Rules:
        """Those that look at what is not in all documents; and what is kept of others."""
        rules = self._verified
        if values[_CASH_VAT] is not None:
            self._regimes.count_cash_vat(values)
        if values[_TYPE] == "NC":
            rules = (self._credits.credits, *rules, self._series.references)
        if codes.is_plain and is_settled(values):
            for place in codes.amounts:
                if (flat[place] or "").startswith("-"):
                    break
            else:
                return rules
        return (payments, *rules)

    def _are_lines_right(self, invoice: Invoice) -> bool:
        date, is_note = invoice.values[_DATE], invoice.values[_TYPE] == "NC"
        known = self._lines.get((era(date), is_note))
        if known is None:
            known = self._lines[era(date), is_note] = {}
        net = tax = 0.0
        slack = NEAR
        for row in invoice.lines:
            found = known.get(_said(row))
            if found is None or row[_POINT] != date or is_note == (row[_REFERENCE] is None):
                found = self._looked_at(row, date, is_note=is_note)
                if found is None:
                    return False
                if row[_POINT] == date and len(known) < _MOST_LINES:
                    known[_said(row)] = found
            net += found[0]
            tax += found[1]
            slack += NEAR
        if invoice.lines.have_extras and any(orders(invoice)):
            return False
        return are_near(invoice.values, net, tax, slack)

    def _looked_at(self, row: Row, date: str | None, *, is_note: bool) -> _Amounts | None:
        """What `near` finds in a line; None if rules have to look at it."""
        if (
            row[_PRODUCT] not in self._masters.usual_products
            or is_note == (row[_REFERENCE] is None)
            or not all(self._mandatory.of_line(row))
            or not self._taxes.is_known(row, date)
        ):
            return None
        return near(row)

    def learn(self, invoice: Invoice) -> None:
        """Take note of an invoice of which all rules had nothing to say."""
        if invoice.whole is None:
            return
        layout, flat = invoice.whole
        codes = _codes_of(layout)
        if len(self._right) >= _MOST_SHAPES:
            self._right.clear()
        right = self._right.setdefault(codes.shape, set())
        if len(right) < _MOST_CODES:
            right.add(codes.pick(flat))


def _is_early(values: Row, flat: Sequence[str | None], moved: Sequence[int]) -> bool:
    """Whether goods may leave before their document."""
    return any((flat[n] or "~")[:10] < (values[_DATE] or "") for n in moved)
