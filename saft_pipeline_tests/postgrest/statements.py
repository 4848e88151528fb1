"""The SQL of a request: always one statement, whose result is one row with the answer's body.

As PostgREST builds it: the work is in the common table expression `pgrst_source`, and Postgres
makes the JSON, so that numbers and times look as Postgres writes them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from psycopg.sql import SQL, Composable, Identifier

from saft_pipeline_tests.postgrest.fragments import (
    NOTHING,
    SOURCE,
    Statement,
    column,
    comma,
    names,
    raw,
    select,
    where,
)
from saft_pipeline_tests.postgrest.payload import BODY, Payload, defaults_of
from saft_pipeline_tests.postgrest.query import Query, Range
from saft_pipeline_tests.postgrest.schema_cache import Parameter, Routine, Table

_CALL = Identifier("pgrst_call")
_NULL = SQL("null")


@dataclasses.dataclass(frozen=True)
class Shape:
    """How rows become a body."""

    has_body: bool = True
    is_scalar: bool = False
    is_single: bool = False
    strips_nulls: bool = False

    def aggregate(self) -> Composable:
        """The expression over the rows `_postgrest_t`."""
        if not self.has_body:
            return SQL("''")
        rows = SQL("json_agg(_postgrest_t{})").format(raw(".pgrst_scalar" * self.is_scalar))
        stripped = SQL("json_strip_nulls({})").format(rows) if self.strips_nulls else rows
        text = "coalesce(({})->0, 'null')::text" if self.is_single else "coalesce({}, '[]')::text"
        return SQL(text).format(stripped)


def read(table: Table, query: Query, shape: Shape, *, counts: bool) -> Statement:
    """GET of a table: not more rows than the cap."""
    statement = Statement()
    relation = _relation(table)
    work = select(statement, relation, query, query.range.capped())
    total = _count(statement, relation, query) if counts else _NULL
    return _finished(statement, work, SQL("select * from {}").format(SOURCE), shape, total)


def insert(
    table: Table, query: Query, payload: Payload, shape: Shape, resolution: str | None, *,
    uses_defaults: bool,
) -> Statement:  # fmt: skip
    """POST to a table, with `resolution` as an upsert on `on_conflict` or the primary key."""
    statement = Statement()
    types = {name: table.type_of(name) for name in payload.names}
    target = table.primary_key if query.on_conflict is None else query.on_conflict
    merges = resolution == "merge-duplicates" and bool(target)
    work = SQL("insert into {} {} select {} from {} {} {} returning {}").format(
        _relation(table),
        SQL("({})").format(names(types)) if types else NOTHING,
        comma(column(BODY, name) for name in types),
        payload.rows(
            statement, types, defaults_of(table, payload.names) if uses_defaults else None
        ),
        SQL("where {}").format(_counting(+1)) if merges else NOTHING,
        _conflict(resolution, target, payload.names) if resolution and target else NOTHING,
        _returning(table, query, shape),
    )
    return _finished(statement, work, _returned(statement, query, shape), shape)


def update(table: Table, query: Query, payload: Payload, shape: Shape) -> Statement:
    """PATCH of a table: the rows of the filters get the values of the body."""
    statement = Statement()
    types = {name: table.type_of(name) for name in payload.names}
    relation = _relation(table)
    if types:
        work = SQL("update {} set {} from {} {} returning {}").format(
            relation,
            comma(SQL("{} = {}").format(Identifier(n), column(BODY, n)) for n in types),
            payload.rows(statement, types),
            where(statement, relation, query.where),
            _returning(table, query, shape),
        )
    else:
        work = SQL("select * from {} where false").format(relation)
    return _finished(statement, work, _returned(statement, query, shape), shape)


def delete(table: Table, query: Query, shape: Shape) -> Statement:
    """DELETE of the rows of the filters."""
    statement = Statement()
    work = SQL("delete from {} {} returning {}").format(
        _relation(table),
        where(statement, _relation(table), query.where),
        _returning(table, query, shape),
    )
    return _finished(statement, work, _returned(statement, query, shape), shape)


def call(
    routine: Routine, query: Query, given: Payload | dict[str, str], shape: Shape, *, counts: bool
) -> Statement:
    """A call with a JSON body, or with the arguments of a query string."""
    statement = Statement()
    source, arguments = _arguments(statement, routine, given)
    function = SQL("{}({})").format(Identifier(routine.schema, routine.name), arguments)
    if not routine.returns_row:
        function = SQL("(select {} as pgrst_scalar)").format(function)
    work = SQL("select {}.* from {} lateral {} {}").format(_CALL, source, function, _CALL)
    rows = select(statement, SOURCE, query, query.range.capped())
    total = _count(statement, SOURCE, query) if counts else _NULL
    return _finished(statement, work, rows, shape, total)


def _relation(table: Table) -> Identifier:
    return Identifier(table.schema, table.name)


def _finished(
    statement: Statement, work: Composable, rows: Composable, shape: Shape,
    total: Composable = _NULL,
) -> Statement:  # fmt: skip
    statement.text = SQL(
        "with {source} as ({work}) select {total} as total, count(_postgrest_t) as rows, "
        "{body} as body, nullif(current_setting('pgrst.inserted', true), '')::int as inserted "
        "from ({rows}) _postgrest_t"
    ).format(source=SOURCE, work=work, total=total, body=shape.aggregate(), rows=rows)
    return statement


def _count(statement: Statement, relation: Identifier, query: Query) -> Composable:
    conditions = where(statement, relation, query.where)
    return SQL("(select count(*) from {} {})").format(relation, conditions)


def _returning(table: Table, query: Query, shape: Shape) -> Composable:
    """Columns only if there is a body: returning them takes the right to read them."""
    if not shape.has_body:
        return SQL("1")
    fields = dict.fromkeys(item.field.name for item in query.select)
    if "*" in fields:
        return SQL("{}.*").format(_relation(table))
    return comma(column(_relation(table), name) for name in fields)


def _returned(statement: Statement, query: Query, shape: Shape) -> Composable:
    if not shape.has_body:
        return SQL("select * from {}").format(SOURCE)
    return select(statement, SOURCE, dataclasses.replace(query, where=[]), Range())


def _conflict(resolution: str, target: Sequence[str], columns: Sequence[str]) -> Composable:
    start = SQL("on conflict ({}) do ").format(names(target))
    if resolution == "ignore-duplicates" or not columns:
        return start + SQL("nothing")
    values = (SQL("{0} = excluded.{0}").format(Identifier(name)) for name in columns)
    return start + SQL("update set {} where {}").format(comma(values), _counting(-1))


def _counting(step: int) -> Composable:
    """A condition that always holds, and counts the rows inserted less those merged."""
    return SQL(
        "set_config('pgrst.inserted', (coalesce(nullif(current_setting('pgrst.inserted', true), "
        "'')::int, 0) + {})::text, true) is not null"
    ).format(raw(str(step)))


def _arguments(
    statement: Statement, routine: Routine, given: Payload | dict[str, str]
) -> tuple[Composable, Composable]:
    """What stands before `lateral`, and what stands in the parentheses of the call."""
    if isinstance(given, Payload) and routine.takes_document():
        (document,) = routine.parameters
        value = SQL("{}::{}").format(statement.bind(given.text), raw(document.type))
        return NOTHING, value
    known = given.names if isinstance(given, Payload) else given
    used = [parameter for parameter in routine.parameters if parameter.name in known]
    if not isinstance(given, Payload):
        values = (
            SQL("{}::{}").format(statement.bind(given[parameter.name]), raw(parameter.type))
            for parameter in used
        )
        return NOTHING, _assigned(used, values)
    if not used:
        return NOTHING, NOTHING
    rows = given.rows(statement, {parameter.name: parameter.type for parameter in used})
    first = SQL("(select * from {} limit 1) {},").format(rows, BODY)
    return first, _assigned(used, (column(BODY, parameter.name) for parameter in used))


def _assigned(parameters: Iterable[Parameter], values: Iterable[Composable]) -> Composable:
    return comma(
        SQL("{}{} := {}").format(raw("variadic " * p.variadic), Identifier(p.name), value)
        for p, value in zip(parameters, values, strict=True)
    )
