"""Where the rules' first looks find what they read, among all values of an invoice.

Those of one form are built alike, and the same of their elements are empty. So what is there and
what is missing needs no look: it is the same in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from saft_pipeline.saft.fields import key_of
from saft_pipeline.saft.invoices import InvoiceLayout
from saft_pipeline.saft.json_text import Picker, picker
from saft_pipeline.saft.records import Invoice
from saft_pipeline.saft.rules.amounts import NEAR
from saft_pipeline.saft.rules.documents import CODED
from saft_pipeline.saft.rules.series import OF_LAST
from saft_pipeline.saft.rules.slots import of_invoice, of_line
from saft_pipeline.saft.shapes import Shape, Values

(_CONTROL,) = of_invoice("hash_control")
_POINT, _PRODUCT, _REFERENCE, _EXEMPTION = of_line(
    "tax_point_date product_code reference tax_exemption_code"
)
# What many lines say alike; of texts rules only ask whether they are there.
_SAID = of_line(
    "product_code quantity unit_price tax_base debit_amount credit_amount settlement_amount "
    "tax_type tax_country_region tax_code tax_percentage tax_amount tax_exemption_code"
)
# What a document says for itself alone.
_OWN = (
    *OF_LAST,
    *of_invoice("invoice_status_date period customer_id"),
    *of_invoice("tax_payable net_total gross_total payment_amount"),
)
_MOST_KINDS = 400

# Of what has no column, the keys of elements whose content is a code, an amount or a date that a
# rule reads. Of all others rules ask whether they are there.
CODES = ("_indicator", "payment_mechanism", "withholding_tax_type", "country", "eac_code")
AMOUNTS = ("_amount", "exchange_rate")
ENDS = (*CODES, *AMOUNTS)
MOVED, ORDERED = "movement_start_time", "order_date"
BOOKED, DUTY = "transaction_id", "iec_amount"
SELDOM = frozenset(("currency", "currency_code", "withholding_tax"))

Present = tuple[bool, ...]


class Head:
    """Documents alike in all but their lines: places in their shape."""

    __slots__ = ("amounts", "booked", "codes", "is_plain", "moved")

    def __init__(self, shape: Shape) -> None:
        texts = shape.texts()
        keys = _keys(shape)
        self.codes = [place for place, key in keys.items() if key.endswith(CODES)]
        self.moved = [place for place, key in keys.items() if key == MOVED]
        self.booked = [place for place, key in keys.items() if key == BOOKED]
        self.amounts = [place for place, key in keys.items() if key.endswith(AMOUNTS)]
        self.is_plain = not any(
            SELDOM & set(map(key_of, path.split("/"))) for path in texts.values()
        )


@lru_cache(maxsize=_MOST_KINDS)
def _head(shape: Shape, _: Present) -> Head:
    return Head(shape)


class LineKind:
    """Lines that are alike, but for what they say: places in their shape."""

    __slots__ = ("duties", "has_reference", "has_references", "ordered")

    def __init__(self, shape: Shape, present: Present) -> None:
        self.ordered = [place for place, key in _keys(shape).items() if key == ORDERED]
        self.duties = [place for place, key in _keys(shape).items() if key == DUTY]
        self.has_reference = present[_REFERENCE]
        # They are kept beside the columns where there are several.
        self.has_references = any(shape.texts()[n].startswith("References/") for n in shape.rest)


@lru_cache(maxsize=_MOST_KINDS)
def _line_kind(shape: Shape, present: Present) -> LineKind:
    return LineKind(shape, present)


def _keys(shape: Shape) -> dict[int, str]:
    """The keys of what has no column, by place."""
    texts = shape.texts()
    return {place: key_of(texts[place].rpartition("/")[2]) for place in shape.rest}


class LinePlan(NamedTuple):
    """A line's kind; what picks what it says, and its row; where its date and ProductCode are.

    What those of a kind leave out is the same, and isn't picked.
    """

    kind: LineKind
    said: Picker
    point: int
    product: int
    row: Picker


class Plan:
    """Picks of the values of invoices of one form."""

    __slots__ = (
        *("alike", "amounts", "booked", "codes", "corrects", "duties", "exemptions", "head"),
        *("lines", "moved", "ordered", "own", "references", "slack"),
    )

    def __init__(self, layout: InvoiceLayout, values: Values) -> None:
        (shape, places), *inner = layout.parts
        columns, *of_lines = layout.columns
        self.head = head = _head(shape, _present(values, places))
        codes = [columns[_CONTROL], *(places[n] for n in head.codes)]
        alike = [*(columns[slot] for slot in CODED), *codes]
        self.alike = picker([n for n in alike if values[n] is not None])
        self.codes = picker(codes)
        self.own = picker([columns[slot] for slot in _OWN])
        self.moved = [places[n] for n in head.moved]
        self.booked = [places[n] for n in head.booked]
        there = [place for n in head.amounts if values[place := places[n]] is not None]
        self.amounts = picker(there) if there else None
        self.lines = [
            _line_plan(_line_kind(shape, _present(values, at)), at, values)
            for (shape, _), at in zip(inner, of_lines, strict=True)
        ]
        self.slack = NEAR * (1 + len(of_lines))
        self.references = picker([at[_REFERENCE] for at in of_lines])
        kinds = [line.kind for line in self.lines]
        within = list(zip(kinds, inner, strict=True))
        self.ordered = [places[n] for kind, (_, places) in within for n in kind.ordered]
        self.duties = [places[n] for kind, (_, places) in within for n in kind.duties]
        exempt = [at[_EXEMPTION] for at in of_lines if values[at[_EXEMPTION]] is not None]
        self.exemptions = picker(exempt) if exempt else None
        corrects = {kind.has_reference for kind in kinds}
        self.corrects = corrects.pop() if len(corrects) == 1 else None


def of_own(names: str) -> list[int]:
    """Where these columns are in what `own` of a Plan picks."""
    return [_OWN.index(slot) for slot in of_invoice(names)]


def _present(values: Values, places: Sequence[int]) -> Present:
    return tuple([values[place] is not None for place in places])


def _line_plan(kind: LineKind, at: Sequence[int], values: Values) -> LinePlan:
    said = [at[slot] for slot in _SAID if values[at[slot]] is not None]
    return LinePlan(kind, picker(said), at[_POINT], at[_PRODUCT], picker(at))


def plan_of(invoice: Invoice) -> Plan | None:
    """The plan of an invoice's form; None if it has none."""
    if invoice.whole is None or (form := invoice.form) is None:
        return None
    plan: Plan | None = form.plan
    if plan is None:
        plan = form.plan = Plan(*invoice.whole)
    return plan
