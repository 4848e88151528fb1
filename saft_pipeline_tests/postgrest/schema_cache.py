"""The schema cache: which tables and functions there are, read from the catalog.

A request sees what was there when the cache was last loaded: docs.postgrest.org, References,
Schema Cache.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Sequence
from typing import Any, Self

import psycopg
from psycopg.rows import dict_row

from saft_pipeline_tests.postgrest.errors import ApiError

HOISTED = ("statement_timeout", "plan_filter.statement_cost_limit", "default_transaction_isolation")
"""Settings of a function that hold for its whole transaction (`db-hoisted-tx-settings`)."""

_TABLES = """
select n.nspname as schema, c.relname as name,
    (select json_object_agg(a.attname, json_build_object(
            'type', format_type(a.atttypid, a.atttypmod),
            'default', case when a.attidentity <> '' then
                    format('nextval(%%L)', pg_get_serial_sequence(c.oid::regclass::text, a.attname))
                when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end))
     from pg_attribute a
     left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
    (select json_agg(a.attname order by array_position(i.indkey::int2[], a.attnum))
     from pg_index i
     join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey::int2[])
     where i.indrelid = c.oid and i.indisprimary) as primary_key
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any (%s) and c.relkind in ('r', 'v', 'm', 'f', 'p')
"""

_ROUTINES = """
select n.nspname as schema, p.proname as name, p.proretset as returns_set,
    p.prorettype = 'void'::regtype as returns_void,
    (t.typtype = 'c' or coalesce(p.proargmodes::text[] && '{t,b,o}', false)) as returns_row,
    p.provolatile = 'v' as is_volatile,
    coalesce(p.proconfig, '{}') as settings,
    coalesce((
        select json_agg(json_build_object(
            'name', coalesce(p.proargnames[a.index], ''),
            'type', format_type(a.type, -1),
            'required', a.place <= p.pronargs - p.pronargdefaults,
            'variadic', coalesce(p.proargmodes[a.index] = 'v', false)) order by a.index)
        from (select type, index, row_number() over (order by index) as place
              from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]))
                  with ordinality as every (type, index)
              where p.proargmodes is null or p.proargmodes[every.index] in ('i', 'b', 'v')) a
    ), '[]') as parameters
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_type t on t.oid = p.prorettype
where n.nspname = any (%s) and p.prokind = 'f' and p.prorettype <> 'trigger'::regtype
"""


@dataclasses.dataclass(frozen=True)
class Table:
    """A table or view: of each column the type and the default, both as SQL."""

    schema: str
    name: str
    columns: dict[str, dict[str, str | None]]
    primary_key: list[str]

    def type_of(self, column: str) -> str:
        """The SQL type of a column; PGRST204 if there is none of that name."""
        if column not in self.columns:
            message = f"Could not find the '{column}' column of '{self.name}' in the schema cache"
            raise ApiError(400, "PGRST204", message)
        return str(self.columns[column]["type"])


@dataclasses.dataclass(frozen=True)
class Parameter:
    """What a function takes; `name` is empty if it has none, `type` is SQL."""

    name: str
    type: str
    required: bool
    variadic: bool


@dataclasses.dataclass(frozen=True)
class Routine:
    """One function: of those with a name there can be several."""

    schema: str
    name: str
    parameters: tuple[Parameter, ...]
    returns_void: bool
    returns_row: bool
    returns_set: bool
    is_volatile: bool
    settings: dict[str, str]

    def takes(self, names: set[str]) -> bool:
        """Whether it can be called with exactly these arguments by name."""
        known = {parameter.name for parameter in self.parameters}
        required = {parameter.name for parameter in self.parameters if parameter.required}
        return required <= names <= known

    def takes_document(self) -> bool:
        """Whether its one parameter has no name, and takes all of a JSON body."""
        if len(self.parameters) != 1:
            return False
        (parameter,) = self.parameters
        return not parameter.name and parameter.type in ("json", "jsonb")

    def signature(self) -> str:
        """As PGRST203 shows it."""
        parameters = (f"{parameter.name} => {parameter.type}" for parameter in self.parameters)
        return f"{self.schema}.{self.name}({', '.join(parameters)})"


class SchemaCache:
    """All tables and functions of the exposed schemas at one moment."""

    def __init__(self, tables: Iterable[Table], routines: Iterable[Routine]) -> None:
        self._tables = {(table.schema, table.name): table for table in tables}
        self._routines: dict[tuple[str, str], list[Routine]] = {}
        for routine in routines:
            self._routines.setdefault((routine.schema, routine.name), []).append(routine)

    @classmethod
    def load(cls, connection: psycopg.Connection[Any], schemas: Sequence[str]) -> Self:
        """Read the catalog."""
        with connection.cursor(row_factory=dict_row) as cursor:
            tables = cursor.execute(_TABLES, [list(schemas)]).fetchall()
            routines = cursor.execute(_ROUTINES, [list(schemas)]).fetchall()
        return cls(map(_table, tables), map(_routine, routines))

    def table(self, schema: str, name: str) -> Table:
        """The table or view; PGRST205 if there is none."""
        if table := self._tables.get((schema, name)):
            return table
        near = _nearest(name, (other for in_, other in self._tables if in_ == schema))
        hint = f"Perhaps you meant the table '{schema}.{near}'" if near else None
        message = f"Could not find the table '{schema}.{name}' in the schema cache"
        raise ApiError(404, "PGRST205", message, hint=hint)

    def routine(self, schema: str, name: str, names: set[str], *, document: bool) -> Routine:
        """The one function that takes these arguments, or with `document` the body as it is.

        Raises:
            ApiError: PGRST202 if there is none, PGRST203 if there are several.
        """
        overloaded = self._routines.get((schema, name), [])
        found = [routine for routine in overloaded if routine.takes(names)]
        if not found and document:
            found = [routine for routine in overloaded if routine.takes_document()]
        if len(found) == 1:
            return found[0]
        if found:
            raise _ambiguous(found)
        raise self._unknown(schema, name, names, document=document)

    def _unknown(self, schema: str, name: str, names: set[str], *, document: bool) -> ApiError:
        listed = ", ".join(sorted(names))
        shown = f"({listed})" if names else " without parameters"
        searched = f" with parameter{'s' * (len(names) > 1)} {listed}" if names else shown
        other = " or with a single unnamed json/jsonb parameter" if document else ""
        return ApiError(
            404,
            "PGRST202",
            f"Could not find the function {schema}.{name}{shown} in the schema cache",
            f"Searched for the function {schema}.{name}{searched}{other}, but no matches were "
            "found in the schema cache.",
            self._hint(schema, name, listed),
        )

    def _hint(self, schema: str, name: str, listed: str) -> str | None:
        """The function of a like name, or of this name with like parameters."""
        routines = self._routines.get((schema, name))
        if routines:
            signatures = [", ".join(p.name for p in routine.parameters) for routine in routines]
            near = f"{name}({_nearest(listed, signatures, 0) or ''})"
        else:
            near = _nearest(name, (other for in_, other in self._routines if in_ == schema)) or ""
        return f"Perhaps you meant to call the function {schema}.{near}" if near else None


def _table(row: dict[str, Any]) -> Table:
    return Table(row["schema"], row["name"], row["columns"] or {}, row["primary_key"] or [])


def _routine(row: dict[str, Any]) -> Routine:
    settings = dict(setting.split("=", 1) for setting in row["settings"])
    hoisted = {name: value for name, value in settings.items() if name in HOISTED}
    parameters = tuple(Parameter(**parameter) for parameter in row["parameters"])
    return Routine(**{**row, "settings": hoisted, "parameters": parameters})


def _ambiguous(routines: list[Routine]) -> ApiError:
    candidates = ", ".join(routine.signature() for routine in routines)
    return ApiError(
        300,
        "PGRST203",
        f"Could not choose the best candidate function between: {candidates}",
        hint="Try renaming the parameters or the function itself in the database so function "
        "overloading can be resolved",
    )


def _nearest(name: str, names: Iterable[str], likeness: float = 0.75) -> str | None:
    return next(iter(difflib.get_close_matches(name, list(names), 1, likeness)), None)
