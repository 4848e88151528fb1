"""Reads of whole tables: docs.postgrest.org, References, API, Tables and Views."""

from __future__ import annotations

import pytest

from saft_pipeline_tests.postgrest.conftest import Api


def test_a_table_is_read_as_postgres_writes_it(api: Api) -> None:
    api.database.execute("insert into items values (1, 'Pão', 1.10), (2, 'b', null)")
    text = api.http.get("/items").text
    assert "".join(text.split()) == (
        '[{"id":1,"name":"Pão","price":1.10},{"id":2,"name":"b","price":null}]'
    )


def test_no_more_than_1000_rows_are_read(api: Api) -> None:
    api.database.execute("insert into items (id, name) select n, n from generate_series(1, 1005) n")
    assert len(api.client.table("items").select("*").execute().data) == 1000


@pytest.mark.parametrize("query", ["select=id", "id=eq.1", "order=id", "limit=1"])
def test_what_is_not_served_says_so(api: Api, query: str) -> None:
    answer = api.http.get(f"/items?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST127")


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_tables_are_written_by_functions_alone(api: Api, method: str) -> None:
    answer = api.http.request(method, "/items", json={"id": 1})
    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST127")
