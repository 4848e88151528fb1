"""Postgres itself is killed while something is on its way to the tables."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import psycopg

from saft_pipeline.store.embedded import EmbeddedPostgres
from saft_pipeline.store.migrate import migrate
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.store import Store
from saft_pipeline_tests.store.building import File, at, invoice, owner, prepare, publish
from saft_pipeline_tests.store.homes import bare, home, made, postmaster, server
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
    while not rows(url, "select from pg_stat_activity where wait_event = 'PgSleep'"):
        time.sleep(0.01)
    os.kill(postmaster(home), signal.SIGKILL)
    server.start()
    thread.join()
    store.close()
    assert (states, halves(url)) == (["loaded"], [])
