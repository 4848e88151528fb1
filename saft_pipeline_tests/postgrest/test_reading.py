"""GET of tables: docs.postgrest.org, Tables and Views, Pagination and Count."""

from __future__ import annotations

import postgrest
import pytest
from postgrest.types import CountMethod

from saft_pipeline_tests.postgrest.conftest import Api


@pytest.fixture
def stocked(api: Api) -> Api:
    api.database.execute("""
        insert into items values
            (1, 'apple', 1.10, '{red,green}', '{"size": {"mm": 70}}'),
            (2, 'b,"c)', 2, null, null),
            (3, 'cherry', null, '{red}', '{"size": null}'),
            (4, 'Date', 0.30, '{}', '[10, 20]')""")
    return api


def ids(api: Api, query: str) -> list[int]:
    answer = api.http.get(f"/items?select=id&order=id&{query}")
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("id=eq.2", [2]),
        ("id=neq.2", [1, 3, 4]),
        ("id=gt.2", [3, 4]),
        ("id=gte.2&id=lt.4", [2, 3]),
        ("id=lte.1", [1]),
        ("name=like.*e*", [1, 3, 4]),
        ("name=like.d*", []),
        ("name=ilike.d*", [4]),
        ("name=match.^[a-c]", [1, 2, 3]),
        ("price=is.null", [3]),
        ("price=not.is.null", [1, 2, 4]),
        ("id=in.(1,3)", [1, 3]),
        ("id=in.()", []),
        ("id=not.in.(1,3)", [2, 4]),
        (r'name=in.("b,\"c)",apple)', [1, 2]),
        ("tags=cs.{red}", [1, 3]),
        ("price=isdistinct.2", [1, 3, 4]),
        ("name=like(any).{a*,c*}", [1, 3]),
        ("data->size->>mm=eq.70", [1]),
        ("data->0=eq.10", [4]),
        ("or=(id.eq.1,id.eq.4)", [1, 4]),
        ("not.or=(id.eq.1,id.eq.4)", [2, 3]),
        ("or=(id.eq.1,and(id.gt.1,not.or(id.eq.2,id.eq.3)))", [1, 4]),
        (r'or=(name.eq."b,\"c)",id.in.(3,4),tags.cs.{red,green})', [1, 2, 3, 4]),
        ("and=(id.gt.1,id.not.eq.3)", [2, 4]),
    ],
)
def test_filters(stocked: Api, query: str, found: list[int]) -> None:
    assert ids(stocked, query) == found


def test_a_filters_value_is_a_parameter_and_never_sql(stocked: Api) -> None:
    found = stocked.client.table("items").select("id").eq("name", "x' or true --").execute()
    assert found.data == []


def test_select_renames_casts_and_reaches_into_json(stocked: Api) -> None:
    select = "number:id,price::text,data->size->mm,largest:data->size->>mm"
    answer = stocked.http.get("/items", params={"select": select, "id": "eq.1"})
    assert answer.json() == [{"number": 1, "price": "1.10", "mm": 70, "largest": "70"}]


def test_numbers_are_written_as_postgres_writes_them(stocked: Api) -> None:
    answer = stocked.http.get("/items?select=price&id=eq.1")
    assert answer.text == '[{"price":1.10}]'


def test_order_and_nulls(stocked: Api) -> None:
    found = stocked.client.table("items").select("id").order("price", desc=True, nullsfirst=False)
    assert found.execute().data == [{"id": 2}, {"id": 1}, {"id": 4}, {"id": 3}]


def test_limit_and_offset(stocked: Api) -> None:
    found = stocked.client.table("items").select("id").order("id").range(1, 2).execute()
    assert found.data == [{"id": 2}, {"id": 3}]


def test_a_range_header_is_cut_to_limit_and_offset(stocked: Api) -> None:
    answer = stocked.http.get(
        "/items?select=id&order=id&limit=2&offset=1", headers={"Range": "0-1"}
    )
    assert (answer.json(), answer.headers["content-range"]) == ([{"id": 2}], "1-1/*")


def test_no_more_than_1000_rows_are_read_whatever_is_asked(api: Api) -> None:
    api.database.execute("insert into items select n, n::text from generate_series(1, 1005) n")
    found = api.client.table("items").select("id", count=CountMethod.exact).limit(5000).execute()
    assert (len(found.data), found.count) == (1000, 1005)


