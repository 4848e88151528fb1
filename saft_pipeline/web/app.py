"""The application: endpoints, health, metrics and description behind the guard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from saft_pipeline.web import errors, metrics, openapi
from saft_pipeline.web.guard import Guard, RateLimit
from saft_pipeline.web.health import Probes
from saft_pipeline.web.routes import answering, routes
from saft_pipeline.web.services import Services


def build(services: Services) -> Starlette:
    """The application over opened services."""
    probes = Probes(services)
    token = services.settings.api_token

    async def health(_: Request) -> Response:
        found = await probes.health()
        return JSONResponse(found.model_dump(), 200 if found.status == "healthy" else 503)

    async def figures(_: Request) -> Response:
        text = await services.call(lambda: metrics.text(services))
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def document(_: Request) -> Response:
        return JSONResponse(openapi.document())

    async def docs(_: Request) -> Response:
        return HTMLResponse(openapi.page())

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        probes.close()

    others = {
        "/api/health": health,
        "/metrics": figures,
        "/openapi.json": document,
        "/docs": docs,
    }
    return Starlette(
        routes=[*routes(services), *(Route(p, answering(h)) for p, h in others.items())],
        middleware=[
            Middleware(Guard, token=token.get_secret_value() if token else None, limit=RateLimit())
        ],
        exception_handlers={HTTPException: errors.respond, Exception: errors.respond},
        lifespan=lifespan,
    )
