"""The API's description: the OpenAPI document, and the same as a page that needs no other site."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.responses import HTMLResponse

from saft_pipeline import __version__
from saft_pipeline.web import models, pages
from saft_pipeline.web.routes import ENDPOINTS, Endpoint
from saft_pipeline.web.words import Words

_MODE: Literal["serialization"] = "serialization"
_REF = "#/components/schemas/{model}"
_HEALTH = "Whether the SFTP server, the database and Dagster's daemon answer."
_METRICS = "Figures for Prometheus; all names begin with `saft_`."


def document(*, guarded: bool = True) -> dict[str, Any]:
    """The OpenAPI 3.1 document; `guarded`: nobody is answered without a login or a token."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    health = {"200": _json("healthy", models.Health), "503": _json("unhealthy", models.Health)}
    paths["/api/health"] = {"get": _described(_HEALTH, "health", health)}
    metrics = {"200": {"description": "Prometheus's text format", "content": {"text/plain": {}}}}
    paths["/metrics"] = {"get": _described(_METRICS, "metrics", metrics)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "saft_pipeline", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "login": {"type": "http", "scheme": "basic"},
            },
        },
        "security": [{"token": []}, {"login": []}] if guarded else [],
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    answers = {str(endpoint.status): _json("done", endpoint.answer)}
    name = f"{endpoint.method.lower()}{endpoint.path}".replace("/", "_").replace("-", "_")
    about = endpoint.work.__doc__ or ""
    operation = _described(about, name.replace("{", "").replace("}", ""), answers)
    if endpoint.where == "body":
        content = {"application/json": {"schema": _ref(endpoint.takes)}}
        operation["requestBody"] = {"required": True, "content": content}
    else:
        operation["parameters"] = list(_parameters(endpoint))
    return operation


def _described(about: str, name: str, answers: dict[str, Any]) -> dict[str, Any]:
    summary, _, rest = about.strip().partition("\n")
    error = _json("see `error`", models.Error)
    return {
        "operationId": name,
        "summary": summary,
        "description": " ".join(rest.split()),
        "responses": {**answers, "default": error},
    }


def _parameters(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    schema = endpoint.takes.model_json_schema()
    for name, about in schema.get("properties", {}).items():
        yield {
            "name": name,
            "in": endpoint.where,
            "required": endpoint.where == "path",
            "description": about.pop("description", ""),
            "schema": about,
        }


def _json(description: str, model: type[BaseModel]) -> dict[str, Any]:
    content = {"application/json": {"schema": _ref(model)}}
    return {"description": description, "content": content}


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _schemas() -> dict[str, Any]:
    used: list[type[BaseModel]] = [e.answer for e in ENDPOINTS]
    used += [models.FilePath, models.Health, models.Error]
    modes = [(model, _MODE) for model in dict.fromkeys(used)]
    _, schemas = models_json_schema(modes, ref_template=_REF)
    return dict(schemas["$defs"])


def page() -> HTMLResponse:
    """The document for people."""
    described = document()
    return pages.page_response(
        "docs.html",
        say=Words("en"),
        title="saft_pipeline API",
        version=__version__,
        paths=described["paths"],
        shapes=json.dumps(described["components"]["schemas"], indent=2, ensure_ascii=False),
        example=_example,
        shape=_shape,
    )


def _example(method: str, path: str, operation: dict[str, Any]) -> str:
    """A call that can be typed."""
    address = f"http://localhost:8000{path.replace('{id}', '42' if '/files/' in path else 'RUN')}"
    header = "-H 'Authorization: Bearer '\"$API_TOKEN\""
    body = ' -d \'{"file_path": "FT_1.xml"}\'' if "requestBody" in operation else ""
    return f"curl {header}{' -X POST' if method == 'POST' else ''}{body} {address}"


def _shape(content: dict[str, Any]) -> str:
    return str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]
