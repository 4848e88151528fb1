"""Bringing a database up to this program's schema, in one transaction; never tables not ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql as statements

from saft_pipeline.store import schema
from saft_pipeline.store.catalog import catalog
from saft_pipeline.store.errors import OTHER_LOGIN, StoreError
from saft_pipeline.store.postgres import Connection, connect_postgres, store_error
from saft_pipeline.store.schema import Migration

_COLUMNS = """
select c.relname, a.attname, replace(format_type(a.atttypid, null), '"', '')
from pg_attribute a join pg_class c on c.oid = a.attrelid
where c.relnamespace = to_regnamespace('public') and a.attnum > 0 and not a.attisdropped
"""
_INDEXES = "select indexname from pg_indexes where schemaname = 'public'"
_NAMES = """
select n.nspname || '.' || o.name from pg_namespace n join (
    select relnamespace, relname from pg_class union all select pronamespace, proname from pg_proc
) o(namespace, name) on o.namespace = n.oid
where n.nspname in ('public', 'saft')
union all select tgname from pg_trigger
"""
_LONG = {"timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone"}

MADE_ANEW = "functions and views"


@dataclass(frozen=True)
class SchemaState:
    """How a database differs from this program's schema.

    `missing` are migrations to be applied, `edited` the names of those that were applied with
    another text than landed. `is_stale`: functions and views are another version's, or not all
    there.
    """

    missing: tuple[Migration, ...]
    edited: tuple[str, ...]
    is_stale: bool

    @property
    def problem(self) -> str | None:
        """What differs, and the cure; None if nothing does."""
        differences = []
        if self.missing:
            count, first = len(self.missing), self.missing[0].version
            differences.append(f"{count} migrations are to be applied, from {first}")
        elif self.is_stale:
            differences.append("functions and views are another version's, or not all there")
        if self.edited:
            differences.append(f"applied with another text than is known: {', '.join(self.edited)}")
        return f"{'; '.join(differences)}; run: saft db migrate" if differences else None


def migrate(url: str) -> list[str]:
    """Bring the schema up to date, all in one transaction.

    Functions, views and staging are made anew if they are not this program's. Of migrations that
    were applied with another text, what their tables lack is told; if they lack nothing the
    difference is settled. Returns the names of migrations applied, or MADE_ANEW if that was all.

    Raises:
        StoreError: tables of our names that we did not make, a newer program's tables, or tables
            that lack something, with the SQL that mends it; nothing was touched.
    """
    with connect_postgres(url) as connection:
        return _apply(connection)


def ready(url: str, *, upgrade: bool, make: bool = True) -> None:
    """Make sure that the tables are this program's: made in an empty database.

    Args:
        url: the database.
        upgrade: bring older tables up to date by itself.
        make: fill an empty database.

    Raises:
        StoreError: the tables are older or newer than this program, are not ours, or not there yet.
    """
    with connect_postgres(url) as connection:
        found = state(connection)
        if found.problem is None:
            return
        if not make and len(found.missing) == len(schema.migrations()):
            raise StoreError(
                "there are no tables yet; `saft db migrate` or the first poll makes them"
            )
        if not upgrade and len(found.missing) < len(schema.migrations()):
            than = "older than" if found.missing else "not those of"
            raise StoreError(f"the tables are {than} this program: {found.problem}")
        _apply(connection)


def move_existing(url: str, aside: str) -> list[str]:
    """Move tables and views that bear our names, and that we did not make, into schema `aside`.

    All in one transaction; nothing is deleted. Returns their names.

    Raises:
        StoreError: the tables are ours, or `aside` can't take them; nothing was touched.
    """
    if aside in ("public", "saft") or aside.startswith("pg_"):
        raise StoreError(f"{aside} is no schema to move tables aside to; legacy is a good name")
    with connect_postgres(url) as connection, _transaction(connection):
        if _exists(connection, "saft.migrations"):
            raise StoreError("the tables are saft_pipeline's own; nothing was moved")
        names = _foreign(connection)
        target = statements.Identifier(aside)
        connection.execute(statements.SQL("create schema if not exists {}").format(target))
        for name in names:
            move = statements.SQL("alter table {} set schema {}")
            table = statements.Identifier("public", name)
            connection.execute(move.format(table, target))
    return names


@contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    """One at a time for the whole database; faults in the store's words."""
    try:
        with connection.transaction():
            connection.execute(schema.BEGIN.encode())
            yield
    except psycopg.Error as error:
        raise store_error(error) from None


