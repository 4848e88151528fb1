"""The query string of one request, taken apart: what to read, where, in which order, how much."""

from __future__ import annotations

import dataclasses
import re
from typing import Self
from urllib.parse import parse_qsl

from saft_pipeline_tests.postgrest import grammar
from saft_pipeline_tests.postgrest.errors import not_implemented, unsatisfiable_range
from saft_pipeline_tests.postgrest.grammar import Filter, Logic, Order, Selected

MAX_ROWS = 1000
"""Rows that a read gives at most: Supabase's default for `db-max-rows`."""

_RESERVED = ("select", "columns", "on_conflict", "order", "limit", "offset")


@dataclasses.dataclass(frozen=True)
class Range:
    """Which rows: from `offset` (0 is the first), at most `limit`."""

    offset: int = 0
    limit: int | None = None

    def within(self, other: Range) -> Range:
        """The rows of both."""
        offset = max(self.offset, other.offset)
        ends = [r.offset + r.limit for r in (self, other) if r.limit is not None]
        return Range(offset, max(0, min(ends) - offset) if ends else None)

    def capped(self) -> Range:
        """The same with not more than MAX_ROWS."""
        return Range(self.offset, min(MAX_ROWS, MAX_ROWS if self.limit is None else self.limit))


@dataclasses.dataclass(frozen=True)
class Query:
    """The parameters; `arguments` are those of a function that is called by GET."""

    select: list[Selected]
    where: list[Filter | Logic]
    order: list[Order]
    range: Range
    columns: list[str] | None
    on_conflict: list[str] | None
    arguments: dict[str, str]

    @classmethod
    def parse(cls, text: str, *, has_arguments: bool, range_header: str | None) -> Self:
        """Read the part of the URL behind `?`; with `has_arguments` what has no operator is one.

        Raises:
            ApiError: PGRST100, PGRST103, PGRST127.
        """
        pairs = parse_qsl(text, keep_blank_values=True)
        given = {name: value for name, value in reversed(pairs) if name in _RESERVED}
        conditions = [pair for pair in pairs if pair[0] not in _RESERVED]
        arguments = [
            (name, value)
            for name, value in conditions
            if has_arguments and not _is_logic(name) and not grammar.has_operator(value)
        ]
        return cls(
            select=grammar.parse_select(given.get("select") or "*"),
            where=[_condition(*pair) for pair in conditions if pair not in arguments],
            order=grammar.parse_order(given["order"]) if given.get("order") else [],
            range=_range(given, range_header),
            columns=_names(given, "columns"),
            on_conflict=_names(given, "on_conflict"),
            arguments=dict(arguments),
        )


def _names(given: dict[str, str], name: str) -> list[str] | None:
    return grammar.parse_names(given[name], name) if name in given else None


def _is_logic(name: str) -> bool:
    return name in ("and", "or", "not.and", "not.or")


def _condition(name: str, value: str) -> Filter | Logic:
    if _is_logic(name):
        return grammar.parse_logic(name, value)
    if "." in re.sub(r'"[^"]*"', "", name):
        raise not_implemented("embedding")
    return grammar.parse_filter(name, value)


def _range(given: dict[str, str], header: str | None) -> Range:
    """`limit` and `offset`, within the Range header, whose unit is rows and whose end is in it."""
    limit = int(given["limit"]) if re.fullmatch(r"-?\d+", given.get("limit", "")) else None
    offset = int(given["offset"]) if given.get("offset", "").isdigit() else 0
    if limit is not None and limit < 0:
        raise unsatisfiable_range("Limit should be greater than or equal to zero.")
    asked = re.fullmatch(r"(\d+)-(\d*)", header or "")
    if not asked:
        return Range(offset, limit)
    start, end = int(asked[1]), int(asked[2]) if asked[2] else None
    if end is not None and end < start:
        raise unsatisfiable_range(
            "The lower boundary must be lower than or equal to the upper boundary in the "
            "Range header."
        )
    return Range(offset, limit).within(Range(start, None if end is None else end - start + 1))
