"""Migrations: applied once, forwards only, in one transaction, and never over tables not ours."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import psycopg
import pytest

from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.store import migrate
from saft_pipeline.store import schema as store_schema
from saft_pipeline.store.errors import StoreError
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.schema import Migration, migrations, sql
from saft_pipeline.store.store import Store
from saft_pipeline_tests.postgrest.roles import create_roles
from saft_pipeline_tests.store.building import File, invoice, load
from saft_pipeline_tests.store.looking import execute, schema, value

ALL = [f"{m.version}_{m.name}" for m in migrations()]
OLD = "create table public.invoices (id uuid primary key, n text); insert into public.invoices "
OLD += "values (gen_random_uuid(), 'FT 1/1'); create view public.invoice_credits as select 1 as n"


@pytest.fixture
def database_url(database_url: str) -> str:
    """A fresh database, with Supabase's roles to grant to, as the module's has them."""
    create_roles(database_url)
    return database_url


@pytest.fixture(scope="module")
def migrated_schema(migrated: str) -> set[tuple[object, ...]]:
    return schema(migrated)


def test_an_empty_database_gets_all_tables(database_url: str) -> None:
    assert migrate.migrate(database_url) == ALL
    store = Store(PostgresTransport(database_url), lambda _table: 100)
    assert load(store, File("a.xml", (invoice("FT 1/1"),)))[0].status == "loaded"
    store.close()


def name_of(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


def test_defaults_of_a_database_change_nothing(database_url: str) -> None:
    for odd in ("quote_all_identifiers = on", "plpgsql.extra_errors = 'all'"):
        execute(database_url, f"alter database {name_of(database_url)} set {odd}")
    assert migrate.migrate(database_url) == ALL
    store = Store(PostgresTransport(database_url), lambda _table: 100)
    load(store, File("a.xml", (invoice("FT 1/1", amount="24.60"),)))
    columns, (row,) = store.rows("invoices", ids=[store.files()[0].id])
    assert row[columns.index("net_total")] == Decimal("24.60")
    store.close()


def test_a_database_that_can_not_hold_every_text_gets_no_tables(
    postgres_server: EmbeddedPostgres, database_url: str
) -> None:
    name = f"{name_of(database_url)}_latin"
    how = "template template0 encoding 'LATIN1' locale_provider libc locale 'C'"
    execute(database_url, f"create database {name} {how}")
    with pytest.raises(StoreError, match=r"keeps text as LATIN1.*encoding 'UTF8'"):
        migrate.migrate(postgres_server.url(name))
    execute(database_url, f"drop database {name}")


def test_a_second_time_nothing_is_done(database_url: str) -> None:
    migrate.migrate(database_url)
    before = schema(database_url)
    assert migrate.migrate(database_url) == []
    assert schema(database_url) == before


@pytest.mark.parametrize(
    "gone",
    [
        "view public.invoice_overview",
        "function public.saft_backlog",
        "trigger count_new on public.invoice_files",
        "table saft.staging_links",
    ],
)
def test_what_somebody_dropped_is_made_anew(database_url: str, gone: str) -> None:
    migrate.migrate(database_url)
    execute(database_url, f"drop {gone}")
    assert migrate.migrate(database_url) == [migrate.MADE_ANEW]
    execute(database_url, f"drop {gone}")  # it is there


def test_at_once_they_are_applied_once(database_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(migrate.migrate, [database_url] * 4))
    assert sorted(applied) == [[], [], [], ALL]


@pytest.mark.parametrize("count", [1, 5, len(ALL) - 1])
def test_older_tables_are_brought_up_to_date(
    database_url: str, count: int, migrated_schema: set[tuple[object, ...]]
) -> None:
    for migration in migrations()[:count]:
        execute(database_url, migration.text)
    assert migrate.migrate(database_url) == ALL[count:]
    assert schema(database_url) == migrated_schema


def test_a_migration_that_fails_leaves_nothing_of_those_before_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = Migration("99999999999999", "bad", "create table public.x (); select 1 / 0;")
    known = migrations()
    monkeypatch.setattr(store_schema, "migrations", lambda: (*known, bad))
    with pytest.raises(StoreError, match="division by zero"):
        migrate.migrate(database_url)
    assert value(database_url, "select to_regclass('saft.migrations')") is None


def test_newer_tables_are_refused(database_url: str) -> None:
    migrate.migrate(database_url)
    newer = "insert into saft.migrations (version, name) values ('99990101000000', 'x')"
    execute(database_url, newer)
    for attempt in (
        lambda: migrate.migrate(database_url),
        lambda: migrate.ready(database_url, upgrade=True),
    ):
        with pytest.raises(StoreError, match=r"newer than this program \(migration 9999010100000"):
            attempt()


def test_older_tables_are_told_unless_upgrading_is_wanted(database_url: str) -> None:
    execute(database_url, migrations()[0].text)
    with pytest.raises(StoreError, match="run: saft db migrate"):
        migrate.ready(database_url, upgrade=False)
    migrate.ready(database_url, upgrade=True)
    migrate.ready(database_url, upgrade=False)


def test_an_empty_database_is_made_ready_without_being_asked(database_url: str) -> None:
    migrate.ready(database_url, upgrade=False)
    assert migrate.migrate(database_url) == []


def test_tables_of_others_are_refused_and_left_as_they_are(database_url: str) -> None:
    execute(database_url, OLD)
    before = schema(database_url)
    with pytest.raises(StoreError, match=r"invoice_credits, invoices.*--move-existing-to legacy"):
        migrate.migrate(database_url)
    assert schema(database_url) == before


def test_tables_of_others_are_moved_aside_with_their_rows(database_url: str) -> None:
    execute(database_url, OLD)
    moved = migrate.move_existing(database_url, "the old ones")
    assert moved == ["invoice_credits", "invoices"]
    assert migrate.migrate(database_url) == ALL
    assert value(database_url, 'select n from "the old ones".invoices') == "FT 1/1"
    assert value(database_url, 'select n from "the old ones".invoice_credits') == 1


def test_where_nothing_is_to_be_moved_nothing_is(database_url: str) -> None:
    assert migrate.move_existing(database_url, "legacy") == []


def test_our_own_tables_are_not_moved(database_url: str) -> None:
    migrate.migrate(database_url)
    with pytest.raises(StoreError, match="own; nothing was moved"):
        migrate.move_existing(database_url, "legacy")


@pytest.mark.parametrize("name", ["public", "saft", "pg_catalog"])
def test_some_schemas_take_no_tables(database_url: str, name: str) -> None:
    with pytest.raises(StoreError, match="legacy is a good name"):
        migrate.move_existing(database_url, name)


def test_a_move_that_fails_half_way_moves_nothing(database_url: str) -> None:
    execute(database_url, OLD + "; create schema legacy; create table legacy.invoices ()")
    with pytest.raises(StoreError, match="already exists"):
        migrate.move_existing(database_url, "legacy")
    assert value(database_url, "select to_regclass('public.invoice_credits')::text") is not None


def test_the_script_does_what_migrating_does(
    database_url: str, migrated_schema: set[tuple[object, ...]]
) -> None:
    execute(database_url, sql())
    assert schema(database_url) == migrated_schema
    assert migrate.migrate(database_url) == []


def test_the_script_applies_only_what_is_missing(
    database_url: str, migrated_schema: set[tuple[object, ...]]
) -> None:
    for migration in migrations()[:3]:
        execute(database_url, migration.text)
    execute(database_url, sql())
    execute(database_url, sql())
    assert schema(database_url) == migrated_schema


@pytest.mark.skipif(
    not shutil.which("psql"), reason="psql is not installed (Debian: postgresql-client)"
)
def test_psql_takes_the_script(database_url: str, migrated_schema: set[tuple[object, ...]]) -> None:
    command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", database_url]
    done = subprocess.run(command, input=sql(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert schema(database_url) == migrated_schema


def test_the_script_leaves_tables_of_others_as_they_are(database_url: str) -> None:
    execute(database_url, OLD)
    before = schema(database_url)
    with pytest.raises(psycopg.Error, match="already exists"):
        execute(database_url, sql())
    assert schema(database_url) == before