def _apply(connection: Connection) -> list[str]:
    with _transaction(connection):
        found = state(connection)
        if found.problem is None:
            return []
        connection.execute(schema.clear().encode())
        for migration in found.missing:
            connection.execute(migration.text.encode())
        if lacks := lacking(connection):
            raise StoreError(
                f"the tables were made by migrations that were changed since, and lack something; "
                f"nothing was touched; run this, then saft db migrate: {' '.join(lacks)}"
            )
        connection.execute(schema.clear().encode())
        connection.execute(schema.made_anew().encode())
    return [f"{m.version}_{m.name}" for m in found.missing] or [MADE_ANEW]


def state(connection: Connection) -> SchemaState:
    """How the database differs from this program's schema; raises StoreError as `migrate` does."""
    applied, is_made = _found(connection)
    known = schema.migrations()
    if (newest := max(applied, default="")) > known[-1].version:
        raise StoreError(
            f"the tables are newer than this program (migration {newest}): install the newer "
            "version of saft_pipeline; nothing was touched"
        )
    return SchemaState(
        missing=tuple(m for m in known if m.version not in applied),
        edited=tuple(m.name for m in known if applied.get(m.version) not in (None, m.checksum)),
        is_stale=not is_made,
    )


def _found(connection: Connection) -> tuple[dict[str, str | None], bool]:
    """What was applied, and whether functions and views are this program's."""
    try:
        applied = _applied(connection)
        if applied:
            _require_rows(connection)
        return applied, _is_made(connection)
    except psycopg.Error as error:
        raise store_error(error) from None


def _require_rows(connection: Connection) -> None:
    """Raise StoreError for a login that finds the tables empty, whatever they hold."""
    hidden = "select current_user where row_security_active('public.invoices')"
    if row := connection.execute(hidden).fetchone():
        raise StoreError(f"row level security hides all rows from {row[0]}: {OTHER_LOGIN}")


def lacking(connection: Connection) -> list[str]:
    """The statements that would give our tables the columns and indexes that they lack."""
    found = catalog()
    columns = {(table, name): kind for table, name, kind in connection.execute(_COLUMNS.encode())}
    indexes = {name for (name,) in connection.execute(_INDEXES.encode())}
    statements = []
    for table, expected in found.tables.items():
        for column in expected.columns:
            kind = columns.get((table, column.name))
            if kind is None:
                statements.append(f"alter table public.{table} add {column.name} {column.kind};")
            elif kind != _LONG.get(column.kind, column.kind):
                change = f"{column.name} type {column.kind} using {column.name}::{column.kind}"
                statements.append(f"alter table public.{table} alter {change};")
    return statements + [sql for name, sql in found.indexes.items() if name not in indexes]


def _applied(connection: Connection) -> dict[str, str | None]:
    """Checksums by version; None for what a program applied that kept none."""
    if _exists(connection, "saft.migrations"):
        query = "select m.version, to_jsonb(m) ->> 'checksum' from saft.migrations m"
        return dict(connection.execute(query).fetchall())
    if foreign := _foreign(connection):
        raise StoreError(
            f"there are tables not made by saft_pipeline: {', '.join(foreign)}; nothing was "
            "touched. To move them aside, with all their rows: "
            "saft db migrate --move-existing-to legacy"
        )
    return {}


def _is_made(connection: Connection) -> bool:
    query = """
        select count(*) from pg_catalog.pg_proc
        where oid = to_regprocedure('saft.repeatable_checksum()') and position(%s in prosrc) > 0"""
    row = connection.execute(query, [schema.repeatable_checksum()]).fetchone()
    there = {name for (name,) in connection.execute(_NAMES.encode())}
    return bool(row and row[0]) and schema.names_made_anew() <= there


def _foreign(connection: Connection) -> list[str]:
    names = (*schema.views(), *schema.TABLES)
    return [name for name in names if _exists(connection, f"public.{name}")]


def _exists(connection: Connection, name: str) -> bool:
    row = connection.execute("select to_regclass(%s) is not null", [name]).fetchone()
    return bool(row and row[0])
