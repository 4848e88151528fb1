"""The grammar of the query string, against the quoting of supabase-py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from postgrest.utils import sanitize_param

from saft_pipeline_tests.postgrest import grammar
from saft_pipeline_tests.postgrest.errors import ApiError
from saft_pipeline_tests.postgrest.grammar import Field, Filter, Logic, Selected

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(text)
def test_a_filters_value_is_all_the_rest(value: str) -> None:
    assert grammar.parse_filter("name", f"eq.{value}").value == value


@given(st.lists(text, min_size=1))
def test_any_value_survives_the_list_of_in(values: list[str]) -> None:
    # PostgREST takes no blank as the first character of the list, and supabase-py quotes none.
    values[0] = values[0].lstrip(" \t") or "x"
    listed = ",".join(sanitize_param(value) for value in values)
    assert grammar.parse_filter("name", f"in.({listed})").value == tuple(values)


@given(text)
def test_any_quoted_value_survives_a_tree(value: str) -> None:
    quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    (condition,) = grammar.parse_logic("or", f"(name.eq.{quoted})").terms
    assert isinstance(condition, Filter)
    assert condition.value == value


@given(text)
def test_any_quoted_name_is_a_name(name: str) -> None:
    quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert grammar.parse_names(f"id,{quoted}", "columns") == ["id", name]


@given(st.text())
def test_text_is_parsed_or_refused_and_never_breaks_the_parser(written: str) -> None:
    codes = set()
    for parse in (grammar.parse_select, grammar.parse_order):
        try:
            parse(written)
        except ApiError as error:
            codes.add(error.code)
    assert codes <= {"PGRST100", "PGRST127"}


def test_a_tree() -> None:
    tree = grammar.parse_logic("not.or", "(a.eq.1,and(b.not.is.null,not.or(c.in.(1,2),d.lt.3)))")
    inner = Logic(True, "or", (Filter(Field("c"), False, "in", ("1", "2")),
                               Filter(Field("d"), False, "lt", "3")))  # fmt: skip
    middle = Logic(False, "and", (Filter(Field("b"), True, "is", "null"), inner))
    assert tree == Logic(True, "or", (Filter(Field("a"), False, "eq", "1"), middle))


def test_a_selection() -> None:
    assert grammar.parse_select('*, a:b->c->>0::int ,"d e",f-g') == [
        Selected(Field("*")),
        Selected(Field("b", (("->", "c"), ("->>", "0"))), "int", "a"),
        Selected(Field("d e")),
        Selected(Field("f-g")),
    ]


@pytest.mark.parametrize("value", ["eq.1", "not.eq.1", "is.null", "in.(1)", "like(any).{a}"])
def test_what_has_an_operator_is_no_argument(value: str) -> None:
    assert grammar.has_operator(value)


@pytest.mark.parametrize("value", ["1", "a.b", "eq", "2025-01-01", "1.5", ""])
def test_what_has_none_is_one(value: str) -> None:
    assert not grammar.has_operator(value)
