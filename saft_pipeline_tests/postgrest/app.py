"""The HTTP side: routes, headers and bytes, and the faults that a test asked for."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable

from starlette import requests, responses
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from saft_pipeline_tests.postgrest.api import Answer, Api, Request
from saft_pipeline_tests.postgrest.database import Database
from saft_pipeline_tests.postgrest.errors import ApiError
from saft_pipeline_tests.postgrest.faults import Faults
from saft_pipeline_tests.postgrest.keys import identify

_METHODS = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"]

Handler = Callable[[Request, str], Answer]


def create_app(database: Database, secret_key: str | None, faults: Faults) -> Starlette:
    """The application: Supabase's gateway and PostgREST behind it."""
    api = Api(database)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await asyncio.to_thread(database.load)
        ready = asyncio.Event()
        listener = asyncio.create_task(database.listen(ready))
        await ready.wait()
        yield
        listener.cancel()
        database.close()

    def endpoint(handler: Handler) -> Callable[[requests.Request], object]:
        async def answer(request: requests.Request) -> responses.Response:
            fault = faults.take(request.url.path)
            body = await request.body()
            if fault.status:
                return responses.Response(fault.body, fault.status, media_type=fault.content_type)
            response = await run_in_threadpool(_answer, request, body, handler, secret_key)
            if fault.loses_answer:
                await _break(request)
            return response

        return answer

    return Starlette(
        routes=[
            Route("/rest/v1/rpc/{name}", endpoint(api.call), methods=_METHODS),
            Route("/rest/v1/{name}", endpoint(api.table), methods=_METHODS),
            Route("/{path:path}", endpoint(_unknown), methods=_METHODS),
        ],
        lifespan=lifespan,
    )


def _unknown(_request: Request, _name: str) -> Answer:
    raise ApiError(404, "PGRST125", "Invalid path specified in request URL")


def _answer(
    request: requests.Request, body: bytes, handler: Handler, secret_key: str | None
) -> responses.Response:
    try:
        headers = {name: ", ".join(request.headers.getlist(name)) for name in request.headers}
        parts = Request(
            method=request.method,
            path=request.url.path,
            query=request.url.query,
            headers=headers,
            body=body,
            identity=identify(headers, secret_key),
        )
        answer = handler(parts, request.path_params.get("name", ""))
        return responses.Response(answer.body, answer.status, answer.headers)
    except ApiError as error:
        return responses.Response(json.dumps(error.body), error.status, error.headers)


async def _break(request: requests.Request) -> None:
    """Close the connection, and wait until the server has noticed, so that nothing is written."""
    request.state.transport.abort()
    while (await request.receive())["type"] != "http.disconnect":
        pass
