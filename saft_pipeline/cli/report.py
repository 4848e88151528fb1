"""`saft report`: VAT, sales and files, as a table, CSV, JSON or a page."""

from __future__ import annotations

import sys
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saft_pipeline.cli.output import CannotRunError, answer, print_json, say
from saft_pipeline.settings import load

if TYPE_CHECKING:
    from rich.console import JustifyMethod
    from rich.table import Table as Grid

    from saft_pipeline.reports.report import Report, Table


_FOLDED = ("path", "error")
_WIDEST = 10_000


class Subject(StrEnum):
    """What there are reports of."""

    VAT = "vat"
    SALES = "sales"
    FILES = "files"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report)


def report(
    subject: Annotated[
        Subject,
        typer.Argument(
            help="VAT by month, region and rate, beside the documents' TaxPayable; sales by branch "
            "and day; or the files that came in by day, branch and state.",
            show_default=False,
        ),
    ],
    company: Annotated[
        str | None, typer.Option(metavar="NIF", help="Whose; `sales` takes all without.")
    ] = None,
    start: Annotated[str | None, typer.Option("--from", metavar="DATE", help="First day.")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last day.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV of the first table.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with charts.")
    ] = None,
) -> None:
    """Report VAT, sales or files from what is loaded."""
    if as_csv and as_json:
        raise CannotRunError("--csv and --json both want stdout; choose one")
    made = _made(subject, company, _day("--from", start), _day("--to", end))
    if html is not None:
        _write(made, html)
    if as_csv:
        sys.stdout.write(made.to_csv())
    elif as_json:
        print_json(made.to_json())
    elif html is None and not made.is_empty:
        _print(made)
    say(made.nothing if made.is_empty else made.verdict)


def _day(option: str, text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise CannotRunError(f"{option} {text}: not a date such as 2025-01-31") from None


def _made(subject: Subject, company: str | None, start: date | None, end: date | None) -> Report:
    from saft_pipeline.reports import files, sales, vat
    from saft_pipeline.reports.selection import Selection, of_company, opened

    selection = Selection(start_date=start, end_date=end)
    if subject is Subject.FILES and company:
        raise CannotRunError("files: one that failed has no company; leave --company out")
    with opened(load()) as source:
        if subject is Subject.FILES:
            return files.files(source, selection)
        if subject is Subject.VAT or company:
            selection = of_company(source, company, selection)
        return (vat.vat if subject is Subject.VAT else sales.sales)(source, selection)


def _write(made: Report, path: Path) -> None:
    from saft_pipeline.reports.page import page

    try:
        path.write_text(page(made), encoding="utf-8")
    except OSError as error:
        raise CannotRunError(f"{path}: {error.strerror}") from None
    say(f"written: {path}")


def _print(made: Report) -> None:
    say(f"{made.title}: {made.about}")
    for table in made.tables:
        _print_table(table)


def _print_table(table: Table) -> None:
    """Print it as wide as its numbers need: what is cut off a number would go unseen."""
    from rich.console import Console
    from rich.measure import Measurement

    grid, room = _grid(table), answer.options.update(max_width=_WIDEST)
    needed = Measurement.get(answer, room, grid).minimum
    wide = Console(file=answer.file, width=max(answer.width, needed), highlight=False)
    wide.print(grid)


def _grid(table: Table) -> Grid:
    from rich.table import Table as Grid
    from rich.text import Text

    from saft_pipeline.reports.report import is_number, label, shown

    grid = Grid(box=None, title=f"\n{table.heading}", title_justify="left", pad_edge=False)
    grid.show_footer = bool(table.summed)
    totals = table.totals
    columns = {n: [shown(n, value) for value in table.frame[n]] for n in table.frame.columns}
    for name, cells in columns.items():
        footer = shown(name, totals[name]) if name in totals else ""
        header = Text(label(name).replace(" ", "\n"))
        side: JustifyMethod = "right" if is_number(name) else "left"
        whole = 0 if name in _FOLDED else max(map(len, [*header.plain.split(), footer, *cells]))
        grid.add_column(
            header, Text(footer), justify=side, overflow="fold", min_width=whole, no_wrap=whole > 0
        )
    for row in zip(*columns.values(), strict=True):
        grid.add_row(*map(Text, row))
    return grid
