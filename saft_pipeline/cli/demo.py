"""`saft demo`: everything on this machine, with sample files, to look at."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from saft_pipeline.cli.output import CannotRunError, finish, words

if TYPE_CHECKING:
    from saft_pipeline.demo.run import Demo, Shown


_LINEAGE = "/locations/__repository__@saft_pipeline.definitions/asset-groups/saft/lineage"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    leave: Annotated[
        bool, typer.Option("--exit", help="Stop when all samples are settled.")
    ] = False,
    files: Annotated[int, typer.Option(min=4, help="How many sample files.")] = 40,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Show it all on this machine, with sample files."""
    from saft_pipeline.demo.run import running_demo
    from saft_pipeline.supervisor import Stop

    started = time.perf_counter()
    with Stop() as stop, running_demo(files, words.print) as show:
        while not (shown := show.look()).settled:
            if stop.asked:
                raise KeyboardInterrupt
            if time.perf_counter() - started > 170:
                raise CannotRunError(f"not all samples are settled; see the logs in {show.logs}")
            time.sleep(0.5)
        document = {**shown.summary, "seconds": round(time.perf_counter() - started, 1)}
        if not as_json:
            _tell(show, shown)
        while not (leave or stop.asked):
            show.supervisor.check()
            time.sleep(0.2)
    sentence = "as meant" if not shown.surprises else "\n".join(shown.surprises)
    finish(document, sentence, as_json=as_json, failed=bool(shown.surprises))


def _tell(show: Demo, shown: Shown) -> None:
    table = Table("company", "invoices", "net", "tax", "gross", box=None, title="In the tables")
    for row in shown.companies:
        table.add_row(*map(str, row))
    words.print(table)
    for file in shown.not_loaded:
        words.print(f"{file.status}: {file.error}", markup=False, soft_wrap=True)
    s = shown.summary
    words.print(
        f"{s['loaded']} files loaded ({s['invoices']} invoices, {s['lines']} lines), "
        f"{s['failed']} failed and {s['incomplete']} incomplete on purpose.\n"
        f"Lineage, runs and each file: {show.supervisor.url}{_LINEAGE}\n"
        f'The ledger: saft status    The tables: psql "$(saft db url)"\n'
        f"Drop a SAF-T file into {show.inbox} and watch it load. Ctrl-C stops the demo.",
        soft_wrap=True,
    )
