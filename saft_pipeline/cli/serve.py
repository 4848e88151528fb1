"""`saft serve`: the HTTP API alone, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import logging

from saft_pipeline.cli.output import say
from saft_pipeline.settings import load
from saft_pipeline.settings.addresses import origin


def serve() -> None:
    """Run the HTTP API alone; runs that it launches need `saft up`."""
    settings = load()
    from saft_pipeline.processes.supervisor import Stop
    from saft_pipeline.web import app, server

    logging.basicConfig(level=settings.log_level.upper(), format="%(levelname)s %(message)s")
    server.require_logins(settings)
    sock = server.listen(settings.api_host, settings.api_port, "API")
    port = sock.getsockname()[1]
    say(f"the API answers at {origin(settings, settings.api_host, port)}; what it can: /docs")
    with Stop(), sock:
        app.serve(settings, sock)
