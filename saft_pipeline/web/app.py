"""The application: endpoints, health, metrics and description behind the guard."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from saft_pipeline.settings import Settings
from saft_pipeline.web import errors, metrics, openapi, people, server
from saft_pipeline.web.guard import Guard, RateLimit
from saft_pipeline.web.health import Probes
from saft_pipeline.web.login import Logins, logins_of
from saft_pipeline.web.login_page import login_of
from saft_pipeline.web.people import People
from saft_pipeline.web.routes import answering, routes
from saft_pipeline.web.services import Services, services
from saft_pipeline.web.snapshot import Snapshots


def build(opened: Services) -> Starlette:
    """The application over opened services."""
    probes = Probes(opened)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        probes.close()

    return Starlette(
        routes=[
            *people.routes(People(opened, Snapshots(opened, probes))),
            *routes(opened),
            *_for_machines(opened, probes),
        ],
        middleware=[guarded(opened.settings)],
        exception_handlers={HTTPException: errors.respond, Exception: errors.respond},
        lifespan=lifespan,
    )


def _for_machines(opened: Services, probes: Probes) -> Iterator[Route]:
    """What monitoring asks, and the description of the endpoints."""

    async def health(_: Request) -> Response:
        found = await probes.health()
        return JSONResponse(found.model_dump(), 200 if found.status == "healthy" else 503)

    async def figures(_: Request) -> Response:
        text = await opened.call(lambda: metrics.text(opened))
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def document(_: Request) -> Response:
        locked = bool(opened.settings.api_token or opened.settings.web_login)
        return JSONResponse(openapi.document(guarded=locked))

    async def docs(_: Request) -> Response:
        return openapi.page()

    handlers = {
        "/api/health": health,
        "/metrics": figures,
        "/openapi.json": document,
        "/docs": docs,
    }
    for path, handle in handlers.items():
        yield Route(path, answering(handle))


def guarded(settings: Settings) -> Middleware:
    """The guard of the API and of our pages: without WEB_LOGIN the token is the login."""
    token = settings.api_token.get_secret_value() if settings.api_token else None
    logins = logins_of(settings) or Logins({"token": token} if token else {})
    return Middleware(
        Guard, login=login_of(settings, logins), token=token, hosts=server.names(settings),
        limit=RateLimit(),
    )  # fmt: skip


def serve(settings: Settings, sock: socket.socket) -> None:
    """Answer on this socket until SIGTERM or SIGINT."""
    with services(settings) as opened:
        server.serve(build(opened), settings, sock)
