"""`saft export`: a table, a view or a report as CSV, XLSX or Parquet."""

from __future__ import annotations

import sys
from enum import StrEnum
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from saft_pipeline.cli.output import CannotRunError
from saft_pipeline.cli.report import (
    CompanyOption,
    Excel,
    First,
    Lang,
    Last,
    day_of_option,
    language_of_option,
    write_file,
)
from saft_pipeline.settings import load


class FileFormat(StrEnum):
    """What files can be."""

    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"


def export(
    name: Annotated[
        str,
        typer.Argument(
            metavar="TABLE|REPORT", help="What; without a right name, all names are told."
        ),
    ],
    company: CompanyOption = None,
    start: First = None,
    end: Last = None,
    form: Annotated[
        FileFormat | None,
        typer.Option("--format", help="By default what FILE ends in, or CSV.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CSV goes to stdout without.")
    ] = None,
    excel: Excel = False,
    lang: Lang = "en",
) -> None:
    """Write rows or a report to a file for spreadsheets and data tools."""
    from saft_pipeline.reports import csv_file
    from saft_pipeline.reports import export as exporting
    from saft_pipeline.reports.selection import Selection, opened

    chosen = form or _by_name(out)
    _require(name, chosen, out, excel=excel)
    words = language_of_option(lang)
    selection = Selection(
        company,
        start_date=day_of_option("--from", start),
        end_date=day_of_option("--to", end),
        language=words,
    )
    with opened(load()) as source:
        sheet = exporting.sheet(source, name, selection)
        if out is None:
            csv_file.write(sheet, sys.stdout, excel=words if excel else None)
        else:
            write_file(out, partial(exporting.write, sheet, chosen, words, excel=excel))


def _by_name(out: Path | None) -> FileFormat:
    ending = out.suffix.lower().removeprefix(".") if out else ""
    if ending and ending not in list(FileFormat):
        known = ", ".join(f".{form}" for form in FileFormat)
        raise CannotRunError(f"{out}: its name may end in {known}; for another say --format")
    return FileFormat(ending or FileFormat.CSV)


def _require(name: str, form: FileFormat, out: Path | None, *, excel: bool) -> None:
    from saft_pipeline.reports.export import exported_names

    if name not in exported_names():
        raise CannotRunError(
            f"{name}: nothing is called that; there are: {', '.join(exported_names())}"
        )
    if out is None and form is not FileFormat.CSV:
        raise CannotRunError(f"--format {form}: needs a file; say --out FILE")
    if excel and form is not FileFormat.CSV:
        raise CannotRunError(f"--excel is a kind of CSV; leave it out of --format {form}")
    if form is FileFormat.PARQUET and find_spec("pyarrow") is None:
        raise CannotRunError("--format parquet needs pyarrow: pip install 'saft_pipeline[parquet]'")
