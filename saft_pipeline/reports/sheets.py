"""Rows under typed columns, which CSV, XLSX and Parquet files are written from."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from saft_pipeline.reports.columns import ColumnKind, column_kind
from saft_pipeline.reports.language import is_absent
from saft_pipeline.reports.report import Report, Table

# https://owasp.org/www-community/attacks/CSV_Injection, and the same letters in full width.
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """A column by its name in the data."""

    name: str
    kind: ColumnKind


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows, which may be read only once: text, Decimal, int, bool, date, datetime, or None.

    `summed` are the columns that a last row adds up for people.
    """

    name: str
    columns: tuple[SheetColumn, ...]
    rows: Iterable[tuple[Any, ...]]
    summed: tuple[str, ...] = ()


def sheet_of(table: Table) -> Sheet:
    """A table of a report."""
    columns = tuple(SheetColumn(str(name), column_kind(str(name))) for name in table.frame.columns)
    kinds = [column.kind for column in columns]
    rows = (
        tuple(map(_value, kinds, row)) for row in table.frame.itertuples(index=False, name=None)
    )
    return Sheet(table.name, columns, rows, table.summed)


def sheets_of(report: Report) -> list[Sheet]:
    """All tables of a report."""
    return [sheet_of(table) for table in report.tables]


def _value(kind: ColumnKind, value: Any) -> Any:
    if is_absent(value):
        return None
    if kind is ColumnKind.DATE and isinstance(value, str):
        return date.fromisoformat(value)
    return value


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula: one that begins like it gets an apostrophe."""
    return f"'{text}" if _FORMULA.match(text) else text


def as_text(value: Any) -> str:
    """Text as it is; what else JSON holds, as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path beside `path` that takes its place at the end, unless the block raises."""
    if path.exists() and not path.is_file():  # a pipe, say
        yield path
        return
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
