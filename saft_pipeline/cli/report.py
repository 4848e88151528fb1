"""`saft report`: VAT, sales, files and gaps, as a table, CSV, JSON, a spreadsheet or a page."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saft_pipeline.cli.output import AsJson, CannotRunError, print_json, say, stdout
from saft_pipeline.settings import load
from saft_pipeline.visible import visible

if TYPE_CHECKING:
    from rich.console import JustifyMethod
    from rich.table import Table as Grid

    from saft_pipeline.reports.language import Language
    from saft_pipeline.reports.report import Report, Table
    from saft_pipeline.reports.selection import Selection


_FOLDED = ("path", "error")
_WIDEST = 10_000
_LOCALE = ["LC_ALL", "LC_MESSAGES", "LANG"]


class Subject(StrEnum):
    """What there are reports of."""

    VAT = "vat"
    SALES = "sales"
    FILES = "files"
    GAPS = "gaps"


CompanyOption = Annotated[str | None, typer.Option(metavar="NIF", help="Whose; all without.")]
First = Annotated[str | None, typer.Option("--from", metavar="DATE", help="First day.")]
Last = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last day.")]
Excel = Annotated[
    bool,
    typer.Option("--excel", help="CSV that Excel in Portugal opens: semicolons, decimal commas."),
]
Lang = Annotated[
    str,
    typer.Option(
        metavar="pt|en", envvar=_LOCALE, show_envvar=False, help="Portuguese or English; as LANG."
    ),
]

_Subject = Annotated[
    Subject,
    typer.Argument(
        help="VAT by month, region and rate, beside the documents' TaxPayable; sales by branch "
        "and day; the files that came in by day, branch and state; or what is missing: "
        "numbers in series, months without a file.",
        show_default=False,
    ),
]
_Company = Annotated[
    str | None, typer.Option(metavar="NIF", help="Whose; `sales` takes all without.")
]
_Origin = Annotated[
    str | None, typer.Option("--source", metavar="S", help="What files of a source hold.")
]
_Xlsx = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write a spreadsheet, a sheet a table.")
]
_Html = Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with charts.")]


def report(
    subject: _Subject,
    company: _Company = None,
    origin: _Origin = None,
    start: First = None,
    end: Last = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV of the first table.")] = False,
    excel: Excel = False,
    as_json: AsJson = False,
    xlsx: _Xlsx = None,
    html: _Html = None,
    lang: Lang = "en",
) -> None:
    """Report VAT, sales or files from what is loaded."""
    if (as_csv or excel) and as_json:
        raise CannotRunError("--csv and --json both want stdout; choose one")
    from saft_pipeline.reports.selection import Selection

    period = day_of_option("--from", start), day_of_option("--to", end)
    made = _made(subject, Selection(company, None, *period, language_of_option(lang), origin))
    for path, write in ((xlsx, _write_xlsx), (html, _write_page)):
        if path is not None:
            write_file(path, partial(write, made))
    if as_csv or excel:
        _print_csv(made, excel=excel)
    elif as_json:
        print_json(made.to_json())
    elif not (xlsx or html or made.is_empty):
        _print(made)
    say(made.summary)


def day_of_option(option: str, text: str | None) -> date | None:
    """The day that an option names."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise CannotRunError(f"{option} {text}: not a date such as 2025-01-31") from None


def language_of_option(lang: str) -> Language:
    """The language by `--lang`, or by the locale."""
    from saft_pipeline.reports.language import chosen

    return chosen([lang])


def write_file(path: Path, write: Callable[[Path], object]) -> None:
    """Have a file written, whole or not at all."""
    from saft_pipeline.reports.sheets import written_whole

    try:
        with written_whole(path) as aside:
            write(aside)
    except OSError as error:
        raise CannotRunError(f"{path}: {error.strerror}") from None
    say(f"written: {path}")


def _made(subject: Subject, selection: Selection) -> Report:
    from saft_pipeline.reports.making import make
    from saft_pipeline.reports.selection import opened

    with opened(load()) as source:
        return make(subject, source, selection)


def _write_xlsx(made: Report, path: Path) -> None:
    from saft_pipeline.reports.xlsx_file import write_report

    write_report(made, path)


def _write_page(made: Report, path: Path) -> None:
    from saft_pipeline.reports.page import standalone

    path.write_text(standalone(made), encoding="utf-8")


def _print_csv(made: Report, *, excel: bool) -> None:
    from saft_pipeline.reports.csv_file import write
    from saft_pipeline.reports.sheets import sheet_of

    write(sheet_of(made.table), sys.stdout, excel=made.language if excel else None)


def _print(made: Report) -> None:
    say(f"{made.title}: {made.about}")
    for table in made.tables:
        _print_table(table, made.language)


def _print_table(table: Table, words: Language) -> None:
    """Print it as wide as its numbers need: what is cut off a number would go unseen."""
    from rich.console import Console
    from rich.measure import Measurement

    grid, room = _grid(table, words), stdout.options.update(max_width=_WIDEST)
    needed = Measurement.get(stdout, room, grid).minimum
    wide = Console(file=stdout.file, width=max(stdout.width, needed), highlight=False)
    wide.print(grid)


def _grid(table: Table, words: Language) -> Grid:
    from rich.table import Table as Grid
    from rich.text import Text

    from saft_pipeline.reports.columns import is_number

    grid = Grid(box=None, title=f"\n{table.heading}", title_justify="left", pad_edge=False)
    grid.show_footer = bool(table.summed)
    totals, shown = table.totals, words.shown
    columns = {n: [shown(n, value) for value in table.frame[n]] for n in table.frame.columns}
    for name, cells in columns.items():
        footer = shown(name, totals[name]) if name in totals else ""
        header = Text(words.label(name).replace(" ", "\n"))
        side: JustifyMethod = "right" if is_number(name) else "left"
        whole = 0 if name in _FOLDED else max(map(len, [*header.plain.split(), footer, *cells]))
        grid.add_column(
            header, Text(footer), justify=side, overflow="fold", min_width=whole, no_wrap=whole > 0
        )
    for row in zip(*columns.values(), strict=True):
        grid.add_row(*map(Text, map(visible, row)))
    return grid
