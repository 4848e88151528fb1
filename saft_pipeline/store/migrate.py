"""The migrations: finding them, applying them in one transaction, refusing tables not ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import psycopg

from saft_pipeline.store.errors import StoreError
from saft_pipeline.store.postgres import Connection, connect, store_error

TABLES = (
    "companies",
    "customers",
    "invoices",
    "invoice_lines",
    "invoice_files",
    "invoice_file_links",
)
_LOCK = "select pg_advisory_xact_lock(hashtextextended('saft migrations', 0))"


@dataclass(frozen=True)
class Migration:
    """A file named as Supabase names them: `YYYYMMDDHHMMSS_name.sql`."""

    version: str
    name: str
    text: str


def migrations() -> list[Migration]:
    """All migrations of this program, oldest first."""
    folder = resources.files(__package__) / "migrations"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    found = []
    for file in files:
        version, _, name = file.name.removesuffix(".sql").partition("_")
        found.append(Migration(version, name, file.read_text(encoding="utf-8")))
    return found


def sql() -> str:
    """All migrations as one script in one transaction, for who has only an SQL editor."""
    parts = (f"-- {m.version}_{m.name}.sql\n{m.text.strip()}\n" for m in migrations())
    return "begin;\n\n" + "\n".join(parts) + "\ncommit;\n"


def migrate(url: str) -> list[str]:
    """Apply what is missing, all in one transaction; the names of what was applied.

    Raises:
        StoreError: tables of our names that we did not make, or a newer program's tables; nothing
            was touched.
    """
    with connect(url) as connection:
        return _apply(connection)


def ready(url: str, *, upgrade: bool) -> None:
    """Make sure that the tables are this program's: made in an empty database.

    Args:
        url: the database.
        upgrade: bring older tables up to date by itself.

    Raises:
        StoreError: the tables are older or newer than this program, or are not ours.
    """
    with connect(url) as connection:
        missing = _missing(connection)
        if missing and (upgrade or len(missing) == len(migrations())):
            _apply(connection)
        elif missing:
            raise StoreError(
                f"the tables are older than this program: {len(missing)} migrations are to be "
                f"applied, from {missing[0].version}; run: saft db migrate"
            )


def _apply(connection: Connection) -> list[str]:
    try:
        with connection.transaction():
            connection.execute(_LOCK)
            missing = _missing(connection)
            for migration in missing:
                connection.execute(migration.text.encode())
            return [f"{m.version}_{m.name}" for m in missing]
    except psycopg.Error as error:
        raise store_error(error) from None


def _missing(connection: Connection) -> list[Migration]:
    applied = _applied(connection)
    known = migrations()
    if newer := sorted(applied - {m.version for m in known}):
        raise StoreError(
            f"the tables are newer than this program (migration {newer[-1]}): install the newer "
            "version of saft_pipeline; nothing was touched"
        )
    return [m for m in known if m.version not in applied]


def _applied(connection: Connection) -> set[str]:
    if _exists(connection, "saft.migrations"):
        rows = connection.execute("select version from saft.migrations").fetchall()
        return {str(row[0]) for row in rows}
    if foreign := [table for table in TABLES if _exists(connection, f"public.{table}")]:
        raise StoreError(_not_ours(foreign))
    return set()


def _not_ours(tables: Sequence[str]) -> str:
    return (
        f"there are tables not made by saft_pipeline: {', '.join(tables)}; nothing was touched. "
        "Move them aside, then migrate again:\n  create schema legacy;\n"
        + "\n".join(f"  alter table public.{table} set schema legacy;" for table in tables)
    )


def _exists(connection: Connection, name: str) -> bool:
    row = connection.execute("select to_regclass(%s) is not null", [name]).fetchone()
    return bool(row and row[0])
