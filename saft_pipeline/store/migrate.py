"""The migrations: finding them, applying them in one transaction, refusing tables not ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources

import psycopg
from psycopg import sql as statements

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
VIEWS = ("invoice_credits", "invoice_overview", "vat_by_month")
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
    """All migrations as one script in one transaction, for who has only an SQL editor.

    What was applied before is passed over, so that it upgrades older tables, too.
    """
    parts = (_guarded(m) for m in migrations())
    return f"begin;\n{_LOCK};\n\n" + "\n".join(parts) + "\ncommit;\n"


def _guarded(migration: Migration) -> str:
    known = f"exists (select from saft.migrations where version = '{migration.version}')"
    return (
        f"-- {migration.version}_{migration.name}.sql\ndo $migration$\nbegin\n"
        # Not one condition with `and`: its second half can't be planned while there is no table.
        "    if to_regclass('saft.migrations') is not null then\n"
        f"        if {known} then return; end if;\n    end if;\n"
        f"    execute $sql$\n{migration.text.strip()}\n$sql$;\nend $migration$;\n"
    )


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
        missing = not_applied(connection)
        if missing and (upgrade or len(missing) == len(migrations())):
            _apply(connection)
        elif missing:
            raise StoreError(
                f"the tables are older than this program: {len(missing)} migrations are to be "
                f"applied, from {missing[0].version}; run: saft db migrate"
            )


def move_existing(url: str, schema: str) -> list[str]:
    """Move tables and views that bear our names, and that we did not make, into `schema`.

    All in one transaction; nothing is deleted. Returns their names.

    Raises:
        StoreError: the tables are ours, or `schema` can't take them; nothing was touched.
    """
    if schema in ("public", "saft") or schema.startswith("pg_"):
        raise StoreError(f"{schema} is no schema to move tables aside to; legacy is a good name")
    with connect(url) as connection, _transaction(connection):
        if _exists(connection, "saft.migrations"):
            raise StoreError("the tables are saft_pipeline's own; nothing was moved")
        names = _foreign(connection)
        target = statements.Identifier(schema)
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
            connection.execute(_LOCK)
            yield
    except psycopg.Error as error:
        raise store_error(error) from None


def _apply(connection: Connection) -> list[str]:
    with _transaction(connection):
        missing = not_applied(connection)
        for migration in missing:
            connection.execute(migration.text.encode())
    return [f"{m.version}_{m.name}" for m in missing]


def not_applied(connection: Connection) -> list[Migration]:
    """This program's migrations that the database lacks; raises StoreError as `migrate` does."""
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
    if foreign := _foreign(connection):
        raise StoreError(
            f"there are tables not made by saft_pipeline: {', '.join(foreign)}; nothing was "
            "touched. To move them aside, with all their rows: "
            "saft db migrate --move-existing-to legacy"
        )
    return set()


def _foreign(connection: Connection) -> list[str]:
    return [name for name in (*VIEWS, *TABLES) if _exists(connection, f"public.{name}")]


def _exists(connection: Connection, name: str) -> bool:
    row = connection.execute("select to_regclass(%s) is not null", [name]).fetchone()
    return bool(row and row[0])
