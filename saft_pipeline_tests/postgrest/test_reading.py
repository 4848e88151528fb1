"""Simple reads: docs.postgrest.org, References, API, Tables and Views."""

from __future__ import annotations

from typing import Any

import pytest

from saft_pipeline_tests.postgrest.conftest import Api


@pytest.fixture
def stocked(api: Api) -> Api:
    """With three items, one without a price."""
    api.database.execute(
        "insert into items values (1, 'Pão', 1.10), (2, 'b,\"c', 20), (3, 'd', null)"
    )
    return api


def ids(found: Any) -> list[int]:
    return [row["id"] for row in found.execute().data]


def test_filters(stocked: Api) -> None:
    items = stocked.client.table("items")
    assert ids(items.select("id").eq("name", "Pão")) == [1]
    assert ids(items.select("id").neq("id", 2).order("id")) == [1, 3]
    assert ids(items.select("id").gt("price", "1.1")) == [2]
    assert ids(items.select("id").gte("price", "1.1").lte("price", "20").order("id")) == [1, 2]
    assert ids(items.select("id").lt("price", "20")) == [1]
    assert ids(items.select("id").is_("price", "null")) == [3]
    assert ids(items.select("id").in_("name", ["Pão", 'b,"c']).order("id")) == [1, 2]
    assert ids(items.select("id").ilike("name", "pã*")) == [1]


def test_a_filters_value_is_a_parameter_and_never_sql(stocked: Api) -> None:
    assert ids(stocked.client.table("items").select("id").eq("name", "' or '1'='1")) == []


def test_columns_and_numbers_are_as_postgres_writes_them(stocked: Api) -> None:
    text = stocked.http.get("/items?select=price,id&id=eq.1").text
    assert "".join(text.split()) == '[{"price":1.10,"id":1}]'


def test_order_limit_and_offset(stocked: Api) -> None:
    items = stocked.client.table("items")
    assert ids(items.select("id").order("price", desc=True, nullsfirst=False)) == [2, 1, 3]
    assert ids(items.select("id").order("id").range(1, 1)) == [2]
    assert ids(items.select("id").order("id", desc=True).limit(1)) == [3]


def test_no_more_than_1000_rows_are_read_whatever_is_asked(api: Api) -> None:
    api.database.execute("insert into items (id, name) select n, n from generate_series(1, 1005) n")
    assert len(api.client.table("items").select("id").limit(5000).execute().data) == 1000


@pytest.mark.parametrize(
    "query", ["select=id::text", "select=a:id", "select=parts(*)", "or=(id.eq.1)", "data->x=eq.1"]
)
def test_what_is_not_served_says_so(api: Api, query: str) -> None:
    answer = api.http.get(f"/items?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST127")


@pytest.mark.parametrize("query", ["id=5", "id=is.5", "order=id.up"])
def test_what_the_grammar_does_not_allow_is_pgrst100(api: Api, query: str) -> None:
    answer = api.http.get(f"/items?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST100")


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_tables_are_written_by_functions_alone(api: Api, method: str) -> None:
    answer = api.http.request(method, "/items", json={"id": 1})
    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST127")
