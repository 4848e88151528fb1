"""Functions: docs.postgrest.org, References, API, Functions as RPC."""

from __future__ import annotations

import postgrest
import pytest

from saft_pipeline_tests.postgrest.conftest import Api

TYPED = {"a": 1, "b": "2025-12-31", "c": ["x", "y"], "d": {"x": [1.50]}}
RESULT = {"a": 2, "b": "2026-01-01", "c": "x", "d": [1.50], "e": 1.50}


def test_arguments_have_the_types_of_the_parameters(api: Api) -> None:
    assert api.client.rpc("typed", TYPED).execute().data == RESULT


def test_arguments_as_text_are_converted(api: Api) -> None:
    given = {**TYPED, "a": "1", "e": "9.999"}
    assert api.client.rpc("typed", given).execute().data == {**RESULT, "e": 9.999}


def test_numbers_are_written_as_postgres_writes_them(api: Api) -> None:
    assert api.http.post("/rpc/exact").text == "1234567890123456789.10"


def test_an_argument_that_cannot_be_converted_is_postgres_error(api: Api) -> None:
    answer = api.http.post("/rpc/same", json={"number": "many"})
    assert (answer.status_code, answer.json()["code"]) == (400, "22P02")


def test_void_is_204_without_a_body(api: Api) -> None:
    answer = api.http.post("/rpc/nothing", json={})
    assert (answer.status_code, answer.text) == (204, "")
    assert "content-type" not in answer.headers


def test_null_is_a_body(api: Api) -> None:
    answer = api.http.post("/rpc/null_number", json={})
    assert (answer.status_code, answer.text) == (200, "null")


def test_a_stable_function_runs_read_only(api: Api) -> None:
    settings = api.client.rpc("settings", {}).execute().data
    assert isinstance(settings, dict)
    assert settings["read_only"] == "on"


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_405(api: Api, method: str) -> None:
    answer = api.http.request(method, "/rpc/nothing")
    assert (answer.status_code, answer.json()["code"]) == (405, "PGRST101")


@pytest.mark.parametrize("given", [{}, {"number": 1, "more": 2}, {"numbr": 1}])
def test_other_arguments_than_a_function_takes_are_pgrst202(
    api: Api, given: dict[str, int]
) -> None:
    with pytest.raises(postgrest.APIError) as raised:
        api.client.rpc("same", given).execute()
    assert raised.value.code == "PGRST202"
    assert "Could not find the function public.same" in str(raised.value.message)


def test_two_functions_that_take_the_arguments_are_pgrst203(api: Api) -> None:
    answer = api.http.post("/rpc/twice", json={"a": 1})
    assert (answer.status_code, answer.json()) == (
        300,
        {
            "code": "PGRST203",
            "message": "Could not choose the best candidate function between: "
            "public.twice(a => integer), public.twice(a => text)",
            "details": None,
            "hint": "Try renaming the parameters or the function itself in the database so "
            "function overloading can be resolved",
        },
    )
