"""XLSX, with XlsxWriter: a sheet a table, real numbers and dates, in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import xlsxwriter
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from saft_pipeline.reports.columns import RIGHT, ColumnKind, column_kind
from saft_pipeline.reports.language import Language
from saft_pipeline.reports.report import Report
from saft_pipeline.reports.sheets import Sheet, SheetColumn, as_text, harmless, sheets_of

Out = Path | BinaryIO
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_ROWS = 1_048_576  # of a sheet, heads and totals among them
_MOST_CHARACTERS = 32_767  # of a cell
_MOST_ON_A_PAGE = 12  # columns
_FIRST_YEAR = 1900  # of the calendar
_EXACT_DIGITS = 15  # of a number
_WIDEST, _NARROWEST = 60, 8  # letters
_FORMATS = {
    ColumnKind.MONEY: '#,##0.00\\ "€"',
    ColumnKind.NUMBER: "#,##0.00########",
    ColumnKind.PERCENT: 'General\\ "%"',
    ColumnKind.COUNT: "#,##0",
    ColumnKind.ID: "0",
    ColumnKind.DATE: r"dd\/mm\/yyyy",
    ColumnKind.MONTH: r"mm\/yyyy",
    ColumnKind.TIME: r"dd\/mm\/yyyy hh:mm:ss",
    ColumnKind.INSTANT: r"dd\/mm\/yyyy hh:mm:ss",
}


class TooManyRowsError(Exception):
    """More than a sheet can hold; the message says what to do."""


def write_report(report: Report, out: Out) -> None:
    """Write a report: what it says in a first sheet, then its tables."""
    with _Book(out, report.language) as book:
        book.summary(report)
        if not report.is_empty:
            for sheet in sheets_of(report):
                book.add(sheet)


def write(sheet: Sheet, out: Out, language: Language) -> None:
    """Write one sheet.

    Raises:
        TooManyRowsError: Excel can't hold them.
    """
    with _Book(out, language) as book:
        book.add(sheet)


class _Book:
    """A workbook that is being written."""

    def __init__(self, out: Out, language: Language) -> None:
        self._book = xlsxwriter.Workbook(out, {"constant_memory": True})
        self._language = language
        plain = self._book.add_format
        head = {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}
        self._formats, self._heads, self._sums = {}, {}, {}
        for kind in ColumnKind:
            side = {"align": "right" if kind in RIGHT else "left"}
            form = {"num_format": _FORMATS.get(kind, "General")}
            self._formats[kind] = plain(form | side)
            self._heads[kind] = plain(head | side)
            self._sums[kind] = plain(form | side | {"bold": True, "top": 1})
        self._title = plain({"bold": True, "font_size": 14})
        self._wrapped = plain({"text_wrap": True, "valign": "top"})

    def __enter__(self) -> _Book:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            self._book.close()
        except FileCreateError as error:
            raise error.args[0] from None  # the OSError

    def summary(self, report: Report) -> None:
        """The first sheet: what the report is of, its verdict and figures, what its tables mean."""
        page = self._page(self._language.text("Summary"))
        page.set_column(0, 0, 34)
        page.set_column(1, 1, 22)
        page.write_string(0, 0, report.title, self._title)
        page.write_string(1, 0, harmless(report.about))
        page.write_string(2, 0, harmless(report.summary))
        for row, (name, value) in enumerate(report.figures.items(), 4):
            page.write_string(row, 0, self._language.label(name))
            self._cell(page, SheetColumn(name, column_kind(name)), row, 1, value)
        noted = (table for table in report.tables if table.note)
        for row, table in enumerate(noted, 5 + len(report.figures)):
            page.write_string(row, 0, table.heading, self._wrapped)
            page.merge_range(row, 1, row, 6, table.note, self._wrapped)
            page.set_row(row, 48)

    def add(self, sheet: Sheet) -> None:
        """A table in a sheet of its own."""
        page, columns = self._page(self._language.label(sheet.name)), sheet.columns
        page.freeze_panes(1, 0)
        widths = [len(self._language.label(column.name)) + 2 for column in columns]
        for place, column in enumerate(columns):
            page.write_string(0, place, self._language.label(column.name), self._heads[column.kind])
        sums = {name: Decimal(0) for name in sheet.summed}
        count = 0
        for count, row in enumerate(sheet.rows, 1):
            if count + 2 > MOST_ROWS:
                raise _too_many(sheet)
            for place, (column, value) in enumerate(zip(columns, row, strict=True)):
                width = self._cell(page, column, count, place, value)
                widths[place] = max(widths[place], width)
                if column.name in sums and value is not None:
                    sums[column.name] += value
        self._finish(page, columns, widths, count, sums)

    def _page(self, title: str) -> Worksheet:
        page = self._book.add_worksheet(title)
        page.set_paper(9)  # A4
        page.set_landscape()
        page.repeat_rows(0)
        return page

    def _finish(
        self,
        page: Worksheet,
        columns: Sequence[SheetColumn],
        widths: Iterable[int],
        count: int,
        sums: dict[str, Decimal],
    ) -> None:
        if count:
            page.autofilter(0, 0, count, len(columns) - 1)
        if len(columns) <= _MOST_ON_A_PAGE:
            page.fit_to_pages(1, 0)
        for place, (column, width) in enumerate(zip(columns, widths, strict=True)):
            page.set_column(place, place, min(max(width, _NARROWEST), _WIDEST))
            if column.name in sums and count:
                letter = xlsxwriter.utility.xl_col_to_name(place)
                form, total = f"=SUBTOTAL(9,{letter}2:{letter}{count + 1})", sums[column.name]
                page.write_formula(count + 1, place, form, self._sums[column.kind], float(total))

    def _cell(self, page: Worksheet, column: SheetColumn, row: int, place: int, value: Any) -> int:
        """Write a cell; about how many letters wide it is."""
        style = self._formats[column.kind]
        match value:
            case None:
                return 0
            case bool():
                page.write_boolean(row, place, value)
                return 6
            case Decimal() | int():
                return _number(page, row, place, Decimal(value), style)
            case date() if value.year < _FIRST_YEAR:
                return _text(page, row, place, value.isoformat())
            case datetime():
                naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
                page.write_datetime(row, place, naive, style)
                return 19
            case date():
                page.write_datetime(row, place, datetime(value.year, value.month, value.day), style)  # noqa: DTZ001
                return 11
            case str() if column.kind is ColumnKind.MONTH:
                return self._cell(page, column, row, place, date.fromisoformat(f"{value}-01"))
            case str():
                return _text(page, row, place, self._language.shown(column.name, value))
            case _:
                return _text(page, row, place, as_text(value))


def _number(page: Worksheet, row: int, place: int, value: Decimal, style: Format | None) -> int:
    """As a number, where a float has all of its digits; else as text."""
    if len(value.normalize().as_tuple().digits) > _EXACT_DIGITS:
        return _text(page, row, place, format(value, "f"))
    page.write_number(row, place, float(value), style)
    return len(f"{value:,.2f}") + 3


def _text(page: Worksheet, row: int, place: int, value: str) -> int:
    text = harmless(value)
    page.write_string(row, place, text[:_MOST_CHARACTERS])
    return len(text) + 1


def _too_many(sheet: Sheet) -> TooManyRowsError:
    return TooManyRowsError(
        f"{sheet.name}: more rows than the {MOST_ROWS:,} that a sheet of Excel can hold: take "
        "fewer days (--from, --to), one company (--company), or --format csv or parquet"
    )
