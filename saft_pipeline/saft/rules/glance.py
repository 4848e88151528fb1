"""Which rules can have something to say of a document: of most none, which is told at a glance.

What a document says beside its own number, dates and amounts, many say alike: where the rules had
nothing to say of one, they have nothing to say of the next that is built alike and has the same
codes. The same goes for lines. What is left is compared by the rules' own first looks. A document
that isn't told here is looked at by all rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from saft_pipeline.saft.fields import LINE_FIELDS, key_of
from saft_pipeline.saft.invoices import InvoiceLayout
from saft_pipeline.saft.json_text import picker
from saft_pipeline.saft.records import Invoice, Row
from saft_pipeline.saft.rules.amounts import NEAR, amounts, are_near, near
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
_MOST_SHAPES, _MOST_CODES, _MOST_LINES = 100, 1_000, 4_096

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

# The codes that were right in documents of a version, in any file, by how these are built.
_RIGHT: defaultdict[str, dict[Shape, set[Row]]] = defaultdict(dict)

InvoiceRule = Callable[[Invoice], Iterable[Finding]]
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
        self._lines: dict[tuple[int, bool], dict[Row, _Amounts]] = {}
        self._of_lines = (mandatory.of_lines, taxes.taxes, masters.known_products, orders)
        # Those that know other documents.
        self.following = (series.series, credits_.credits, *verified, series.references)
        self.all = (
            *(mandatory.mandatory, amounts, identifiers.identifiers, documents.documents),
            *(regimes.regimes, payments, masters.known_customer),
            *self._of_lines,
            *self.following,
        )

    def rules_for(self, invoice: Invoice) -> Sequence[InvoiceRule]:
        """Those that have to look at an invoice, in their order.

        What the others keep of it is kept.
        """
        values, whole = invoice.values, invoice.whole
        if whole is None:
            return self.all
        layout, flat = whole
        codes: _Codes = layout.codes or _codes_of(layout)
        right = self._right.get(codes.shape)
        if right is None or codes.pick(flat) not in right:
            return self.all
        name, _, digits = (values[_NUMBER] or "").rpartition("/")
        series = self._series.follow(name, digits, values)
        asked: list[InvoiceRule] = []
        if not layout.lines or not all(self._mandatory.of_document(values)):
            asked.append(self._mandatory.mandatory)
        are_lines_right = self._are_lines_right(invoice)
        if not are_lines_right:
            asked.append(amounts)
        if not self._identifiers.are_right(name, digits, values):
            asked.append(self._identifiers.identifiers)
        self._ask_of_document(asked, invoice, codes, flat)
        if not are_lines_right:
            asked += self._of_lines
        if series is None:
            asked.append(self._series.series)
        is_note = values[_TYPE] == "NC"
        if is_note:
            asked.append(self._credits.credits)
        else:
            self._credits.note(values, None if digits[:1] == "0" else series)
        asked += self._verified
        if is_note or not are_lines_right:
            asked.append(self._series.references)
        return asked

    def _ask_of_document(
        self,
        asked: list[InvoiceRule],
        invoice: Invoice,
        codes: _Codes,
        flat: Sequence[str | None],
    ) -> None:
        """Those that look at dates, regimes, payments and the customer."""
        values = invoice.values
        if not self._documents.are_right(invoice):
            asked.append(self._documents.documents)
        if codes.moved and _is_early(values, flat, codes.moved):
            asked.append(self._regimes.regimes)
        elif values[_CASH_VAT] is not None:
            self._regimes.count_cash_vat(values)
        is_odd = not codes.is_plain or not is_settled(values)
        for place in codes.amounts:
            is_odd = is_odd or (flat[place] or "").startswith("-")
        if is_odd:
            asked.append(payments)
        if not self._masters.has_customer(values[_CUSTOMER]):
            asked.append(self._masters.known_customer)

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
            not self._masters.has_product(row[_PRODUCT])
            or is_note == (row[_REFERENCE] is None)
            or not all(self._mandatory.of_line(row))
            or not self._taxes.is_right(row, date)
        ):
            return None
        return near(row)

    def learn(self, invoice: Invoice) -> None:
        """Take note of an invoice of which all rules had nothing to say."""
        if invoice.whole is None:
            return
        layout, flat = invoice.whole
        codes = _codes_of(layout)
        if not all(flat[place] for place in codes.amounts):
            return  # nobody looked at the codes of an amount that is not there
        if len(self._right) >= _MOST_SHAPES:
            self._right.clear()
        right = self._right.setdefault(codes.shape, set())
        if len(right) < _MOST_CODES:
            right.add(codes.pick(flat))


def _is_early(values: Row, flat: Sequence[str | None], moved: Sequence[int]) -> bool:
    """Whether goods may leave before their document."""
    return any((flat[n] or "~")[:10] < (values[_DATE] or "") for n in moved)
