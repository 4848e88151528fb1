"""Dagster's page as a process of `saft up` and `saft demo`, its application behind our guard."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from saft_pipeline.dagster_runtime.webserver import dagster_page
from saft_pipeline.settings import Settings, load
from saft_pipeline.web import server
from saft_pipeline.web.errors import ApiError
from saft_pipeline.web.guard import Guard
from saft_pipeline.web.login import logins_of
from saft_pipeline.web.login_page import login_of

_MOST = 16 << 20
"""Bytes of a body: a launchpad's configuration can be long."""


class NoQueriesInAddresses:
    """Refuses GraphQL in the query string, which Dagster would execute: a link could be one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let all else through."""
        if scope["type"] == "http" and _queries_in_address(HTTPConnection(scope)):
            error = ApiError(403, "query_in_address", "send GraphQL in the body of a POST")
            await error.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _queries_in_address(asked: HTTPConnection) -> bool:
    return asked.scope["path"].rstrip("/") == "/graphql" and "query" in asked.query_params


def guarded(app: ASGIApp, settings: Settings) -> Guard:
    """The page with the guard before it; without `WEB_LOGIN` it is open to this machine."""
    login = login_of(settings, logins_of(settings))
    hosts = server.names(settings)
    return Guard(NoQueriesInAddresses(app), login=login, hosts=hosts, most=_MOST)


def main() -> None:
    """Serve it until SIGTERM: the code server's socket is the argument."""
    code_server = Path(sys.argv[1])
    settings = load()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    sock = server.listen(settings.dagster_host, settings.dagster_port, "DAGSTER")
    with sock, dagster_page(settings, code_server) as app:
        server.serve(guarded(app, settings), settings, sock)
