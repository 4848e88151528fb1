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
from saft_pipeline.cli.report import Company, Excel, First, Lang, Last, day, language, write_file
from saft_pipeline.settings import load


class Format(StrEnum):
    """What files can be."""

    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export)


def export(
    name: Annotated[
        str,
        typer.Argument(
            metavar="TABLE|REPORT", help="What; without a right name, all names are told."
        ),
    ],
    company: Company = None,
    start: First = None,
    end: Last = None,
    form: Annotated[
        Format | None,
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
    words = language(lang)
    selection = Selection(
        company, start_date=day("--from", start), end_date=day("--to", end), language=words
    )
    with opened(load()) as source:
        sheet = exporting.sheet(source, name, selection)
        if out is None:
            csv_file.write(sheet, sys.stdout, excel=words if excel else None)
        else:
            write_file(out, partial(exporting.write, sheet, chosen, words, excel=excel))


def _by_name(out: Path | None) -> Format:
    ending = out.suffix.lower().removeprefix(".") if out else ""
    return Format(ending) if ending in list(Format) else Format.CSV


def _require(name: str, form: Format, out: Path | None, *, excel: bool) -> None:
    from saft_pipeline.reports.export import names

    if name not in names():
        raise CannotRunError(f"{name}: nothing is called that; there are: {', '.join(names())}")
    if out is None and form is not Format.CSV:
        raise CannotRunError(f"--format {form}: needs a file; say --out FILE")
    if excel and form is not Format.CSV:
        raise CannotRunError(f"--excel is a kind of CSV; leave it out of --format {form}")
    if form is Format.PARQUET and find_spec("pyarrow") is None:
        raise CannotRunError("--format parquet needs pyarrow: pip install 'saft_pipeline[parquet]'")
