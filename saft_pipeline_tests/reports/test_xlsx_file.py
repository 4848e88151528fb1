"""XLSX read by another library: numbers, dates, sums, and nothing that runs."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from saft_pipeline.reports import xlsx_file
from saft_pipeline.reports.columns import ColumnKind
from saft_pipeline.reports.language import ENGLISH, PORTUGUESE
from saft_pipeline.reports.report import Report, Table, frame
from saft_pipeline.reports.sheets import Sheet, SheetColumn

AT = datetime(2025, 1, 31, 9, 5, 7, tzinfo=UTC)
VAT = SheetColumn("vat", ColumnKind.MONEY)


def opened(*rows: Any, column: SheetColumn = VAT, summed: tuple[str, ...] = ()) -> Any:
    """The one sheet of a workbook with one column; sums as they were computed."""
    out = io.BytesIO()
    sheet = Sheet("rates", (column,), [(value,) for value in rows], summed)
    xlsx_file.write(sheet, out, PORTUGUESE)
    return openpyxl.load_workbook(out, data_only=True).active


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        xlsx_file.write(Sheet("rates", (VAT,), [], ()), tmp_path / "no" / "vat.xlsx", PORTUGUESE)


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (ColumnKind.MONEY, Decimal("1234.56"), 1234.56),
        (ColumnKind.ID, 7, 7),
        (ColumnKind.FLAG, True, True),
        (ColumnKind.DATE, date(2025, 1, 31), datetime.fromisoformat("2025-01-31")),
        (ColumnKind.MONTH, "2025-01", datetime.fromisoformat("2025-01-01")),
        (ColumnKind.TIME, AT, AT.replace(tzinfo=None)),
        (ColumnKind.DATE, date(1201, 1, 31), "1201-01-31"),
        (ColumnKind.TEXT, "Zé & <Lda>", "Zé & <Lda>"),
        (ColumnKind.TEXT, None, None),
    ],
)
def test_a_value_is_what_it_is(kind: ColumnKind, value: Any, read: Any) -> None:
    cell = opened(value, column=SheetColumn("x", kind))["A2"]
    assert cell.value == read
    assert type(cell.value) is type(read)


def test_an_amount_that_excel_would_round_is_text() -> None:
    assert opened(Decimal("12345678901234567.89"))["A2"].value == "12345678901234567.89"


@pytest.mark.parametrize("text", ["=1+1", "@SUM(1)", '=HYPERLINK("http://x.example")'])
def test_text_that_begins_a_formula_is_harmless(text: str) -> None:
    cell = opened(text, column=SheetColumn("x", ColumnKind.TEXT))["A2"]
    assert (cell.value, cell.data_type) == (f"'{text}", "s")


def test_a_sum_stands_below_and_is_there_without_computing() -> None:
    sheet = opened(Decimal("0.10"), Decimal("0.20"), None, summed=("vat",))
    assert sheet["A5"].value == 0.3


def test_heads_are_frozen_in_portuguese_and_can_be_filtered() -> None:
    sheet = opened(Decimal(1))
    assert (sheet.title, sheet["A1"].value, sheet.freeze_panes) == ("Taxas", "IVA", "A2")
    assert sheet.auto_filter.ref == "A1:A2"


def test_more_rows_than_excel_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_file, "MOST_ROWS", 4)
    assert opened(Decimal(1), Decimal(2)).max_row == 3
    with pytest.raises(xlsx_file.TooManyRowsError, match="rates: more rows than the 4"):
        opened(Decimal(1), Decimal(2), Decimal(3))


def test_a_report_is_its_figures_and_a_sheet_for_each_table() -> None:
    rates = frame([{"month": "2025-01", "vat": "2.30"}], "month vat", "vat")
    report = Report(
        "vat", "VAT", "all", "=well", True, {"vat": Decimal("2.30")}, {}, "rates",
        [Table("rates", "Rates", rates, "A note", ("vat",))], ENGLISH,
    )  # fmt: skip
    out = io.BytesIO()
    xlsx_file.write_report(report, out)
    book = openpyxl.load_workbook(out, data_only=True)
    assert book.sheetnames == ["Summary", "Rates"]
    assert [c.value for c in book["Summary"]["A"]][:5] == ["VAT", "all", "'=well", None, "VAT"]
    assert book["Summary"]["B5"].value == 2.3
    assert book["Rates"]["B3"].value == 2.3
