"""POST, PATCH and DELETE of tables: docs.postgrest.org, Tables and Views, Preferences."""

from __future__ import annotations

from decimal import Decimal

import postgrest
import pytest
from postgrest.types import CountMethod, ReturnMethod

from saft_pipeline_tests.postgrest.conftest import Api

Rows = list[dict[str, object]]

ROW = {"id": 1, "name": "apple", "price": None, "tags": None, "data": None}


def code(raised: pytest.ExceptionInfo[postgrest.APIError]) -> str | None:
    return raised.value.code


def test_an_insert_gives_the_row_back(api: Api) -> None:
    made = api.client.table("items").insert({"id": 1, "name": "apple"}).execute()
    assert made.data == [ROW]


def test_an_insert_takes_amounts_as_text_and_keeps_them_exact(api: Api) -> None:
    prices = ["1234567890123456789.10", "-0.005"]
    rows = [{"id": n, "name": price, "price": price} for n, price in enumerate(prices)]
    api.client.table("items").insert(rows).execute()
    found = api.rows("select price from items order by id")
    assert found == [(Decimal(price),) for price in prices]


def test_an_insert_takes_arrays_and_objects(api: Api) -> None:
    row = {"id": 1, "tags": ["a,b", None], "data": {"x": [1]}}
    made = api.client.table("items").insert(row).execute()
    assert made.data == [{**ROW, **row, "name": "unnamed"}]


def test_return_minimal_is_201_without_a_body(api: Api) -> None:
    answer = api.http.post("/items", json={"id": 1}, headers={"Prefer": "return=minimal"})
    assert (answer.status_code, answer.text) == (201, "")
    assert answer.headers["preference-applied"] == "return=minimal"


def test_return_minimal_does_not_take_the_right_to_read(api: Api) -> None:
    hidden = api.client.table("hidden")
    hidden.insert({"id": 1}, returning=ReturnMethod.minimal).execute()
    with pytest.raises(postgrest.APIError) as raised:
        hidden.insert({"id": 2}).execute()
    assert (code(raised), api.rows("select id from hidden")) == ("42501", [(1,)])


def test_what_a_row_leaves_out_is_null(api: Api) -> None:
    rows: Rows = [{"id": 1, "name": "apple"}, {"id": 2, "price": 1}]
    api.client.table("items").insert(rows).execute()
    assert api.rows("select id, name from items order by id") == [(1, "apple"), (2, None)]


def test_missing_default_gives_it_the_default_of_the_column(api: Api) -> None:
    rows: Rows = [{"id": 1, "name": "apple"}, {"id": 2, "price": 1}]
    api.client.table("items").insert(rows, default_to_null=False).execute()
    assert api.rows("select id, name from items order by id") == [(1, "apple"), (2, "unnamed")]


def test_columns_chooses_what_is_taken_from_the_body(api: Api) -> None:
    api.http.post("/items?columns=id", json=[{"id": 1, "name": "ignored", "unknown": 1}])
    assert api.rows("select id, name from items") == [(1, "unnamed")]


