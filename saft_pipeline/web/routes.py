"""The table of endpoints, and how a request becomes the arguments of one and its answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from saft_pipeline.web import endpoints, models
from saft_pipeline.web.errors import ApiError, api_error
from saft_pipeline.web.services import Services


@dataclass(frozen=True)
class Endpoint:
    """One address: what it takes and from where, what it answers with which status."""

    method: Literal["GET", "POST"]
    path: str
    work: Callable[[Services, Any], BaseModel]
    answer: type[BaseModel]
    takes: type[BaseModel] = models.Nothing
    where: Literal["path", "query", "body"] = "query"
    status: int = 200


ENDPOINTS = (
    Endpoint("POST", "/api/download-sftp-queue", endpoints.poll, models.Accepted, status=202),
    Endpoint("POST", "/api/process-sftp", endpoints.poll, models.Accepted, status=202),
    Endpoint(
        "POST",
        "/api/process-xml-file",
        endpoints.process_file,
        models.Accepted,
        models.FilePath,
        "body",
        202,
    ),
    Endpoint(
        "GET",
        "/api/task-status/{id}",
        endpoints.task_status,
        models.TaskStatus,
        models.TaskId,
        "path",
    ),
    Endpoint("GET", "/api/active-tasks", endpoints.active_tasks, models.ActiveTasks),
    Endpoint(
        "POST",
        "/api/tasks/{id}/cancel",
        endpoints.cancel,
        models.Accepted,
        models.TaskId,
        "path",
        202,
    ),
    Endpoint("GET", "/api/files", endpoints.list_files, models.Files, models.FileQuery),
    Endpoint(
        "POST",
        "/api/files/{id}/retry",
        endpoints.retry,
        models.Accepted,
        models.FileId,
        "path",
        202,
    ),
)


def routes(services: Services) -> list[Route]:
    """The endpoints, bound to the services that they work with."""
    return [
        Route(
            e.path,
            answering(_handler(e, services)),
            methods=[e.method],
            name=f"{e.method} {e.path}",
        )
        for e in ENDPOINTS
    ]


def answering(
    handle: Callable[[Request], Awaitable[Response]],
    refused: Callable[[Request, ApiError], Response] = lambda _, error: error.response(),
) -> Callable[[Request], Awaitable[Response]]:
    """Whatever goes wrong is answered, by default in the shape of errors."""

    async def answer(request: Request) -> Response:
        try:
            return await handle(request)
        except Exception as error:
            return refused(request, api_error(error))

    return answer


def _handler(endpoint: Endpoint, services: Services) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        asked = _judged(endpoint, await _given(endpoint, request))
        answer = await services.call(lambda: endpoint.work(services, asked))
        return Response(answer.model_dump_json(), endpoint.status, media_type="application/json")

    return handle


async def _given(endpoint: Endpoint, request: Request) -> Any:
    if endpoint.where == "path":
        return request.path_params
    if endpoint.where == "query":
        return dict(request.query_params)
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        raise ApiError(400, "bad_request", "the body is not JSON that can be read") from None


def _judged(endpoint: Endpoint, given: Any) -> BaseModel:
    try:
        return endpoint.takes.model_validate(given)
    except ValidationError as error:
        said = (f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
        raise ApiError(400, "bad_request", "; ".join(said)) from None
