"""What Postgres refuses, as PostgREST tells it: docs.postgrest.org, References, Errors."""

from __future__ import annotations

import json

import postgrest
import pytest

from saft_pipeline_tests.fixtures.postgrest import PUBLISHABLE_KEY
from saft_pipeline_tests.postgrest.conftest import Api


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("08006", 503),
        ("09000", 500),
        ("0L000", 403),
        ("0P000", 403),
        ("21000", 500),
        ("22023", 400),
        ("23502", 400),
        ("23503", 409),
        ("23505", 409),
        ("23514", 400),
        ("25006", 405),
        ("25001", 500),
        ("28000", 403),
        ("2D000", 500),
        ("38000", 500),
        ("39000", 500),
        ("3B000", 500),
        ("40001", 500),
        ("40P01", 500),
        ("42501", 403),
        ("42703", 400),
        ("42883", 404),
        ("42P01", 404),
        ("42P17", 500),
        ("53100", 503),
        ("53300", 503),
        ("53400", 500),
        ("54001", 500),
        ("55P03", 500),
        ("57014", 500),
        ("57P01", 503),
        ("58030", 500),
        ("F0000", 500),
        ("HV000", 500),
        ("P0001", 400),
        ("P0002", 500),
        ("PT402", 402),
        ("XX000", 500),
        ("ZZZZZ", 400),
    ],
)
def test_the_status_of_a_sqlstate(api: Api, state: str, status: int) -> None:
    answer = api.http.post("/rpc/fail", json={"state": state})
    assert (answer.status_code, answer.json()) == (
        status,
        {"code": state, "message": "failed", "details": None, "hint": "do so"},
    )


def test_the_code_is_also_in_a_header(api: Api) -> None:
    answer = api.http.head("/nothing_like_it")
    assert answer.headers["proxy-status"] == "PostgREST; error=PGRST205"


def test_no_right_is_401_for_who_is_anonymous(api: Api) -> None:
    answer = api.http.get("/hidden", headers={"apikey": PUBLISHABLE_KEY})
    assert (answer.status_code, answer.json()) == (
        401,
        {
            "code": "42501",
            "message": "permission denied for table hidden",
            "details": None,
            "hint": None,
        },
    )
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_new_table_is_granted_to_nobody(api: Api) -> None:
    with pytest.raises(postgrest.APIError) as raised:
        api.client.table("hidden").select("*").execute()
    assert raised.value.code == "42501"


def test_a_violated_key_tells_which(api: Api) -> None:
    api.client.table("items").insert({"id": 1, "name": "a"}).execute()
    with pytest.raises(postgrest.APIError) as raised:
        api.client.table("items").insert({"id": 1, "name": "b"}).execute()
    assert raised.value.json() == {
        "code": "23505",
        "message": 'duplicate key value violates unique constraint "items_pkey"',
        "details": "Key (id)=(1) already exists.",
        "hint": None,
    }


def test_sqlstate_pgrst_decides_all_of_the_answer(api: Api) -> None:
    body = {"code": "123", "message": "Payment Required", "details": "Quota", "hint": "Upgrade"}
    control = {"status": 402, "headers": {"X-Powered-By": "Nerd Rage"}}
    given = {"state": "PGRST", "message": json.dumps(body), "detail": json.dumps(control)}
    answer = api.http.post("/rpc/fail", json=given)
    assert (answer.status_code, answer.json()) == (402, body)
    assert answer.headers["x-powered-by"] == "Nerd Rage"


def test_sqlstate_pgrst_without_json_is_pgrst121(api: Api) -> None:
    answer = api.http.post("/rpc/fail", json={"state": "PGRST", "message": "oh", "detail": "no"})
    assert (answer.status_code, answer.json()["code"]) == (500, "PGRST121")


def test_another_path_is_404(api: Api) -> None:
    answer = api.http.get("/items/1")
    assert (answer.status_code, answer.json()["code"]) == (404, "PGRST125")
