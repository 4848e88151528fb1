"""A short cut for elements that are written as the schema orders them, without oddities.

One regular expression takes a whole line of an invoice, values checked, at the speed of C. What
it doesn't match (another order, an empty element, a comment, an entity, a wrong value) is read by
the general way, which finds the same or tells what is wrong: the short cut never refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import groupby
from operator import itemgetter

from saft_pipeline.saft.elements import key_of
from saft_pipeline.saft.fields import (
    INVOICE_HEAD_ORDER,
    INVOICE_PATHS,
    LINE_ORDER,
    LINE_PATHS,
    REPEATABLE,
    TOTALS_ORDER,
    Order,
)
from saft_pipeline.saft.markup import XML_BLANKS, unescaped
from saft_pipeline.saft.records import Extra, Row
from saft_pipeline.saft.values import KINDS, is_real_date

_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_VALUE = {
    "text": r"[^\s<][^<]*+(?<!\s)",
    "amount": r"[0-9]{1,30}+(?:\.[0-9]{1,30}+)?+",
    "date": _DAY,
    "timestamp": _DAY + "T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]",
    "whole": "0|[1-9][0-9]{0,3}",
    "LineNumber": "0|[1-9][0-9]{0,8}",
}


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
        self._columns = [(g, slot) for g, slot in enumerate(slots) if slot is not None]
        first = {slot: group for group, slot in reversed(self._columns)}
        none = len(self._paths)
        self._pick = itemgetter(*(first.get(slot, none) for slot in range(width)))
        # A second element for the same column (of another version) is left to the general way.
        self._second = [g for g, slot in self._columns if first[slot] != g]
        kinds = [KINDS.get(path[-1]) for path in self._paths]
        self._days = [g for g, kind in enumerate(kinds) if kind in ("date", "timestamp")]
        rest = [group for group, slot in enumerate(slots) if slot is None]
        # In the document's order, as the general way finds them.
        self._extras = [
            (above, [(group, key_of(self._paths[group][-1])) for group in groups])
            for above, groups in groupby(rest, key=lambda group: self._paths[group][:-1])
        ]
        self._pick_extras: Callable[[Row], Row] = itemgetter(*rest)

    def _groups(self, text: str, at: int) -> tuple[tuple[str | None, ...], int] | None:
        found = self._match(text, at)
        if found is None:
            return None
        groups, end = found.groups(), found.end()
        if text.find("&", at, end) >= 0:
            groups = tuple(v and (unescaped(v).strip(XML_BLANKS) or None) for v in groups)
        for group in self._days:
            value = groups[group]
            if value is not None and not is_real_date(value[:10]):
                return None
        return groups, end

    def read(self, text: str, at: int) -> tuple[Row, Extra | None, int] | None:
        """The columns' values, all else, and where the element ends; None if it can't be read."""
        found = self._groups(text, at)
        if found is None:
            return None
        groups, end = found
        row: Row = self._pick((*groups, None))
        if self._second and any(groups[group] is not None for group in self._second):
            return None
        if not any(self._pick_extras(groups)):
            return row, None, end
        extra: Extra = {}
        self._put_extras(groups, extra)
        return row, extra, end

    def read_into(self, text: str, at: int, values: list[str | None], extra: Extra) -> int | None:
        """The same for an element of a record that has values already."""
        found = self._groups(text, at)
        if found is None:
            return None
        groups, end = found
        new = [(slot, groups[g]) for g, slot in self._columns if groups[g] is not None]
        if any(values[slot] not in (None, value) for slot, value in new):
            return None
        for slot, value in new:
            values[slot] = value
        self._put_extras(groups, extra)
        return end

    def _put_extras(self, groups: tuple[str | None, ...], extra: Extra) -> None:
        for above, leaves in self._extras:
            inner = {key: groups[g] for g, key in leaves if groups[g] is not None}
            if inner and above:
                _put(extra, above, inner)
            elif inner:
                extra.update(inner)


def _put(extra: Extra, above: tuple[str, ...], inner: Extra) -> None:
    for tag in above[:-1]:
        extra = extra.setdefault(key_of(tag), {})
    last = above[-1]
    extra[key_of(last)] = [inner] if last in REPEATABLE else inner


@lru_cache(maxsize=4)
def forms(prefix: str) -> dict[str, Form]:
    """The forms of an invoice's beginning, of its lines and of its totals, by element name."""
    return {
        "Invoice": Form(prefix, "Invoice", INVOICE_HEAD_ORDER, "", INVOICE_PATHS),
        "Line": Form(prefix, "Line", LINE_ORDER, "Line", LINE_PATHS),
        "DocumentTotals": Form(
            prefix, "DocumentTotals", TOTALS_ORDER, "DocumentTotals/DocumentTotals", INVOICE_PATHS
        ),
    }