def test_a_part_of_the_rows_is_206_and_says_which(api: Api) -> None:
    api.database.execute("insert into items select n, n::text from generate_series(1, 1005) n")
    answer = api.http.get("/items?offset=3", headers={"Prefer": "count=exact"})
    assert (answer.status_code, answer.headers["content-range"]) == (206, "3-1002/1005")
    assert answer.headers["preference-applied"] == "count=exact"


def test_no_row_is_a_star(api: Api) -> None:
    answer = api.http.get("/items", headers={"Prefer": "count=exact"})
    assert (answer.status_code, answer.headers["content-range"]) == (200, "*/0")


def test_an_offset_past_the_end_is_416_if_it_is_counted(stocked: Api) -> None:
    answer = stocked.http.get("/items?offset=9", headers={"Prefer": "count=exact"})
    assert (answer.status_code, answer.json()) == (
        416,
        {
            "code": "PGRST103",
            "message": "Requested range not satisfiable",
            "details": "An offset of 9 was requested, but there are only 4 rows.",
            "hint": None,
        },
    )


@pytest.mark.parametrize(("query", "headers"), [("?limit=-1", {}), ("", {"Range": "5-2"})])
def test_an_impossible_range_is_416(api: Api, query: str, headers: dict[str, str]) -> None:
    answer = api.http.get(f"/items{query}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (416, "PGRST103")


def test_head_counts_without_a_body(stocked: Api) -> None:
    found = stocked.client.table("items").select("*", count=CountMethod.exact, head=True).execute()
    assert (found.data, found.count) == ([], 4)


def test_single_is_an_object(stocked: Api) -> None:
    found = stocked.client.table("items").select("id,name").eq("id", 1).single().execute()
    assert found.data == {"id": 1, "name": "apple"}


@pytest.mark.parametrize(("query", "rows"), [("id=eq.9", 0), ("id=lt.3", 2)])
def test_single_of_none_or_several_is_406(stocked: Api, query: str, rows: int) -> None:
    accept = {"Accept": "application/vnd.pgrst.object+json"}
    answer = stocked.http.get(f"/items?{query}", headers=accept)
    assert (answer.status_code, answer.json()) == (
        406,
        {
            "code": "PGRST116",
            "message": "Cannot coerce the result to a single JSON object",
            "details": f"The result contains {rows} rows",
            "hint": None,
        },
    )


def test_maybe_single_of_none_is_none(stocked: Api) -> None:
    assert stocked.client.table("items").select("*").eq("id", 9).maybe_single().execute() is None


def test_strip_nulls(stocked: Api) -> None:
    found = stocked.client.table("items").select("id,tags").eq("id", 2).strip_nulls().execute()
    assert found.data == [{"id": 2}]


@pytest.mark.parametrize(
    ("query", "details"),
    [
        ("id=noop.1", "unknown single value operator noop"),
        ("id=1", 'unexpected "1" expecting operator (eq, gt, ...)'),
        ("id=is.seven", 'unexpected "s" expecting null or trilean value'),
        ("id=in.1,2", 'unexpected "1" expecting "("'),
        ("or=()", 'unexpected ")" expecting field name (* or [a..z0..9_$])'),
        ("order=id.up", 'unexpected "." expecting "," or end of input'),
        ("select=id,,name", 'unexpected "," expecting field name (* or [a..z0..9_$])'),
    ],
)
def test_what_the_grammar_does_not_allow_is_pgrst100(api: Api, query: str, details: str) -> None:
    answer = api.http.get(f"/items?{query}")
    error = answer.json()
    assert (answer.status_code, error["code"], error["details"]) == (400, "PGRST100", details)


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("select=*,parts(*)", {}),
        ("select=id.sum()", {}),
        ("parts.id=eq.1", {}),
        ("name=fts.apple", {}),
        ("", {"Prefer": "count=planned"}),
    ],
)
def test_what_is_not_served_says_so(api: Api, query: str, headers: dict[str, str]) -> None:
    answer = api.http.get(f"/items?{query}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST127")


def test_csv_is_not_acceptable(api: Api) -> None:
    with pytest.raises(postgrest.APIError) as raised:
        api.client.table("items").select("*").csv().execute()
    assert raised.value.code == "PGRST107"
