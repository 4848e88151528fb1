"""A folder that another major of Postgres made, for real: the way that is told keeps its rows."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import psycopg
import pytest

from saft_pipeline.embedded_postgres import place, server
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.store.opening import SAFT_DATABASE
from saft_pipeline_tests.fixtures.project import Command

DEBIANS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
ROW = "insert into companies (company_id, company_name) values ('999999990', 'Kept')"


@contextmanager
def other_major() -> Iterator[str]:
    """Have Debian's Postgres in the place of the wheel's; its major."""
    if not DEBIANS:
        pytest.skip("no other Postgres is installed (Debian: apt-get install postgresql)")
    programs = DEBIANS[0].parent
    major = programs.parent.name
    with pytest.MonkeyPatch.context() as patch:
        for module in (place, server):
            patch.setattr(module, "binary", lambda name: programs / name)
        # Debian's has no locales of its own.
        patch.setattr(server, "_INITDB", [x for x in server._INITDB if "builtin" not in x])
        patch.setattr(metadata, "version", lambda _package: f"{major}.0")
        yield major


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of which nothing is there yet, and no other settings; its path is short."""
    folder = Path(tempfile.mkdtemp(prefix="saft-"))
    monkeypatch.setenv("SAFT_HOME", str(folder))
    monkeypatch.chdir(folder)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def filled(home: Path, saft: Command) -> None:
    """Tables with a row, made by the Postgres that is installed, in a dump `before`."""
    with EmbeddedPostgres(home) as running:
        made = saft("db", "migrate")
        assert made.status == 0, made.err
        with psycopg.connect(running.url(SAFT_DATABASE), autocommit=True) as connection:
            connection.execute(ROW)
        dumped = saft("db", "dump", "before")
        assert (dumped.status, "written: before/tables.dump" in dumped.err) == (0, True)
    server.stop(place.server_place(home))  # the commands' use of it lasts as long as this process


def test_rows_get_over_by_dump_and_restore(home: Path, saft: Command) -> None:
    with other_major() as major:
        filled(home, saft)
    refused = saft("db", "migrate")
    assert (refused.status, f"made by Postgres {major}" in refused.err) == (2, True)
    (home / "postgres").rename(home / "postgres.old")
    restored = saft("db", "restore", "before")
    assert restored.status == 0, restored.err
    with (
        EmbeddedPostgres(home) as running,
        psycopg.connect(running.url(SAFT_DATABASE)) as connection,
    ):
        found = connection.execute("select company_name from companies").fetchall()
    assert found == [("Kept",)]
    assert "up to date" in saft("db", "migrate").err


def test_an_older_major_refuses_a_newer_ones_dump_and_leaves_it(home: Path, saft: Command) -> None:
    filled(home, saft)
    with other_major():
        refused = saft("db", "migrate")
        assert (refused.status, "made by Postgres" in refused.err) == (2, True)
        (home / "postgres").rename(home / "postgres.new")
        refused = saft("db", "restore", "before")
        server.stop(place.server_place(home))
        assert (refused.status, "pg_restore ended with status 1" in refused.err) == (2, True)
    (home / "postgres").rename(home / "postgres.old")
    assert saft("db", "restore", "before").status == 0
