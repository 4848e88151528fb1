"""The SQL of a request: one statement, whose result is one row with the answer's body.

As PostgREST builds it: the work is in the common table expression `pgrst_source`, and Postgres
makes the JSON, so that numbers and times look as Postgres writes them. Values are parameters whose
type Postgres infers, names are quoted identifiers.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable

from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder

from saft_pipeline_tests.postgrest.errors import ApiError, not_implemented
from saft_pipeline_tests.postgrest.schema_cache import Routine

MAX_ROWS = 1000
"""Rows that a read gives at most: Supabase's default for `db-max-rows`."""


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
    """GET of a whole table or view, but of not more rows than the cap.

    Raises:
        ApiError: PGRST127 for whatever else is asked.
    """
    if query not in ("", "select=%2A", "select=*"):
        raise not_implemented(f"a part of a table: {query}")
    statement = Statement()
    rows = statement.bind(str(MAX_ROWS))
    work = SQL("select * from {} limit {}").format(Identifier(schema, table), rows)
    return _finished(statement, work, SQL("coalesce(json_agg(t), '[]')::text"))


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
    work = SQL("select pgrst_call.* from {} lateral (select {}({}) as pgrst_scalar) pgrst_call")
    body = SQL("coalesce((json_agg(t.pgrst_scalar))->0, 'null')::text")
    return _finished(statement, work.format(source, name, _comma(passed)), body)


def _finished(statement: Statement, work: Composable, body: Composable) -> Statement:
    statement.text = SQL("with pgrst_source as ({}) select {} from pgrst_source t").format(
        work, body
    )
    return statement


def _comma(parts: Iterable[Composable]) -> Composable:
    return SQL(", ").join(parts)


def _raw(text: str) -> Composable:
    """A type, as the catalog has it."""
    return SQL(text.replace("%", "%%").replace("{", "{{").replace("}", "}}"))
