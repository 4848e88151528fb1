"""The API's description: the OpenAPI document, and the same as a page that needs no other site."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from saft_pipeline import __version__
from saft_pipeline.web import models
from saft_pipeline.web.routes import ENDPOINTS, Endpoint

_MODE: Literal["serialization"] = "serialization"
_REF = "#/components/schemas/{model}"
_HEALTH = "Whether the SFTP server, the database and Dagster's daemon answer."
_METRICS = "Figures for Prometheus; all names begin with `saft_`."


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
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
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
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


_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { font: 600 1.1rem ui-monospace, monospace; margin: 2rem 0 .3rem }
pre { background: #f4f4f4; padding: .7rem; overflow: auto } td { padding: .1rem 1rem .1rem 0 }
"""


def page() -> str:
    """The document for people."""
    described = document()
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>saft_pipeline API</title>",
        f"<style>{_STYLE}</style><h1>saft_pipeline API {__version__}</h1>",
        "<p>JSON. Send <code>Authorization: Bearer …</code> with the value of API_TOKEN. The same "
        "for programs: <a href=/openapi.json>openapi.json</a>.",
    ]
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            parts += _section(method.upper(), path, operation)
    shapes = json.dumps(described["components"]["schemas"], indent=2, ensure_ascii=False)
    return "\n".join([*parts, f"<h2>Shapes</h2><pre>{escape(shapes)}</pre>"])


def _section(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<h2>{method} {escape(path)}</h2>"
    yield f"<p>{escape(operation['summary'])} {escape(operation['description'])}<table>"
    for parameter in operation.get("parameters", ()):
        about = escape(parameter["description"])
        yield f"<tr><td><code>{parameter['name']}</code><td>{parameter['in']}<td>{about}"
    for taken in operation.get("requestBody", {}).get("content", {}).values():
        yield f"<tr><td>takes<td>body<td><code>{_shape(taken)}</code>"
    for status, answer in operation["responses"].items():
        kinds = ", ".join(_shape(c) or kind for kind, c in answer["content"].items())
        yield f"<tr><td>{status}<td>answer<td><code>{kinds}</code>"
    yield "</table>"


def _shape(content: dict[str, Any]) -> str:
    return str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]
