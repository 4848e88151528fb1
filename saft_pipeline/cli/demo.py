"""`saft demo`: everything on this machine, with sample files, to look at."""

from __future__ import annotations

import shutil
import sys
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from saft_pipeline.cli.output import AsJson, CannotRunError, file_line, finish, say, words

if TYPE_CHECKING:
    from saft_pipeline.demo.run import Demo, Shown


_PATIENCE = 170  # seconds without news
_LINEAGE = "/locations/__repository__@saft_pipeline.definitions/asset-groups/saft/lineage"


def demo(
    leave: Annotated[
        bool, typer.Option("--exit", help="Stop when all samples are settled.")
    ] = False,
    files: Annotated[int, typer.Option(min=4, help="How many sample files.")] = 40,
    as_json: AsJson = False,
) -> None:
    """Show it all on this machine, with sample files."""
    from saft_pipeline.demo.run import running_demo
    from saft_pipeline.processes.supervisor import Stop

    started = news = time.perf_counter()
    said: set[tuple[int, str]] = set()
    with Stop() as stop, running_demo(files, say, page=not leave) as show:
        while not (shown := show.look()).settled:
            if _tell_news(shown, said):
                news = time.perf_counter()
            if stop.asked:
                raise KeyboardInterrupt
            if time.perf_counter() - news > _PATIENCE:
                raise CannotRunError(
                    f"no sample was settled for {_PATIENCE} s; see the logs in {show.logs}"
                )
            time.sleep(0.5)
        _tell_news(shown, said)
        document = {**shown.summary, "seconds": round(time.perf_counter() - started, 1)}
        if not as_json:
            _tell(show, shown, leave=leave)
        while not (leave or stop.asked):
            _tell_news(show.look(), said)
            time.sleep(1)
    sentence = "\n".join(shown.surprises) or "every sample came out as meant"
    finish(document, sentence, as_json=as_json, failed=bool(shown.surprises))


def _tell_news(shown: Shown, said: set[tuple[int, str]]) -> bool:
    """A line for each file that has come to its end since the last look: whether any has."""
    before = len(said)
    for file in reversed(shown.files):
        news = (file.id, file.status)
        if file.status not in ("pending", "running") and news not in said:
            said.add(news)
            say(file_line(file))
    return len(said) > before


def _tell(show: Demo, shown: Shown, *, leave: bool) -> None:
    """What became of the samples, and where to look on: at the page only while it is there."""
    words.print(_sales(shown))
    s = shown.summary
    say(
        f"{s['loaded']} files loaded ({s['invoices']} invoices, {s['lines']} lines); "
        f"{s['failed']} failed and {s['incomplete']} incomplete, on purpose"
    )
    if not leave:
        say(
            f"whether all is well, and each file: {show.page}\n"
            f"lineage and runs in Dagster: {show.supervisor.url}{_LINEAGE}\n"
            f"drop a SAF-T file into {show.inbox} and watch it load; Ctrl-C stops the demo"
        )
    say(_look_on(leave=leave))


def _sales(shown: Shown) -> Table:
    title = "In the tables, without cancelled and billed documents (status A and F)"
    table = Table("company", box=None, title=title, title_justify="left", pad_edge=False)
    for name in ("documents", "net", "tax", "gross"):
        table.add_column(name, justify="right")
    for company, documents, *amounts in shown.companies:
        table.add_row(company, f"{documents:,}", *(f"{Decimal(a):,.2f}" for a in amounts))
    return table


def _look_on(*, leave: bool) -> str:
    """Commands to go on with, called as this one was where no `saft` is on the path."""
    from saft_pipeline.demo.companies import BRANCHES

    saft = "saft" if shutil.which("saft") else sys.argv[0]
    company = BRANCHES[0].company.tax_registration_number
    commands = {
        f"{saft} status": "every file and its state",
        f"{saft} report vat --company {company}": "VAT by month, region and rate",
        f'psql "$({saft} db url)"': "the rows, if you have psql",
    }
    width = max(map(len, commands))
    lines = (f"  {command:{width}}   {what}" for command, what in commands.items())
    return "\n".join([f"now{'' if leave else ', in another terminal'}:", *lines])
