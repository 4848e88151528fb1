"""Who may ask, and how often."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from saft_pipeline.settings import load
from saft_pipeline.web.guard import RateLimit
from saft_pipeline_tests.fixtures.project import Polled
from saft_pipeline_tests.web.serving import Api, serving

TOKEN = "a-token-of-the-tests"


@pytest.fixture(scope="module")
def guarded(polled: Polled) -> Iterator[Api]:
    """An API with a token, which its client sends."""
    with serving(load({**polled.project.env, "API_TOKEN": TOKEN})) as running:
        yield running


def without(api: Api, path: str, token: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return httpx.get(f"{api.client.base_url}{path}", headers=headers)


def test_the_token_opens(guarded: Api) -> None:
    guarded.get("/api/active-tasks")


@pytest.mark.parametrize("path", ["/api/active-tasks", "/api/health", "/metrics", "/nowhere"])
def test_without_the_token_nothing_is_told(guarded: Api, path: str) -> None:
    answer = without(guarded, path)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"


@pytest.mark.parametrize("token", ["wrong", TOKEN[:-1], f"{TOKEN}x"])
def test_another_token_is_refused(guarded: Api, token: str) -> None:
    assert without(guarded, "/api/files", token).status_code == 401


def test_the_token_is_in_no_answer(guarded: Api) -> None:
    assert TOKEN not in without(guarded, "/api/files", "wrong").text


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_the_description_is_open(guarded: Api, path: str) -> None:
    assert without(guarded, path).status_code == 200


def test_another_name_for_this_machine_is_refused(looked: Api) -> None:
    answer = looked.client.get("/api/active-tasks", headers={"Host": "evil.example.test"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "wrong_host")


def test_a_page_of_another_site_may_not_ask(looked: Api) -> None:
    answer = looked.client.post(
        "/api/process-sftp", headers={"Origin": "https://evil.example.test"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_origin")


def test_a_bucket_fills_again() -> None:
    now = [0.0]
    limit = RateLimit(per_second=2, burst=3, clock=lambda: now[0])
    assert [limit.take("a") for _ in range(3)] == [0, 0, 0]
    assert limit.take("a") == 0.5
    now[0] = 0.5
    assert limit.take("a") == 0


def test_each_client_has_its_own_bucket() -> None:
    limit = RateLimit(per_second=1, burst=1, clock=lambda: 0.0)
    assert (limit.take("a"), limit.take("b")) == (0, 0)
    assert limit.take("a") > 0


def test_clients_of_long_ago_are_forgotten() -> None:
    now = [0.0]
    limit = RateLimit(per_second=1, burst=1, clock=lambda: now[0])
    for client in range(5000):
        now[0] += 1
        limit.take(str(client))
    assert len(limit._buckets) <= 1001
