"""The direct way to Postgres: addresses, TLS, poolers, threads, servers that refuse."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import psycopg
import pytest
import stamina
from psycopg import conninfo

from saft_pipeline.store.errors import StoreError, TransientStoreError
from saft_pipeline.store.postgres import PostgresTransport, connect_postgres, store_error
from saft_pipeline.store.spool import Spool
from saft_pipeline.store.store import Store
from saft_pipeline.store.transport import RETRY
from saft_pipeline_tests.fixtures.sshd import free_port
from saft_pipeline_tests.fixtures.waiting import wait_for
from saft_pipeline_tests.store.building import File, at, invoice, load
from saft_pipeline_tests.store.looking import halves, rows, value
from saft_pipeline_tests.store.pooler import PGBOUNCER, transaction_pooler


@pytest.fixture
def without_tls() -> Iterator[int]:
    """A server that has no TLS, at an address that is not known to be this machine's."""
    with socket.create_server(("127.0.0.2", 0)) as server:

        def refuse() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.recv(100)
                    client.sendall(b"N")

        threading.Thread(target=refuse, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_tls_is_required_off_this_machine(without_tls: int) -> None:
    with pytest.raises(StoreError, match="does not support SSL, but SSL was required"):
        connect_postgres(f"postgresql://u:secret@127.0.0.2:{without_tls}/db")


def test_whoever_says_so_goes_without_tls(without_tls: int) -> None:
    with pytest.raises(StoreError) as raised:
        connect_postgres(f"postgresql://u:secret@127.0.0.2:{without_tls}/db?sslmode=disable")
    assert "SSL" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:secret@host:port/db",
        "postgresql://user:secret@host/db?sslmode",
        "user:secret@host/db",
        "https://user:secret@host/db",
        "postgresql://user:se%cret@host/db",
    ],
)
def test_an_address_that_is_none_is_told_without_showing_it(url: str) -> None:
    with pytest.raises(StoreError, match="SUPABASE_DB_URL is not an address") as raised:
        connect_postgres(url)
    assert "cret" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_a_server_that_is_not_there_may_come() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    transport = PostgresTransport(f"postgresql://u:secret@127.0.0.1:{port}/db")
    with (
        stamina.set_testing(testing=True, attempts=2),
        pytest.raises(TransientStoreError, match="refused") as raised,
    ):
        transport.call("saft_counts", {})
    assert "secret" not in str(raised.value)


def test_an_outage_is_waited_for_once_by_all_calls_until_one_goes_through(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RETRY, "timeout", 0.3)
    transport = PostgresTransport(closed := f"postgresql://u@127.0.0.1:{free_port()}/db")

    def tries() -> int:
        before = transport.calls
        with pytest.raises(TransientStoreError, match="refused"):
            transport.call("saft_counts", {})
        return transport.calls - before

    with stamina.set_testing(testing=True, attempts=3):
        first = tries()
        time.sleep(0.4)
        assert (first, tries(), tries()) == (3, 1, 1)
        transport._url = url
        assert transport.call("saft_counts", {}) == {}
        transport.close()
        transport._url = closed
        assert tries() == 3


@pytest.mark.parametrize(
    "said",
    [
        'FATAL:  password authentication failed for user "postgres"',
        'FATAL:  database "x" does not exist',
        'FATAL:  no pg_hba.conf entry for host "1.2.3.4"',
        "FATAL:  Tenant or user not found",
        'connection to server at "db" failed: server does not support SSL, but SSL was required',
    ],
)
def test_a_login_that_is_refused_is_not_tried_again(said: str) -> None:
    assert not isinstance(store_error(psycopg.OperationalError(said)), TransientStoreError)


def test_a_database_that_is_not_there_does_not_come(url: str) -> None:
    with pytest.raises(StoreError, match='database "none" does not exist') as raised:
        connect_postgres(conninfo.make_conninfo(url, dbname="none"))
    assert not isinstance(raised.value, TransientStoreError)


OURS = "select count(*) from pg_stat_activity "
OURS += "where application_name = 'saft_pipeline' and datname = current_database()"


def test_calls_at_once_go_over_connections_of_their_own_that_are_kept(url: str) -> None:
    transport = PostgresTransport(url)
    together = threading.Barrier(3)

    def call(_: int) -> object:
        together.wait()
        return [transport.call("saft_counts", {}) for _ in range(20)]

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(call, range(3))) == [[{}] * 20] * 3
    assert 1 <= value(url, OURS) <= 3
    transport.close()
    wait_for(lambda: value(url, OURS) == 0)


def test_a_closed_transport_opens_again(url: str) -> None:
    transport = PostgresTransport(url)
    transport.call("saft_counts", {})
    transport.close()
    assert transport.call("saft_counts", {}) == {}
    transport.close()


def test_only_invoices_that_others_may_be_compared_with_are_staged(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saft_pipeline.store.store.SMALL_GROUP", 0)
    store = Store(PostgresTransport(url), lambda _table: 100)
    with psycopg.connect(url) as connection:
        connection.execute("alter table saft.staging_invoices add constraint none check (false)")
    try:
        new = load(store, File("new.xml", (invoice("FT 1/1", 2), invoice("FT 1/2"))))
        theirs = (invoice("FT 1/1", company_id="500000000"),)
        new += load(store, File("theirs.xml", theirs, company_id="500000000"))
        known = load(store, File("known.xml", (invoice("FT 1/2"), invoice("FT 1/3")), (), at(1)))
    finally:
        store.close()
        with psycopg.connect(url) as connection:
            connection.execute("alter table saft.staging_invoices drop constraint none")
    assert [o.status for o in (*new, *known)] == ["loaded", "loaded", "failed"]
    assert new[0].written == {"invoices": 2, "invoice_lines": 3}
    assert halves(url) == []


def test_an_invoice_that_gets_lost_on_its_way_is_missed(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saft_pipeline.store.store.SMALL_GROUP", 0)
    keyed = Spool.keyed

    def lose_one(self: Spool, key: Callable[[int], bytes | None]) -> Iterator[bytes]:
        return islice(keyed(self, key), int(self.table == "invoices"), None)

    monkeypatch.setattr(Spool, "keyed", lose_one)
    store = Store(PostgresTransport(url), lambda _table: 100)
    (outcome,) = load(store, File("a.xml", (invoice("FT 1/1", 2), invoice("FT 1/2"))))
    store.close()
    assert "1 invoices were copied, but 2 are expected" in (outcome.error or "")
    assert rows(url, "select from invoices") == []


@pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed (Debian: pgbouncer)")
def test_all_works_through_a_transaction_pooler(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With fewer sessions than there are stores, in one call and copied."""
    with transaction_pooler(url) as pooled:

        def run(n: int) -> list[str]:
            store = Store(PostgresTransport(pooled), lambda _table: 100)
            files = [
                File(f"{n}/{i}.xml", (invoice(f"FT {n}/{i}", 2),), (), at(i)) for i in range(4)
            ]
            states: list[str] = [o.status for file in files for o in load(store, file)]
            store.close()
            return states

        with ThreadPoolExecutor(4) as pool:
            first = list(pool.map(run, range(4)))
            monkeypatch.setattr("saft_pipeline.store.store.SMALL_GROUP", 0)
            second = list(pool.map(run, range(4, 8)))
    assert {state for states in first + second for state in states} == {"loaded"}
    assert (halves(url), rows(url, "select count(*) from invoices")) == ([], [(32,)])
