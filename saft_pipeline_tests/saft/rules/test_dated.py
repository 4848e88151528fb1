"""Every row of the code lists and of the rates has its source and days that make sense."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import pairwise

from saft_pipeline.saft.rules import codes
from saft_pipeline.saft.rules.dated import CodeList, Dated
from saft_pipeline.saft.rules.rates import RATES


def _by_value() -> Iterator[tuple[str, list[Dated]]]:
    """The rows of one value of one list; of rates, those of one region and code."""
    for name, rows in vars(codes).items():
        if isinstance(rows, CodeList):
            for value in {row.value for row in rows.rows}:
                yield f"{name} {value}", [row for row in rows.rows if row.value == value]
    for key, rates in RATES.items():
        yield " ".join(key), list(rates)


ROWS = dict(_by_value())


def _ends(row: Dated) -> tuple[date, date]:
    until = date.fromisoformat(row.until) if row.until else date.max
    return date.fromisoformat(row.since), until


def test_rows_were_found() -> None:
    assert {"EXEMPTION_CODES M08", "PT-MA RED", "INVOICE_TYPES VD"} <= ROWS.keys()


def test_each_row_has_a_source() -> None:
    assert [name for name, rows in ROWS.items() if not all(r.source.strip() for r in rows)] == []


def test_the_days_of_a_row_are_in_order_and_in_no_other() -> None:
    assert [name for name, rows in ROWS.items() if not _in_order(rows)] == []


def _in_order(rows: list[Dated]) -> bool:
    ends = [_ends(row) for row in sorted(rows, key=lambda row: row.since)]
    return all(since <= until for since, until in ends) and all(
        until < since for (_, until), (since, _) in pairwise(ends)
    )
