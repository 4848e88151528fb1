"""All commands put together, in the order in which `saft --help` lists them."""

from __future__ import annotations

import sys

from saft_pipeline.cli import db
from saft_pipeline.cli.bench import bench
from saft_pipeline.cli.check import check
from saft_pipeline.cli.demo import demo
from saft_pipeline.cli.export import export
from saft_pipeline.cli.files import ingest, parse, retry
from saft_pipeline.cli.init import init
from saft_pipeline.cli.poll import poll
from saft_pipeline.cli.prune import prune
from saft_pipeline.cli.report import report
from saft_pipeline.cli.running import new_app, run
from saft_pipeline.cli.runs import active, cancel
from saft_pipeline.cli.serve import serve
from saft_pipeline.cli.show import show
from saft_pipeline.cli.status import status
from saft_pipeline.cli.up import up
from saft_pipeline.cli.validate import spelled_out, validate

app = new_app()
for command in (
    demo, init, up, serve, poll, ingest, parse, retry, status, validate, show, active, cancel,
    report, export, prune, check, bench,
):  # fmt: skip
    app.command(command.__name__)(command)
app.add_typer(db.app, name="db")


def main() -> None:
    """Run `saft`."""
    run(app, spelled_out(sys.argv[1:]))
