"""Postgres itself is killed while something is on its way to the tables."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.store.migrate import migrate
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.rest import RestTransport
from saft_pipeline.store.store import Store
from saft_pipeline_tests.embedded_postgres.homes import bare, home, made, postmaster, server
from saft_pipeline_tests.fixtures.postgrest import SECRET_KEY
from saft_pipeline_tests.fixtures.waiting import wait_for
from saft_pipeline_tests.postgrest.server import Server
from saft_pipeline_tests.store.building import File, at, invoice, load, owner, prepare, publish
from saft_pipeline_tests.store.looking import halves, rows

__all__ = ["bare", "home", "made", "server"]

FILE = File("a.xml", (invoice("FT 1/1", 3),), (), at(1))
_SLOW = """
create function public.slow() returns trigger language plpgsql as $$
begin
    perform pg_sleep(0.5);
    return null;
end $$;
create trigger slow after insert on invoice_lines execute function public.slow();
"""


def test_a_publication_that_a_crash_cuts_off_is_made_whole(
    home: Path, server: EmbeddedPostgres
) -> None:
    url = server.url("crashed")
    migrate(url)
    with psycopg.connect(url) as connection:
        connection.execute(_SLOW)
    store = Store(PostgresTransport(url), lambda _table: 100)
    by = owner()
    publications = prepare(store, FILE, by=by)
    states: list[str] = []
    thread = threading.Thread(
        target=lambda: states.extend(o.status for o in publish(store, publications, by))
    )
    thread.start()
    wait_for(lambda: bool(rows(url, "select from pg_stat_activity where wait_event = 'PgSleep'")))
    kill(home, server)
    thread.join()
    store.close()
    assert (states, halves(url)) == (["loaded"], [])


def kill(home: Path, server: EmbeddedPostgres) -> None:
    """End Postgres with all its processes at once, and start it again."""
    os.kill(postmaster(home), signal.SIGKILL)
    server.start()


def test_what_was_staged_before_a_crash_is_staged_again(
    home: Path, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over REST, where staging and publishing are several calls."""
    url = server.url("crashed")
    api = Server(url, key=SECRET_KEY)
    migrate(url)
    crashes = iter([kill])
    stage_all = RestTransport._stage

    def and_crash(self: RestTransport, *arguments: Any) -> None:
        stage_all(self, *arguments)
        for crash in crashes:
            assert rows(url, "select count(*) from saft.staging_invoice_lines") == [(3,)]
            crash(home, server)
            assert rows(url, "select count(*) from saft.staging_invoice_lines") == [(0,)]

    monkeypatch.setattr(RestTransport, "_stage", and_crash)
    monkeypatch.setattr("saft_pipeline.store.store.SMALL_GROUP", 0)
    with api.running():
        store = Store(RestTransport(api.url, SECRET_KEY), lambda _table: 2)
        (outcome,) = load(store, FILE)
        store.close()
    assert (outcome.status, halves(url)) == ("loaded", [])
