"""The schema cache: which tables and functions there are, read from the catalog.

A request sees what was there when the cache was last loaded: docs.postgrest.org, References,
Schema Cache.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Self

import psycopg
from psycopg.rows import dict_row

from saft_pipeline_tests.postgrest.errors import ApiError

HOISTED = ("statement_timeout",)
"""Settings of a function that hold for its whole transaction (`db-hoisted-tx-settings`)."""

_TABLES = """
select n.nspname, c.relname
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'public' and c.relkind in ('r', 'v', 'm', 'f', 'p')
"""

_ROUTINES = """
select n.nspname as schema, p.proname as name,
    p.prorettype = 'void'::regtype as returns_void,
    p.provolatile = 'v' as is_volatile,
    coalesce(p.proconfig, '{}') as settings,
    coalesce((
        select json_agg(json_build_object(
            'name', coalesce(p.proargnames[a.index], ''),
            'type', format_type(a.type, -1),
            'required', a.index <= p.pronargs - p.pronargdefaults) order by a.index)
        from unnest(p.proargtypes::oid[]) with ordinality as a (type, index)
    ), '[]') as parameters
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_type t on t.oid = p.prorettype
where n.nspname = 'public' and p.prokind = 'f' and p.prorettype <> 'trigger'::regtype
    and not p.proretset and t.typtype <> 'c' and p.proargmodes is null
"""


@dataclasses.dataclass(frozen=True)
class Parameter:
    """What a function takes; `name` is empty if it has none, `type` is SQL."""

    name: str
    type: str
    required: bool


@dataclasses.dataclass(frozen=True)
class Routine:
    """One function: of those with a name there can be several."""

    schema: str
    name: str
    parameters: tuple[Parameter, ...]
    returns_void: bool
    is_volatile: bool
    settings: dict[str, str]

    def takes(self, names: set[str]) -> bool:
        """Whether it can be called with exactly these arguments by name."""
        known = {parameter.name for parameter in self.parameters}
        required = {parameter.name for parameter in self.parameters if parameter.required}
        return required <= names <= known

    def signature(self) -> str:
        """As PGRST203 shows it."""
        parameters = (f"{parameter.name} => {parameter.type}" for parameter in self.parameters)
        return f"{self.schema}.{self.name}({', '.join(parameters)})"


class SchemaCache:
    """All tables and functions of the schema `public` at one moment."""

    def __init__(self, tables: Iterable[tuple[str, str]], routines: Iterable[Routine]) -> None:
        self._tables = set(tables)
        self._routines: dict[tuple[str, str], list[Routine]] = {}
        for routine in routines:
            self._routines.setdefault((routine.schema, routine.name), []).append(routine)

    @classmethod
    def load(cls, connection: psycopg.Connection[Any]) -> Self:
        """Read the catalog."""
        tables = connection.execute(_TABLES).fetchall()
        with connection.cursor(row_factory=dict_row) as cursor:
            routines = cursor.execute(_ROUTINES).fetchall()
        return cls(tables, map(_routine, routines))

    def require_table(self, schema: str, name: str) -> None:
        """Raises PGRST205 if there is no such table or view."""
        if (schema, name) not in self._tables:
            message = f"Could not find the table '{schema}.{name}' in the schema cache"
            raise ApiError(404, "PGRST205", message)

    def routine(self, schema: str, name: str, names: set[str]) -> Routine:
        """The one function that takes these arguments.

        Raises:
            ApiError: PGRST202 if there is none, PGRST203 if there are several.
        """
        overloaded = self._routines.get((schema, name), [])
        found = [routine for routine in overloaded if routine.takes(names)]
        if len(found) == 1:
            return found[0]
        if found:
            raise _ambiguous(found)
        shown = f"({', '.join(sorted(names))})" if names else " without parameters"
        message = f"Could not find the function {schema}.{name}{shown} in the schema cache"
        raise ApiError(404, "PGRST202", message)


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
