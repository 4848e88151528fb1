"""`saft up`: the daemon and the web server, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import time

import typer

from saft_pipeline.cli.output import CannotRunError, words
from saft_pipeline.settings import load


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up")(up)


def up() -> None:
    """Run the daemon (which polls) and the web server."""
    settings = load()
    settings.require_sftp()
    from saft_pipeline.stores import open_store
    from saft_pipeline.supervisor import Stop, is_free, running

    if not is_free(settings.dagster_port):
        raise CannotRunError(
            f"port {settings.dagster_port} is taken; stop what listens there or set DAGSTER_PORT"
        )
    open_store(settings).close()
    with Stop() as stop, running(settings, settings.dagster_port) as supervisor:
        words.print(
            f"Dagster at {supervisor.url}; polling every {settings.poll_interval_seconds} s"
        )
        while not stop.asked:
            supervisor.check()
            time.sleep(0.2)
        words.print("stopping")
