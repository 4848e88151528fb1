"""Who a key or token makes of a request."""

from __future__ import annotations

import jwt
import postgrest
import pytest

from saft_pipeline_tests.fixtures.postgrest import PUBLISHABLE_KEY, SECRET_KEY
from saft_pipeline_tests.postgrest.conftest import Api
from saft_pipeline_tests.postgrest.errors import ApiError
from saft_pipeline_tests.postgrest.keys import identify


def token(**claims: object) -> str:
    return jwt.encode(claims, "a secret that nobody looks at, of 32 bytes", algorithm="HS256")


def role(key: str, secret_key: str | None = None, bearer: str | None = None) -> str:
    headers = {"apikey": key, "authorization": f"Bearer {bearer or key}"}
    return identify(headers, secret_key).role


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("sb_secret_abc", "service_role"),
        (token(role="service_role"), "service_role"),
        ("any other", "service_role"),
        ("eyJ.like.a-token", "service_role"),
        ("sb_publishable_abc", "anon"),
        ("anon", "anon"),
        (token(role="anon"), "anon"),
    ],
)
def test_the_role_of_a_key(key: str, expected: str) -> None:
    assert role(key) == expected


def test_the_one_secret_key_is_service_role() -> None:
    assert role("mine", "mine") == "service_role"


@pytest.mark.parametrize("key", ["theirs", "sb_secret_theirs", token(role="service_role")])
def test_with_one_secret_key_no_other_is_valid(key: str) -> None:
    with pytest.raises(ApiError) as raised:
        role(key, "mine")
    assert (raised.value.status, raised.value.body["message"]) == (401, "Invalid API key")


def test_with_one_secret_key_anon_still_is() -> None:
    assert role("sb_publishable_abc", "mine") == "anon"


def test_a_users_token_decides_the_role() -> None:
    assert role("anon", bearer=token(role="authenticated", sub="1")) == "authenticated"


def test_a_token_without_a_role_is_anon() -> None:
    assert role("anon", bearer=token(sub="1")) == "anon"


@pytest.mark.parametrize("bearer", ["abc", "a.b.c"])
def test_a_token_that_is_none_is_401(bearer: str) -> None:
    with pytest.raises(ApiError) as raised:
        role("anon", bearer=bearer)
    assert (raised.value.status, raised.value.code) == (401, "PGRST301")


def test_no_key_is_401_as_the_gateway_says_it(api: Api) -> None:
    answer = api.http.get("/items", headers={"apikey": ""})
    assert (answer.status_code, answer.json()["message"]) == (401, "No API key found in request")


def test_supabase_py_shows_that_a_key_is_not_valid(api: Api) -> None:
    with pytest.raises(postgrest.APIError) as raised:
        api.as_("sb_secret_of-another-project").table("items").select("*").execute()
    assert raised.value.message == "Invalid API key"


def test_a_role_that_does_not_exist_is_401(api: Api) -> None:
    bearer = {"Authorization": f"Bearer {token(role='nobody')}"}
    answer = api.http.get("/items", headers=bearer)
    assert (answer.status_code, answer.json()["code"]) == (401, "22023")


def test_row_level_security_holds_for_anon_and_not_for_service_role(api: Api) -> None:
    api.client.rpc("add_item", {"id": 1}).execute()
    api.database.execute("alter table items enable row level security")
    try:
        seen = [
            len(api.as_(key).table("items").select("*").execute().data)
            for key in (PUBLISHABLE_KEY, SECRET_KEY)
        ]
    finally:
        api.database.execute("alter table items disable row level security")
    assert seen == [0, 1]
