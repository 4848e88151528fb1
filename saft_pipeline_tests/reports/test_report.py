"""How a report's values are written: as data, exactly, and for people."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import pytest

from saft_pipeline.reports.csv_file import text_of
from saft_pipeline.reports.language import ENGLISH
from saft_pipeline.reports.report import Report, Table, cents, frame, total


def report(*rows: dict[str, Any]) -> Report:
    columns = "month tax_percentage vat"
    table = Table("rates", "Rates", frame(rows, columns, "tax_percentage vat"), "", ("vat",))
    return Report("vat", "VAT", "all", "well", True, {}, {}, "rates", [table], ENGLISH)


ROW = {"month": "2025-03", "tax_percentage": "0.0000001", "vat": "12345678901234567890.10"}


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("0.005", "0.01"), ("0.0049", "0.00"), ("-0.005", "-0.01"), ("-0.001", "0.00"),
        ("1E+3", "1000.00"),
        ("123456789012345678901234567890.125", "123456789012345678901234567890.13"),
    ],
)  # fmt: skip
def test_cents_are_half_up_and_exact(amount: str, expected: str) -> None:
    assert str(cents(Decimal(amount))) == expected


def test_csv_has_amounts_as_they_are() -> None:
    lines = text_of(report(ROW)).splitlines()
    assert lines[1] == "2025-03,0.0000001,12345678901234567890.10"


def test_csv_has_nothing_where_nothing_is() -> None:
    lines = text_of(report({**ROW, "tax_percentage": None})).splitlines()
    assert lines[1] == "2025-03,,12345678901234567890.10"


def test_csv_quotes_what_must_be() -> None:
    name = 'Zé, "Lda"\n'
    text = text_of(report({**ROW, "month": name}))
    assert list(csv.reader(io.StringIO(text)))[1][0] == name


def test_csv_of_no_rows_is_its_header() -> None:
    assert text_of(report()) == "month,tax_percentage,vat\n"


def test_json_has_amounts_as_text_and_absent_as_null() -> None:
    assert report({**ROW, "tax_percentage": None}).to_json()["rates"] == [
        {"month": "2025-03", "tax_percentage": None, "vat": "12345678901234567890.10"}
    ]


def test_totals_are_exact() -> None:
    table = report(ROW, {**ROW, "vat": "0.01"}).table
    assert table.totals == {"vat": Decimal("12345678901234567890.11")}


def test_the_total_of_nothing_is_zero() -> None:
    assert total(frame([], "vat")["vat"]) == 0
