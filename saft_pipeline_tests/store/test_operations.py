"""What who operates the pipeline asks: pages, runs' files, figures, counters, rights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from saft_pipeline.store import migrate
from saft_pipeline.store.model import Failure, SeenFile
from saft_pipeline.store.operations import Operations
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.store import Store

SEEN = SeenFile("0.xml", "0.xml", None, 10, datetime(2026, 1, 1, tzinfo=UTC))
LEASE = timedelta(minutes=1)


@pytest.fixture
def url(database_url: str) -> str:
    """A database with the tables."""
    migrate.migrate(database_url)
    return database_url


@pytest.fixture
def transport(url: str) -> Iterator[PostgresTransport]:
    """A connection to it."""
    transport = PostgresTransport(url)
    yield transport
    transport.close()


@pytest.fixture
def ledger(transport: PostgresTransport) -> Store:
    """A store in which five files wait."""
    store = Store(transport, lambda _: 100)
    store.observe("s", [replace(SEEN, path=f"{n}.xml") for n in range(5)], whole=True)
    return store


@pytest.fixture
def operations(transport: PostgresTransport) -> Operations:
    """What is tested here."""
    return Operations(transport)


def paths(operations: Operations, **wanted: object) -> list[str]:
    usual: dict[str, object] = {"state": None, "path": None, "before": None, "limit": 100}
    return [row["path"] for row in operations.page(**{**usual, **wanted})]  # type: ignore[arg-type]


def test_a_page_by_state_is_newest_first_whatever_the_source(
    ledger: Store, operations: Operations
) -> None:
    for source in ("other", "s"):
        ledger.observe(source, [replace(SEEN, path=f"{source}.xml")], whole=False)
    assert paths(operations, state="pending", limit=3) == ["s.xml", "other.xml", "4.xml"]
    assert paths(operations, state="pending", source="other") == ["other.xml"]
    assert paths(operations, state="pending", path="s.xml") == ["s.xml"]
    assert paths(operations, state="pending", before=3) == ["1.xml", "0.xml"]


@pytest.mark.usefixtures("ledger")
def test_a_page_is_newest_first(operations: Operations) -> None:
    assert paths(operations, limit=2) == ["4.xml", "3.xml"]


@pytest.mark.usefixtures("ledger")
def test_the_next_page_goes_on_below(operations: Operations) -> None:
    second = operations.page(state=None, path=None, before=None, limit=2)[-1]
    assert paths(operations, before=second["id"], limit=2) == ["2.xml", "1.xml"]


@pytest.mark.usefixtures("ledger")
def test_a_path_or_a_state_chooses(operations: Operations) -> None:
    assert paths(operations, path="3.xml") == ["3.xml"]
    assert paths(operations, state="loaded") == []


def test_a_path_has_all_its_versions(operations: Operations, ledger: Store) -> None:
    (file,) = ledger.files(path="0.xml")
    ledger.mark_removed([file.id])
    ledger.observe("s", [replace(SEEN, size=11)], whole=False)
    assert paths(operations, path="0.xml") == ["0.xml", "0.xml"]
    assert paths(operations).count("0.xml") == 1


def test_a_run_s_files_are_those_that_it_settled(operations: Operations, ledger: Store) -> None:
    first, second = ledger.claim("me", lease=LEASE, limit=2)
    ledger.fail("me", [Failure(first.id, "broken")], run_id="run-1")
    (found,) = operations.run_files(["run-1", "run-2"])
    assert (found["path"], found["status"], found["error"]) == (first.path, "failed", "broken")
    assert second.path != first.path


def test_no_runs_have_no_files(operations: Operations) -> None:
    assert operations.run_files([]) == []


def test_counters_add_up(operations: Operations, ledger: Store) -> None:
    ledger.count({"a": 1, "b": 2})
    ledger.count({"b": 3})
    found = operations.figures()["counters"]
    assert (found["a"], found["b"]) == (1, 5)


@pytest.mark.usefixtures("ledger")
def test_each_call_is_counted_once(operations: Operations, transport: PostgresTransport) -> None:
    fresh = Store(transport, lambda _: 100)
    before = transport.calls
    fresh.count({})
    fresh.claimed("me")
    fresh.count({})
    assert operations.figures()["counters"]["database_calls"] == before + 3


@pytest.mark.usefixtures("ledger")
def test_files_that_wait_have_an_age(operations: Operations) -> None:
    assert operations.figures()["oldest_seconds"].keys() == {"pending"}


def test_the_owner_lacks_nothing_and_nothing_is_open(operations: Operations) -> None:
    rights = operations.rights()
    assert rights == {"missing": [], "open": [], "policies": 0, "members": None}


def test_what_anyone_may_do_is_found(operations: Operations, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        if not connection.execute("select 1 from pg_roles where rolname = 'anon'").fetchone():
            connection.execute("create role anon")
        connection.execute("grant select on public.invoices to anon")
    assert operations.rights()["open"] == ["select on invoices"]


def test_what_a_login_lacks_is_found(operations: Operations, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create role visitor_of_rights")
        connection.execute("grant usage on schema public, saft to visitor_of_rights")
        connection.execute("grant execute on function public.saft_rights() to visitor_of_rights")
        try:
            connection.execute("set role visitor_of_rights")
            row = connection.execute("select public.saft_rights()").fetchone()
        finally:
            connection.execute("reset role")
            connection.execute("drop owned by visitor_of_rights")
            connection.execute("drop role visitor_of_rights")
    assert row
    assert "insert on invoices" in row[0]["missing"]
