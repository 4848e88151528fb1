"""A short cut for elements that are written as the schema orders them, without oddities.

One regular expression takes a whole line of an invoice, values checked, at the speed of C. What
it doesn't match (another order, an unknown element, a comment, a wrong value) is read by the
general way, which finds the same or tells what is wrong: the short cut never refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from operator import itemgetter
from typing import NamedTuple

from saft_pipeline.saft.elements import key_of
from saft_pipeline.saft.fields import (
    COMPANY_PATHS,
    CUSTOMER_ORDER,
    CUSTOMER_PATHS,
    HEAD_ORDER,
    HEADER_ORDER,
    INVOICE_FIELDS,
    INVOICE_PATHS,
    LINE_ORDER,
    LINE_PATHS,
    PRODUCT_ORDER,
    REPEATABLE,
    SHIPPING_ORDER,
    SUMMED,
    SUPPLIER_ORDER,
    TAX_TABLE_ENTRY_ORDER,
    TOTALS_ORDER,
    WITHHOLDING_ORDER,
    Order,
)
from saft_pipeline.saft.json_text import Path, Template
from saft_pipeline.saft.markup import XML_BLANKS, unescaped
from saft_pipeline.saft.records import Row
from saft_pipeline.saft.values import KINDS, exact_sum, plain

# Days that every year has; the 29th of February is left to the general way.
_DAY = (
    "(?!0000)[0-9]{4}-(?:02-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01]))"
)
_VALUE = {
    "text": r"[^\s<][^<]{0,1023}+(?<!\s)",
    "amount": r"(?:-(?=[0.]*+[1-9]))?+[0-9]{1,30}+(?:\.[0-9]{1,30}+)?+",
    "date": _DAY,
    "timestamp": _DAY + "T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]",
    "whole": "0|[1-9][0-9]{0,3}",
    "LineNumber": "0|[1-9][0-9]{0,8}",
}

_BLANKS = r"\s*+"
_COMMENTS = r"\s*+(?:<!--[^-]*+(?:-[^-]++)*+-->\s*+)*+"
_LOOSE_AMOUNT = _VALUE["amount"] + r"|\.[0-9]{1,30}+"  # `.57`, as real exports write it
_LOOSE_REPEATS = 3
_SLOTS = {**INVOICE_PATHS, **{path: INVOICE_FIELDS.index(name) for path, name in SUMMED.items()}}
_Place = tuple[tuple[str, int], ...]  # local names from the outermost in, and which of its name


class Form:
    """A run of elements in the schema's order; `read` gives column values and all else they hold.

    `opening` is the element they are in, whose opening tag is before them, or `closing` too;
    `rank` tells which run of an invoice comes first. A loose form takes comments between elements,
    more of those that may stand several times, and amounts without a zero; it is slower, and
    tried where the strict one doesn't match.
    """

    def __init__(
        self,
        prefix: str,
        order: Order,
        columns: Mapping[str, int],
        *,
        opening: str = "",
        closing: str = "",
        above: tuple[str, ...] = (),
        rank: int = 0,
        loose: bool = False,
    ) -> None:
        self._tag = f"{prefix}:" if prefix else ""
        self._blanks, self._loose = _COMMENTS if loose else _BLANKS, loose
        self._match: Callable[[str, int], re.Match[str] | None] = self._first_match
        self._places: list[_Place] = []
        self.rank = rank
        body = self._pattern(order, tuple((tag, 0) for tag in above))
        # A comment may stand at an invoice's beginning, as in samples of the tax authority.
        start = self._open(opening) + _COMMENTS if opening else ""
        end = self._close(closing) if closing else ""
        self._expression = rf"{start}{body}{end}(?=<)"
        tags = (opening,) if opening else map(_tag_of, order)
        self.starts = tuple(f"<{self._tag}{tag}" for tag in tags)
        self._sort_groups(columns)
        self._looser: Form | None = None
        self._make_looser = partial(
            Form,
            prefix,
            order,
            columns,
            opening=opening,
            closing=closing,
            above=above,
            loose=True,
        )

    def _first_match(self, text: str, at: int) -> re.Match[str] | None:
        """Most files need some forms only, and to compile one takes as long as a tiny file."""
        self._match = re.compile(self._expression, re.ASCII).match
        return self._match(text, at)

    def _open(self, tag: str) -> str:
        return f"<{re.escape(self._tag)}{tag}>"

    def _close(self, tag: str) -> str:
        return f"</{re.escape(self._tag)}{tag}>{self._blanks}"

    def _pattern(self, order: Order, above: _Place) -> str:
        steps = [step for step in order for _ in range(self._repeats(step))]
        tags = list(map(_tag_of, steps))
        places = [(*above, (tag, tags[:n].count(tag))) for n, tag in enumerate(tags)]
        return "".join(
            self._leaf(place) if isinstance(step, str) else self._branch(place, step[1])
            for step, place in zip(steps, places, strict=True)
        )

    def _repeats(self, step: str | tuple[str, Order]) -> int:
        tag = _tag_of(step)
        # Of several References the first fills columns: see elements.py.
        return _LOOSE_REPEATS if self._loose and tag in REPEATABLE and tag != "References" else 1

    def _leaf(self, place: _Place) -> str:
        self._places.append(place)
        tag = place[-1][0]
        kind = KINDS.get(tag, "text")
        value = _VALUE.get(tag) or _VALUE[kind]
        if self._loose and kind == "amount":
            value = _LOOSE_AMOUNT
        name = re.escape(self._tag) + tag
        inside = rf"(?:>\s*+({value})\s*+</{name}>|/>|>\s*+</{name}>)"
        return rf"(?:<{name}{inside}{self._blanks})?+"

    def _branch(self, place: _Place, order: Order) -> str:
        tag = place[-1][0]
        inside = self._blanks + self._pattern(order, place)
        return rf"(?:{self._open(tag)}{inside}{self._close(tag)})?+"

    def _sort_groups(self, columns: Mapping[str, int]) -> None:
        paths = ["/".join(tag for tag, _ in place) for place in self._places]
        found = [(columns[path], group) for group, path in enumerate(paths) if path in columns]
        first = dict(reversed(found))
        none = len(paths)
        self.slots = sorted(first)
        self._pick = itemgetter(
            *(first.get(slot, none) for slot in range(max(first, default=0) + 1))
        )
        # A column's second element: another version's, in another place, or to be added.
        self._seconds = [
            (slot, group, paths[group] in SUMMED) for slot, group in found if first[slot] != group
        ]
        kinds = [KINDS.get(place[-1][0]) for place in self._places]
        self._amounts = frozenset(group for group, kind in enumerate(kinds) if kind == "amount")
        kept = [group for group, path in enumerate(paths) if path not in columns or path in SUMMED]
        kept.sort(key=lambda group: _keys(self._places[group]))
        self._pick_rest = _getter(kept)
        self._rest = Template([_keys(self._places[group]) for group in kept])

    def read(self, text: str, at: int) -> tuple[Row, str, int] | None:
        """The columns' values, all else as members of a JSON object, and where the element ends.

        None if it can't be read.
        """
        found = self._match(text, at)
        if found is None or found.end() == at:
            return self._read_loosely(text, at)
        groups: Row = found.groups()
        end = found.end()
        if self._loose:
            groups = self._with_zeros(groups)
        if text.find("&", at, end) >= 0:
            groups = tuple([v and (unescaped(v).strip(XML_BLANKS) or None) for v in groups])
        row: Row = self._pick((*groups, None))
        for slot, group, summed in self._seconds:
            second = groups[group]
            if second is not None:
                value = row[slot]
                if value is not None and not summed:
                    return None
                both = second if value is None else plain(exact_sum((value, second)))
                row = (*row[:slot], both, *row[slot + 1 :])
        rest: Row = self._pick_rest(groups)
        return row, self._rest.members(rest) if any(rest) else "", end

    def _read_loosely(self, text: str, at: int) -> tuple[Row, str, int] | None:
        if self._loose or not text.startswith(self.starts, at):
            return None
        if self._looser is None:
            self._looser = self._make_looser()
        return self._looser.read(text, at)

    def _with_zeros(self, groups: Row) -> Row:
        amounts = self._amounts
        return tuple(
            [f"0{v}" if v and v[0] == "." and g in amounts else v for g, v in enumerate(groups)]
        )


def _tag_of(step: str | tuple[str, Order]) -> str:
    return step if isinstance(step, str) else step[0]


def _getter(indices: Sequence[int]) -> Callable[[Row], Row]:
    # An itemgetter of one index gives no tuple.
    return itemgetter(*indices) if len(indices) > 1 else lambda row: tuple(row[i] for i in indices)


def _keys(place: _Place) -> Path:
    return tuple([f"{key_of(tag)}[{n}]" if tag in REPEATABLE else key_of(tag) for tag, n in place])


class Forms(NamedTuple):
    """The forms of a document, and where the next invoice begins after one has ended."""

    tag: str  # of an invoice's beginning
    head: Form
    shipping: Form
    line: Form
    totals: Form
    withholding: Form
    of: dict[str, Form]  # by the elements that they may read
    following: Callable[[str, int], re.Match[str] | None]


@lru_cache(maxsize=4)
def forms(prefix: str) -> Forms:
    """The forms for a document whose elements have this prefix."""

    def unit(tag: str, order: Order, columns: Mapping[str, int]) -> Form:
        return Form(prefix, order, columns, opening=tag, closing=tag)

    tag = f"<{prefix}:Invoice>" if prefix else "<Invoice>"
    name = re.escape(tag[1:-1])
    totals = "DocumentTotals"
    shipping = Form(prefix, SHIPPING_ORDER, _SLOTS, rank=1)
    of = {
        "ShipTo": shipping,
        "ShipFrom": shipping,
        "Line": unit("Line", LINE_ORDER, LINE_PATHS),
        totals: Form(
            *(prefix, TOTALS_ORDER, _SLOTS),
            opening=totals,
            closing=totals,
            above=(totals,),
            rank=2,
        ),
        "WithholdingTax": Form(prefix, WITHHOLDING_ORDER, _SLOTS, rank=3),
        "Header": unit("Header", HEADER_ORDER, COMPANY_PATHS),
        "Customer": unit("Customer", CUSTOMER_ORDER, CUSTOMER_PATHS),
        "Supplier": unit("Supplier", SUPPLIER_ORDER, {}),
        "Product": unit("Product", PRODUCT_ORDER, {}),
        "TaxTableEntry": unit("TaxTableEntry", TAX_TABLE_ENTRY_ORDER, {}),
    }
    return Forms(
        tag=tag,
        head=Form(prefix, HEAD_ORDER, _SLOTS, opening="Invoice"),
        shipping=shipping,
        line=of["Line"],
        totals=of[totals],
        withholding=of["WithholdingTax"],
        of=of,
        following=re.compile(rf"</{name}>\s*+(?=<{name}>)", re.ASCII).match,
    )
