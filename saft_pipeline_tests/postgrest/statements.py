"""The SQL of a request: one statement, whose result is one row with the answer's body.

As PostgREST builds it: the work is in the common table expression `pgrst_source`, and Postgres
makes the JSON, so that numbers and times look as Postgres writes them. Values are parameters whose
type Postgres infers, names are quoted identifiers.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl

from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder

from saft_pipeline_tests.postgrest.errors import ApiError, cannot_parse, not_implemented
from saft_pipeline_tests.postgrest.schema_cache import Routine

MAX_ROWS = 1000
"""Rows that a read gives at most: Supabase's default for `db-max-rows`."""

_OPERATORS = {
    "eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "like": "like",
    "ilike": "ilike", "is": "is", "in": "in",
}  # fmt: skip
_IS = ("null", "true", "false", "unknown")
_ORDER = re.compile(r'(\w+|"[^"]+")(\.asc|\.desc)?(\.nullsfirst|\.nullslast)?')
_NAME = re.compile(r'\w+|"[^"]+"')


@dataclasses.dataclass
class Statement:
    """One statement that is being built, with the parameters that it collects."""

    text: Composed = dataclasses.field(default_factory=lambda: Composed([]))
    parameters: dict[str, str] = dataclasses.field(default_factory=dict)

    def bind(self, value: str) -> Placeholder:
        """A placeholder for `value`."""
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return Placeholder(name)


def read(schema: str, table: str, query: str) -> Statement:
    """GET of a table or view: columns, conditions, order, and not more rows than the cap.

    Raises:
        ApiError: PGRST100, or PGRST127 for what is not served here.
    """
    statement = Statement()
    given = parse_qsl(query, keep_blank_values=True)
    known = {name: value for name, value in given if name in ("select", "order", "limit", "offset")}
    conditions = [_condition(statement, *pair) for pair in given if pair[0] not in known]
    limit = min(int(known.get("limit") or MAX_ROWS), MAX_ROWS)
    work = SQL("select {} from {} where {} {} limit {} offset {}").format(
        _columns(known.get("select") or "*"),
        Identifier(schema, table),
        SQL(" and ").join(conditions) if conditions else SQL("true"),
        _ordered(known["order"]) if known.get("order") else SQL(""),
        statement.bind(str(limit)),
        statement.bind(str(int(known.get("offset") or 0))),
    )
    return _finished(statement, work, SQL("coalesce(json_agg(t), '[]')::text"))


def _columns(text: str) -> Composable:
    names = [name.strip() for name in text.split(",")]
    if names == ["*"]:
        return SQL("*")
    if not all(_NAME.fullmatch(name) for name in names):
        raise not_implemented(f"select={text}")
    return _comma(Identifier(name.strip('"')) for name in names)


def _condition(statement: Statement, name: str, text: str) -> Composable:
    if not _NAME.fullmatch(name) or name in ("and", "or", "columns", "on_conflict"):
        raise not_implemented(f"{name}=")
    operator, _, value = text.partition(".")
    if operator not in _OPERATORS:
        raise cannot_parse("filter", text, 0, f"unexpected {text[:1]!r} expecting an operator")
    if operator == "is":
        if value not in _IS:
            raise cannot_parse("filter", text, 3, "expecting null, true, false or unknown")
        right: Composable = SQL(value)
    elif operator == "in":
        (values,) = csv.reader([value.removeprefix("(").removesuffix(")")], escapechar="\\")
        right = SQL("({})").format(_comma(statement.bind(v) for v in values))
    else:
        right = statement.bind(value.replace("*", "%") if "like" in operator else value)
    sign = SQL(_OPERATORS[operator])
    return SQL("{} {} {}").format(Identifier(name.strip('"')), sign, right)


def _ordered(text: str) -> Composable:
    terms = []
    for term in text.split(","):
        found = _ORDER.fullmatch(term)
        if not found:
            raise cannot_parse("order", text, text.index(term), f"unexpected {term!r}")
        nulls = {".nullsfirst": " nulls first", ".nullslast": " nulls last", None: ""}[found[3]]
        words = SQL(f"{(found[2] or '.asc')[1:]}{nulls}")
        terms.append(SQL("{} {}").format(Identifier(found[1].strip('"')), words))
    return SQL("order by {}").format(_comma(terms))


def arguments_of(content: bytes) -> dict[str, object]:
    """The arguments of a call, as its body has them.

    Raises:
        ApiError: PGRST102.
    """
    try:
        document = json.loads(content.decode() or "{}")
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ApiError(400, "PGRST102", "Empty or invalid json")
    return document


def call(routine: Routine, content: bytes) -> Statement:
    """A call of a function with the arguments of a JSON object, which Postgres types."""
    statement = Statement()
    given = arguments_of(content)
    used = [p for p in routine.parameters if p.name in given]
    source: Composable = SQL("")
    if used:
        typed = _comma(SQL("{} {}").format(Identifier(p.name), _raw(p.type)) for p in used)
        source = SQL("(select * from json_to_record({}::json) as _({})) pgrst_body,").format(
            statement.bind(content.decode()), typed
        )
    passed = (SQL("{0} := pgrst_body.{0}").format(Identifier(p.name)) for p in used)
    name = Identifier(routine.schema, routine.name)
    function = SQL("{}({})").format(name, _comma(passed))
    if not routine.returns_row:
        function = SQL("(select {} as pgrst_scalar)").format(function)
    work = SQL("select pgrst_call.* from {} lateral {} pgrst_call limit {}").format(
        source, function, statement.bind(str(MAX_ROWS))
    )
    value = SQL("t") if routine.returns_row else SQL("t.pgrst_scalar")
    shape = "coalesce(json_agg({}), '[]')::text"
    if not routine.returns_set:
        shape = "coalesce((json_agg({}))->0, 'null')::text"
    return _finished(statement, work, SQL(shape).format(value))


def _finished(statement: Statement, work: Composable, body: Composable) -> Statement:
    statement.text = SQL(
        "with pgrst_source as ({}) select count(*) as rows, {} as body from pgrst_source t"
    ).format(work, body)
    return statement


def _comma(parts: Iterable[Composable]) -> Composable:
    return SQL(", ").join(parts)


def _raw(text: str) -> Composable:
    """A type, as the catalog has it."""
    return SQL(text.replace("%", "%%").replace("{", "{{").replace("}", "}}"))
