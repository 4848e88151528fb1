"""Which database the settings name, and in which state its tables are found."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from saft_pipeline.settings import load
from saft_pipeline.store import migrate
from saft_pipeline.store.errors import StoreError
from saft_pipeline.store.opening import database_url, open_store
from saft_pipeline_tests.fixtures.postgrest import Postgrest


def url_of(**env: str) -> str:
    return database_url(load(env))


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def forget_newest_migration(url: str) -> None:
    """Have the tables look like those of an older program."""
    execute(url, "delete from saft.migrations where version = (select max(version) from "
                 "saft.migrations)")  # fmt: skip


def test_the_database_is_the_one_that_the_settings_name(database_url: str) -> None:
    assert url_of(SUPABASE_DB_URL=database_url) == database_url


def test_with_none_it_is_the_embedded_one(saft_home: Path) -> None:
    with psycopg.connect(url_of(SAFT_HOME=str(saft_home))) as connection:
        assert connection.info.dbname == "saft"


def test_an_empty_database_is_given_its_tables(database_url: str) -> None:
    store = open_store(load({"SUPABASE_DB_URL": database_url}))
    assert store.counts() == {}
    store.close()


def test_older_tables_of_somebodys_database_are_left_to_them(database_url: str) -> None:
    settings = load({"SUPABASE_DB_URL": database_url})
    open_store(settings).close()
    forget_newest_migration(database_url)
    with pytest.raises(StoreError, match=r"older than this program.*run: saft db migrate"):
        open_store(settings)


def test_tables_that_are_not_ours_are_refused(database_url: str) -> None:
    execute(database_url, "create table public.invoices (id bigint)")
    with pytest.raises(StoreError, match="not made by saft_pipeline: invoices"):
        open_store(load({"SUPABASE_DB_URL": database_url}))


def test_the_rest_api_is_taken_where_only_it_is_given(
    postgrest: Postgrest, database_url: str
) -> None:
    migrate.migrate(database_url)
    postgrest.reload()
    store = open_store(load({"SUPABASE_URL": postgrest.url, "SUPABASE_KEY": postgrest.key}))
    assert store.counts() == {}


def test_an_address_of_the_database_goes_before_the_rest_api(database_url: str) -> None:
    given = {"SUPABASE_URL": "http://127.0.0.1:1", "SUPABASE_KEY": "k"}
    store = open_store(load({**given, "SUPABASE_DB_URL": database_url}))
    assert store.counts() == {}
    store.close()


def test_no_sql_goes_over_the_rest_api() -> None:
    with pytest.raises(StoreError, match="saft db sql"):
        url_of(SUPABASE_URL="http://127.0.0.1:1", SUPABASE_KEY="k")
