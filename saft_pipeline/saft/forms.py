"""A short cut for elements that are written as the schema orders them, without oddities.

One regular expression takes a whole line of an invoice, values checked, at the speed of C. What
it doesn't match (another order, an empty element, a comment, an entity, a wrong value) is read by
the general way, which finds the same or tells what is wrong: the short cut never refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from saft_pipeline.saft.elements import key_of
from saft_pipeline.saft.fields import (
    INVOICE_FIELDS,
    INVOICE_HEAD_ORDER,
    INVOICE_PATHS,
    LINE_ORDER,
    LINE_PATHS,
    REPEATABLE,
    TOTALS_ORDER,
    Order,
)
from saft_pipeline.saft.json_text import Path, Template
from saft_pipeline.saft.markup import XML_BLANKS, unescaped
from saft_pipeline.saft.records import Row
from saft_pipeline.saft.values import KINDS

# Days that every year has; the 29th of February is left to the general way.
_DAY = (
    "(?!0000)[0-9]{4}-(?:02-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01]))"
)
_VALUE = {
    "text": r"[^\s<][^<]{0,1023}+(?<!\s)",
    "amount": r"[0-9]{1,30}+(?:\.[0-9]{1,30}+)?+",
    "date": _DAY,
    "timestamp": _DAY + "T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]",
    "whole": "0|[1-9][0-9]{0,3}",
    "LineNumber": "0|[1-9][0-9]{0,8}",
}

_PAID = ("DocumentTotals", "Payment", "PaymentAmount")  # a column, and kept with its Payment
_TOTALS_PATHS = {**INVOICE_PATHS, "/".join(_PAID): INVOICE_FIELDS.index("payment_amount")}


class Form:
    """One element in the schema's order: `match` gives its column values and all else it holds."""

    def __init__(
        self, prefix: str, opening: str, order: Order, closing: str, columns: Mapping[str, int]
    ) -> None:
        self._tag = f"{prefix}:" if prefix else ""
        self._paths: list[tuple[str, ...]] = []
        body = self._pattern(order, tuple(closing.split("/")[:-1]))
        end = closing.rsplit("/", 1)[-1]
        start, end = self._open(opening), self._close(end) if end else ""
        self._match = re.compile(rf"{start}\s*+{body}{end}\s*+(?=<)", re.ASCII).match
        self._sort_groups(columns, max(columns.values()) + 1)

    def _open(self, tag: str) -> str:
        return f"<{re.escape(self._tag)}{tag}>"

    def _close(self, tag: str) -> str:
        return f"</{re.escape(self._tag)}{tag}>"

    def _pattern(self, order: Order, above: tuple[str, ...]) -> str:
        return "".join(
            self._leaf(step, above) if isinstance(step, str) else self._branch(*step, above)
            for step in order
        )

    def _leaf(self, tag: str, above: tuple[str, ...]) -> str:
        self._paths.append((*above, tag))
        value = _VALUE.get(tag) or _VALUE[KINDS.get(tag, "text")]
        name = re.escape(self._tag) + tag
        return rf"(?:<{name}(?:>\s*+(?:({value})\s*+)?+</{name}>|/>)\s*+)?+"

    def _branch(self, tag: str, order: Order, above: tuple[str, ...]) -> str:
        inner = self._pattern(order, (*above, tag))
        return rf"(?:{self._open(tag)}\s*+{inner}{self._close(tag)}\s*+)?+"

    def _sort_groups(self, columns: Mapping[str, int], width: int) -> None:
        slots = [columns.get("/".join(path)) for path in self._paths]
        taken = [(slot, group) for group, slot in enumerate(slots) if slot is not None]
        first = dict(reversed(taken))
        none = len(self._paths)
        self.slots = sorted(first)
        self._pick = itemgetter(*(first.get(slot, none) for slot in range(width)))
        # A column's element of another version, where it stands in another place.
        self._seconds = [(slot, group) for slot, group in taken if first[slot] != group]
        kept = [g for g, slot in enumerate(slots) if slot is None or self._paths[g] == _PAID]
        kept.sort(key=lambda group: _keys(self._paths[group]))
        self._pick_rest: Callable[[Row], Row] = itemgetter(*kept)
        self._rest = Template([_keys(self._paths[group]) for group in kept])

    def read(self, text: str, at: int) -> tuple[Row, str, int] | None:
        """The columns' values, all else as members of a JSON object, and where the element ends.

        None if it can't be read.
        """
        found = self._match(text, at)
        if found is None:
            return None
        groups: Row = found.groups()
        end = found.end()
        if text.find("&", at, end) >= 0:
            groups = tuple([v and (unescaped(v).strip(XML_BLANKS) or None) for v in groups])
        row: Row = self._pick((*groups, None))
        for slot, group in self._seconds:
            if groups[group] is not None:
                if row[slot] is not None:
                    return None
                row = (*row[:slot], groups[group], *row[slot + 1 :])
        rest = self._pick_rest(groups)
        return row, self._rest.members(rest) if any(rest) else "", end


def _keys(path: tuple[str, ...]) -> Path:
    return tuple([key_of(tag) + "[]" * (tag in REPEATABLE) for tag in path])


class Forms(NamedTuple):
    """The forms of an invoice's parts, and where the next invoice begins after one has ended."""

    tag: str
    head: Form
    line: Form
    totals: Form
    following: Callable[[str, int], re.Match[str] | None]


@lru_cache(maxsize=4)
def forms(prefix: str) -> Forms:
    """The forms for a document whose elements have this prefix."""
    tag = f"<{prefix}:Invoice>" if prefix else "<Invoice>"
    name = re.escape(tag[1:-1])
    return Forms(
        tag,
        Form(prefix, "Invoice", INVOICE_HEAD_ORDER, "", INVOICE_PATHS),
        Form(prefix, "Line", LINE_ORDER, "Line", LINE_PATHS),
        Form(
            prefix, "DocumentTotals", TOTALS_ORDER, "DocumentTotals/DocumentTotals", _TOTALS_PATHS
        ),
        re.compile(rf"</{name}>\s*+(?=<{name}>)", re.ASCII).match,
    )
