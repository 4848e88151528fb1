"""`saft db`: the tables made, found, and shown as SQL."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from saft_pipeline.store.schema import migrations
from saft_pipeline_tests.fixtures.project import Command, Project
from saft_pipeline_tests.store.test_schema import STALE

# The database of these has no tables yet.
pytestmark = pytest.mark.usefixtures("database_url")


def tables(url: str) -> set[str]:
    listed = "select tablename from pg_tables where schemaname = 'public'"
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute(listed)}


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def test_migrate_makes_the_tables(project: Project, saft: Command) -> None:
    done = saft("db", "migrate")
    assert (done.status, done.out) == (0, "")
    assert tables(project.env["SUPABASE_DB_URL"]) == {
        "companies", "customers", "invoices", "invoice_lines", "invoice_files",
        "invoice_file_links",
    }  # fmt: skip


def test_migrate_names_what_it_applied(project: Project, saft: Command) -> None:
    newest = migrations()[-1]
    assert f"{newest.version}_{newest.name}" in saft("db", "migrate").err


def test_migrate_again_has_nothing_to_do(project: Project, saft: Command) -> None:
    saft("db", "migrate")
    assert saft("db", "migrate").err == "nothing to do: up to date\n"


def test_migrate_tells_that_it_made_functions_anew(project: Project, saft: Command) -> None:
    saft("db", "migrate")
    execute(project.env["SUPABASE_DB_URL"], STALE)
    assert saft("db", "migrate").err == "applied: functions and views\n"


def test_migrate_touches_no_tables_of_others(project: Project, saft: Command) -> None:
    url = project.env["SUPABASE_DB_URL"]
    execute(url, "create table public.invoices (theirs integer)")
    done = saft("db", "migrate")
    assert done.status == 2
    assert "there are tables not made by saft_pipeline: invoices; nothing was touched" in done.err
    assert tables(url) == {"invoices"}


def test_migrate_moves_tables_of_others_aside_when_it_is_told_to(
    project: Project, saft: Command
) -> None:
    url = project.env["SUPABASE_DB_URL"]
    execute(url, "create table public.invoices as select 42 as theirs")
    done = saft("db", "migrate", "--move-existing-to", "legacy")
    assert done.status == 0
    assert done.err.startswith("moved to legacy: invoices\n")
    with psycopg.connect(url) as connection:
        assert connection.execute("select theirs from legacy.invoices").fetchall() == [(42,)]
        assert connection.execute("select invoice_no from public.invoices").fetchall() == []


def test_migrate_moves_no_tables_of_its_own(project: Project, saft: Command) -> None:
    saft("db", "migrate")
    done = saft("db", "migrate", "--move-existing-to", "legacy")
    assert done.status == 2
    assert "nothing was moved" in done.err


@pytest.mark.usefixtures("no_waiting")
def test_migrate_tells_that_the_database_is_not_there(
    project: Project, saft: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", project.env["SUPABASE_DB_URL"].replace("test_", "no_"))
    done = saft("db", "migrate")
    assert done.status == 2
    assert "does not exist" in done.err


def test_url_is_that_of_the_settings(project: Project, saft: Command) -> None:
    assert saft("db", "url").out == project.env["SUPABASE_DB_URL"] + "\n"


def test_url_of_the_embedded_database_can_be_connected_to(
    saft: Command, saft_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFT_HOME", str(saft_home))
    with psycopg.connect(saft("db", "url").out.strip()) as connection:
        assert connection.info.dbname == "saft"


def test_sql_makes_what_migrate_makes(project: Project, saft: Command) -> None:
    url = project.env["SUPABASE_DB_URL"]
    execute(url, saft("db", "sql").out)
    assert saft("db", "migrate").err == "nothing to do: up to date\n"


def test_sql_needs_no_database(saft: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", "postgresql://db.example.test/x")
    assert saft("db", "sql").status == 0


def test_dump_says_where_tables_are_that_it_has_none_of(
    project: Project, saft: Command, tmp_path: Path
) -> None:
    done = saft("db", "dump", tmp_path / "dumped")
    assert done.status == 0
    assert "and in no dump of this: back them up there" in done.err
