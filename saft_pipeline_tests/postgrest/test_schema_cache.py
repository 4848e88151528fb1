"""What is known is what was there at the last load: docs.postgrest.org, Schema Cache, Schemas."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from saft_pipeline_tests.fixtures.postgrest import Postgrest

CREATE = """
create table late (id integer primary key);
grant all on late to service_role;
create function later() returns integer language sql as 'select 1';
"""


@pytest.fixture
def http(postgrest: Postgrest) -> Iterator[httpx.Client]:
    headers = {"apikey": postgrest.key}
    with httpx.Client(base_url=f"{postgrest.url}/rest/v1", headers=headers) as client:
        yield client


def create(url: str, notify: str = "") -> None:
    with psycopg.connect(url) as connection:
        connection.execute(f"{CREATE} {notify}".encode())


def test_a_table_created_since_is_pgrst205(http: httpx.Client, database_url: str) -> None:
    create(database_url)
    answer = http.get("/late")
    assert (answer.status_code, answer.json()) == (
        404,
        {
            "code": "PGRST205",
            "message": "Could not find the table 'public.late' in the schema cache",
            "details": None,
            "hint": None,
        },
    )


def test_a_function_created_since_is_pgrst202(http: httpx.Client, database_url: str) -> None:
    create(database_url)
    answer = http.post("/rpc/later")
    assert (answer.status_code, answer.json()["code"]) == (404, "PGRST202")


def test_notify_reloads_it(http: httpx.Client, database_url: str) -> None:
    create(database_url, "notify pgrst, 'reload schema';")
    for _ in range(500):
        if (answer := http.post("/rpc/later")).status_code != 404:
            break
        time.sleep(0.01)
    assert (answer.status_code, answer.json()) == (200, 1)


def test_a_table_that_is_gone_is_postgres_error(
    http: httpx.Client, postgrest: Postgrest, database_url: str
) -> None:
    create(database_url)
    postgrest.reload()
    with psycopg.connect(database_url) as connection:
        connection.execute("drop table late")
    answer = http.get("/late")
    assert (answer.status_code, answer.json()["code"]) == (404, "42P01")
