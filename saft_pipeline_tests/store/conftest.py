"""A database with the tables in it for each module of this folder, emptied for each test."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

import saft_pipeline.store.store
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.store.migrate import migrate
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.rest import RestTransport
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.postgres import empty
from saft_pipeline_tests.fixtures.postgrest import SECRET_KEY
from saft_pipeline_tests.postgrest.roles import create_roles
from saft_pipeline_tests.postgrest.server import Server
from saft_pipeline_tests.store.looking import rows

_KEPT = """
select name, sum(value)::bigint from saft.ledger_counts
where name !~ '_' group by 1 having sum(value) <> 0
"""
_COUNTED = "select status, count(*) from invoice_files where is_current group by 1"
_DAYS_KEPT = """
select source, day, branch, status, sum(files)::bigint, sum(invoices)::bigint, sum(lines)::bigint,
    sum(size), sum(warned)::bigint
from saft.ledger_days group by 1, 2, 3, 4 having sum(files) <> 0 order by 1, 2, 3, 4
"""
_DAYS_COUNTED = """
select source, (first_seen_at at time zone 'UTC')::date, branch, status, count(*),
    coalesce(sum(total_invoices), 0), coalesce(sum(total_lines), 0), sum(size),
    count(*) filter (where warnings <> '[]')
from invoice_files where is_current group by 1, 2, 3, 4 order by 1, 2, 3, 4
"""


@pytest.fixture(scope="module")
def migrated(postgres_server: EmbeddedPostgres) -> str:
    """The URL of this module's database."""
    url = postgres_server.url(f"store_{uuid.uuid4().hex}")
    create_roles(url)
    migrate(url)
    return url


@pytest.fixture
def url(migrated: str) -> str:
    """The same, with nothing in its tables."""
    empty(migrated)
    return migrated


@pytest.fixture(scope="module")
def rest_api(migrated: str) -> Iterator[Server]:
    """The stand-in for PostgREST over this module's database."""
    server = Server(migrated, key=SECRET_KEY)
    with server.running():
        yield server


@pytest.fixture(params=["one call", "copied"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a store writes in tests that must hold whichever way it goes.

    A test may ask for `over REST` and `over REST in batches`, too; what all four make of one story
    is in `test_ways`.
    """
    way: str = request.param
    if way in ("copied", "over REST in batches"):
        monkeypatch.setattr(saft_pipeline.store.store, "SMALL_GROUP", 0)
    return way


@pytest.fixture
def new_store(request: pytest.FixtureRequest, url: str) -> Iterator[Callable[[], Store]]:
    """Opens stores over the database, as several processes have them; a write has 2 rows."""
    is_rest = "way" in request.fixturenames and "REST" in request.getfixturevalue("way")
    address = request.getfixturevalue("rest_api").url if is_rest else url
    opened: list[Store] = []

    def open_one() -> Store:
        transport = RestTransport(address, SECRET_KEY) if is_rest else PostgresTransport(address)
        opened.append(Store(transport, lambda _table: 2))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()
    # Whatever a test did to the ledger, its counts are what counting its rows gives.
    assert dict(rows(url, _KEPT)) == dict(rows(url, _COUNTED))
    assert list(rows(url, _DAYS_KEPT)) == list(rows(url, _DAYS_COUNTED))


@pytest.fixture
def store(new_store: Callable[[], Store]) -> Store:
    """One of them."""
    return new_store()


@pytest.fixture
def other(new_store: Callable[[], Store]) -> Store:
    """Another."""
    return new_store()
