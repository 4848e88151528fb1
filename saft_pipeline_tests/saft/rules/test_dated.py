"""Every row of the code lists and of the rates has its source and days that make sense."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import pairwise

import pytest

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


@pytest.mark.parametrize("name", sorted(ROWS))
def test_each_row_has_a_source_and_days_that_do_not_overlap(name: str) -> None:
    rows = sorted(ROWS[name], key=lambda row: row.since)
    ends = [_ends(row) for row in rows]
    assert all(row.source.strip() for row in rows)
    assert all(since <= until for since, until in ends)
    assert all(until < since for (_, until), (since, _) in pairwise(ends))
