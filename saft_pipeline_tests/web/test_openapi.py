"""The description of the API: complete, sound, and readable without any other site."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from saft_pipeline.store.model import STATES
from saft_pipeline.web import openapi
from saft_pipeline.web.models import FileState

CONTRACT = {
    "/api/download-sftp-queue": "post",
    "/api/process-sftp": "post",
    "/api/process-xml-file": "post",
    "/api/task-status/{id}": "get",
    "/api/active-tasks": "get",
    "/api/health": "get",
    "/api/files": "get",
    "/api/files/{id}/retry": "post",
    "/api/tasks/{id}/cancel": "post",
    "/metrics": "get",
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.document()


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_it_has_the_endpoints_of_the_contract(document: dict[str, Any]) -> None:
    assert {p: next(iter(operations)) for p, operations in document["paths"].items()} == CONTRACT


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [o["operationId"] for ops in document["paths"].values() for o in ops.values()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z_]+", name) for name in names)


def test_every_variable_of_a_path_is_a_parameter(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        (operation,) = operations.values()
        found = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
        assert found == set(re.findall(r"{(\w+)}", path)), path


@pytest.fixture(scope="module")
def page() -> str:
    return bytes(openapi.page().body).decode()


def test_the_page_shows_every_endpoint_with_a_call_that_can_be_typed(page: str) -> None:
    assert all(path in page for path in CONTRACT)
    assert page.count("curl -H") == len(CONTRACT)


def test_the_page_needs_no_other_site(page: str) -> None:
    assert re.findall(r"""(?:src|href)=["']?(?:https?:)?//[^\s>]+""", page) == []
    assert "<script" not in page


def test_the_states_of_a_file_are_the_ledger_s() -> None:
    assert get_args(FileState) == STATES


@pytest.mark.parametrize("guarded", [True, False])
def test_a_login_is_asked_for_only_where_there_is_one(guarded: bool) -> None:
    assert bool(openapi.document(guarded=guarded)["security"]) == guarded
