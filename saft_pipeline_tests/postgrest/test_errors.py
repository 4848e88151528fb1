"""What Postgres refuses, as PostgREST tells it: docs.postgrest.org, References, Errors."""

from __future__ import annotations

import postgrest
import pytest

from saft_pipeline_tests.fixtures.postgrest import PUBLISHABLE_KEY
from saft_pipeline_tests.postgrest.conftest import Api


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("08006", 503),
        ("22023", 400),
        ("23505", 409),
        ("25006", 405),
        ("40P01", 500),
        ("42501", 403),
        ("42883", 404),
        ("53300", 503),
        ("57014", 500),
        ("P0001", 400),
        ("PT402", 402),
        ("ZZZZZ", 400),
    ],
)
def test_the_status_of_a_sqlstate(api: Api, state: str, status: int) -> None:
    answer = api.http.post("/rpc/fail", json={"state": state})
    assert (answer.status_code, answer.json()) == (
        status,
        {"code": state, "message": "failed", "details": None, "hint": "do so"},
    )


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
    api.client.rpc("add_item", {"id": 1}).execute()
    with pytest.raises(postgrest.APIError) as raised:
        api.client.rpc("add_item", {"id": 1}).execute()
    assert raised.value.json() == {
        "code": "23505",
        "message": 'duplicate key value violates unique constraint "items_pkey"',
        "details": "Key (id)=(1) already exists.",
        "hint": None,
    }


def test_another_path_is_404(api: Api) -> None:
    answer = api.http.get("/items/1")
    assert (answer.status_code, answer.json()["code"]) == (404, "PGRST125")
