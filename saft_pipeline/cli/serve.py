"""`saft serve`: the HTTP API alone, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import logging

import typer

from saft_pipeline.cli.output import say
from saft_pipeline.settings import load


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve() -> None:
    """Run the HTTP API alone; runs that it launches need `saft up`."""
    settings = load()
    from saft_pipeline.processes.supervisor import Stop
    from saft_pipeline.web import server

    logging.basicConfig(level=settings.log_level.upper(), format="%(levelname)s %(message)s")
    sock = server.listen(settings)
    host, port = sock.getsockname()[:2]
    say(f"the API answers at http://{host}:{port}; what it can: /docs")
    with Stop(), sock:
        server.serve(settings, sock)