def test_an_unknown_column_is_pgrst204(api: Api) -> None:
    answer = api.http.post("/items", json={"id": 1, "colour": "red"})
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "code": "PGRST204",
            "message": "Could not find the 'colour' column of 'items' in the schema cache",
            "details": None,
            "hint": None,
        },
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "Empty or invalid json"),
        ('{"id": ', "Empty or invalid json"),
        ('[{"id": 1}, {"name": "b"}]', "All object keys must match"),
        ("[1]", "All object keys must match"),
    ],
)
def test_a_bad_body_is_pgrst102(api: Api, body: str, message: str) -> None:
    answer = api.http.post("/items", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST102")
    assert answer.json()["message"] == message


def test_an_empty_list_inserts_nothing(api: Api) -> None:
    answer = api.http.post("/items", json=[], headers={"Prefer": "return=representation"})
    assert (answer.status_code, answer.json()) == (201, [])


def test_an_upsert_merges_on_the_primary_key(api: Api) -> None:
    api.database.execute("insert into items (id, name, price) values (1, 'apple', 5)")
    rows = [{"id": 1, "name": "pear"}, {"id": 2, "name": "plum"}]
    api.client.table("items").upsert(rows).execute()
    found = api.rows("select id, name, price from items order by id")
    assert found == [(1, "pear", 5), (2, "plum", None)]


def test_an_upsert_merges_on_the_columns_of_on_conflict(api: Api) -> None:
    api.database.execute("insert into items (id, name) values (1, 'apple')")
    row = {"id": 7, "name": "apple", "price": 3}
    api.client.table("items").upsert(row, on_conflict="name").execute()
    assert api.rows("select id, name, price from items") == [(7, "apple", 3)]


def test_on_conflict_without_such_a_constraint_is_42p10(api: Api) -> None:
    with pytest.raises(postgrest.APIError) as raised:
        api.client.table("items").upsert({"id": 7}, on_conflict="price").execute()
    assert code(raised) == "42P10"


def test_ignore_duplicates_leaves_the_row_and_does_not_give_it_back(api: Api) -> None:
    api.database.execute("insert into items (id, name) values (1, 'apple')")
    rows = [{"id": 1, "name": "pear"}, {"id": 2, "name": "plum"}]
    made = api.client.table("items").upsert(rows, ignore_duplicates=True).execute()
    assert made.data == [{**ROW, "id": 2, "name": "plum"}]
    assert api.rows("select name from items order by id") == [("apple",), ("plum",)]


@pytest.mark.parametrize(("id_", "status"), [(1, 200), (2, 201)])
def test_an_upsert_that_inserts_nothing_is_200(api: Api, id_: int, status: int) -> None:
    api.database.execute("insert into items (id, name) values (1, 'apple')")
    prefer = {"Prefer": "resolution=merge-duplicates"}
    answer = api.http.post("/items", json={"id": id_, "name": "pear"}, headers=prefer)
    assert answer.status_code == status


def test_the_same_key_twice_in_one_upsert_is_21000(api: Api) -> None:
    prefer = {"Prefer": "resolution=merge-duplicates"}
    answer = api.http.post("/items", json=[{"id": 1}, {"id": 1}], headers=prefer)
    assert (answer.status_code, answer.json()["code"]) == (500, "21000")


def test_an_update_changes_the_rows_of_its_filters(api: Api) -> None:
    api.database.execute("insert into items (id, name) values (1, 'apple'), (2, 'plum')")
    changed = api.client.table("items").update({"price": "2.50"}).eq("id", 2).execute()
    assert changed.data == [{**ROW, "id": 2, "name": "plum", "price": 2.5}]
    assert api.rows("select price from items where id = 1") == [(None,)]


def test_an_update_without_representation_is_204_and_counts(api: Api) -> None:
    api.database.execute("insert into items (id, name) values (1, 'a'), (2, 'b')")
    prefer = {"Prefer": "return=minimal,count=exact"}
    answer = api.http.patch("/items?id=gt.0", json={"price": 1}, headers=prefer)
    assert (answer.status_code, answer.headers["content-range"]) == (204, "0-1/2")


def test_an_update_with_nothing_changes_nothing(api: Api) -> None:
    api.database.execute("insert into items (id, name) values (1, 'apple')")
    assert api.client.table("items").update({}).eq("id", 1).execute().data == []


def test_a_delete_gives_back_what_it_deleted(api: Api) -> None:
    api.database.execute("insert into items (id, name) values (1, 'apple'), (2, 'plum')")
    gone = api.client.table("items").delete(count=CountMethod.exact).eq("id", 1).execute()
    assert (gone.data, gone.count) == ([ROW], 1)
    assert api.rows("select id from items") == [(2,)]


@pytest.mark.parametrize(("method", "command"), [("PATCH", "UPDATE"), ("DELETE", "DELETE")])
def test_all_rows_at_once_are_refused(api: Api, method: str, command: str) -> None:
    answer = api.http.request(method, "/items", json={"price": 1})
    assert (answer.status_code, answer.json()["code"]) == (400, "21000")
    assert answer.json()["message"] == f"{command} requires a WHERE clause"


def test_max_affected_undoes_what_went_too_far(api: Api) -> None:
    api.database.execute("insert into items (id, name) values (1, 'a'), (2, 'b')")
    with pytest.raises(postgrest.APIError) as raised:
        api.client.table("items").delete().gt("id", 0).max_affected(1).execute()
    assert code(raised) == "PGRST124"
    assert api.rows("select count(*) from items") == [(2,)]


def test_a_singular_change_of_several_rows_is_undone(api: Api) -> None:
    accept = {"Accept": "application/vnd.pgrst.object+json", "Prefer": "return=representation"}
    answer = api.http.post("/items", json=[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
                           headers=accept)  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (406, "PGRST116")
    assert api.rows("select count(*) from items") == [(0,)]


def test_handling_strict_refuses_unknown_preferences(api: Api) -> None:
    answer = api.http.get("/items", headers={"Prefer": "handling=strict, foo, count=exact"})
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "code": "PGRST122",
            "message": "Invalid preferences given with handling=strict",
            "details": "Invalid preferences: foo",
            "hint": None,
        },
    )


def test_tx_rollback_has_no_effect_as_on_supabase(api: Api) -> None:
    answer = api.http.post("/items", json={"id": 1}, headers={"Prefer": "tx=rollback"})
    assert "preference-applied" not in answer.headers
    assert api.rows("select id from items") == [(1,)]


@pytest.mark.parametrize(("method", "expected"), [("PUT", "PGRST127"), ("OPTIONS", "PGRST117")])
def test_other_methods_are_refused(api: Api, method: str, expected: str) -> None:
    assert api.http.request(method, "/items").json()["code"] == expected
