"""CSV: for programs (RFC 4180, lines end with a line feed), and as Excel in Portugal opens it."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TextIO

from saft_pipeline.reports.columns import ColumnKind
from saft_pipeline.reports.language import Language
from saft_pipeline.reports.report import Report
from saft_pipeline.reports.sheets import Sheet, as_text, harmless, sheet_of

BOM = "\N{BYTE ORDER MARK}"
_SECONDS = "%d/%m/%Y %H:%M:%S"


def text_of(report: Report, *, excel: bool = False) -> str:
    """The main table of a report, in whole; see `write`."""
    out = io.StringIO()
    write(sheet_of(report.table), out, excel=report.language if excel else None)
    return out.getvalue()


def write(sheet: Sheet, out: TextIO, *, excel: Language | None = None) -> None:
    """Write a sheet. UTF-8 is the caller's, absent is empty.

    Args:
        sheet: what to write.
        out: opened with `newline=""`.
        excel: for people: a byte order mark, semicolons, decimal commas, days as 31/01/2025, and
            the columns' names in this language.
    """
    if excel:
        out.write(BOM)
    writer = csv.writer(out, delimiter=";" if excel else ",", lineterminator="\n")
    writer.writerow(excel.label(c.name) if excel else c.name for c in sheet.columns)
    kinds = [column.kind for column in sheet.columns]
    for row in sheet.rows:
        writer.writerow(map(_people, kinds, row) if excel else map(_data, row))


def _data(value: Any) -> Any:
    match value:
        case str():
            return harmless(value)
        case Decimal():
            return format(value, "f")
        case bool():
            return str(value).lower()
        case date():
            return value.isoformat()
        case dict() | list():
            return as_text(value)
        case _:
            return value


def _people(kind: ColumnKind, value: Any) -> Any:
    match value:
        case Decimal():
            return format(value, "f").replace(".", ",")
        case datetime():
            return value.strftime(_SECONDS)
        case date():
            return value.strftime("%m/%Y" if kind is ColumnKind.MONTH else "%d/%m/%Y")
        case str() if kind is ColumnKind.MONTH:
            year, _, month = value.partition("-")
            return f"{month}/{year}"
        case _:
            return _data(value)
