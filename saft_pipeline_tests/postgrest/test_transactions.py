"""One transaction a request: docs.postgrest.org, Transactions; Supabase's limits for each role."""

from __future__ import annotations

from typing import Any

import postgrest
import pytest
import supabase

from saft_pipeline_tests.postgrest.conftest import Api
from saft_pipeline_tests.postgrest.database import NAME, Database, Transaction
from saft_pipeline_tests.postgrest.errors import ApiError
from saft_pipeline_tests.postgrest.statements import Statement


def settings(client: supabase.Client) -> dict[str, Any]:
    found = client.rpc("settings", {}).execute().data
    assert isinstance(found, dict)
    return found


def test_a_request_that_fails_leaves_nothing(api: Api) -> None:
    with pytest.raises(postgrest.APIError):
        api.client.rpc("add_and_fail", {"id": 1}).execute()
    assert api.rows("select count(*) from items") == [(0,)]


def test_a_constraint_that_fails_at_the_commit_is_an_error(api: Api) -> None:
    answer = api.http.post("/rpc/add_part", json={"item_id": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "23503")


def test_what_a_request_committed_the_next_one_sees(api: Api) -> None:
    api.client.rpc("add_item", {"id": 5}).execute()
    assert [row["id"] for row in api.http.get("/items").json()] == [5]


def test_the_secret_key_is_service_role_with_8_seconds(api: Api) -> None:
    found = settings(api.client)
    assert (found["role"], found["session"]) == ("service_role", "authenticator")
    assert (found["statement_timeout"], found["lock_timeout"]) == ("8s", "8s")


def test_the_publishable_key_is_anon_with_3_seconds(api: Api) -> None:
    found = settings(api.anonymous)
    assert (found["role"], found["statement_timeout"]) == ("anon", "3s")


def test_the_role_ends_with_its_request(api: Api) -> None:
    roles = [settings(client)["role"] for client in (api.anonymous, api.client)]
    assert roles == ["anon", "service_role"]


def test_a_functions_own_statement_timeout_holds_for_its_transaction(api: Api) -> None:
    assert api.client.rpc("patient", {}).execute().data == "90s"


def test_and_ends_a_statement_that_takes_longer(api: Api) -> None:
    answer = api.http.post("/rpc/impatient")
    assert (answer.status_code, answer.json()) == (
        500,
        {
            "code": "57014",
            "message": "canceling statement due to statement timeout",
            "details": None,
            "hint": None,
        },
    )


def test_sql_sees_the_request(api: Api) -> None:
    found = settings(api.client)
    assert (found["method"], found["claims"]) == ("POST", {"role": "service_role"})


def test_no_connection_is_503() -> None:
    database = Database("postgresql://127.0.0.1:1/none")
    with pytest.raises(ApiError) as raised:
        database.run(Transaction("anon", {}, is_read_only=True), Statement())
    assert (raised.value.status, raised.value.code) == (503, "PGRST000")


def test_a_connection_that_broke_is_replaced(api: Api) -> None:
    settings(api.client)
    kill = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s"
    api.database.execute(kill, [NAME])
    broken = api.http.post("/rpc/nothing")
    assert (broken.status_code, broken.json()["code"]) == (503, "57P01")
    assert api.http.post("/rpc/nothing").status_code == 204
