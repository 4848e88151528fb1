"""All commands put together."""

from __future__ import annotations

import sys

from saft_pipeline.cli import (
    bench,
    check,
    db,
    demo,
    export,
    files,
    init,
    poll,
    prune,
    report,
    runs,
    serve,
    show,
    status,
    up,
    validate,
)
from saft_pipeline.cli.running import new_app, run

app = new_app()
for module in (
    demo, init, up, serve, poll, files, status, validate, show, runs, report, export, prune,
    check, bench,
):  # fmt: skip
    module.register(app)
app.add_typer(db.app, name="db")


def main() -> None:
    """Run `saft`."""
    run(app, validate.spelled_out(sys.argv[1:]))
