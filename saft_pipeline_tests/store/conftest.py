"""A database with the tables in it for each module of this folder, emptied for each test."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest

import saft_pipeline.store.store
from saft_pipeline.store.embedded import EmbeddedPostgres
from saft_pipeline.store.migrate import migrate
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.store import Store

_EMPTY = """
truncate companies, customers, invoices, invoice_lines, invoice_files, invoice_file_links,
    saft.staging_companies, saft.staging_customers, saft.staging_invoices,
    saft.staging_invoice_lines, saft.staging_files, saft.staging_links, saft.staging_batches
restart identity
"""


@pytest.fixture(scope="module")
def migrated(postgres_server: EmbeddedPostgres) -> str:
    """The URL of this module's database."""
    url = postgres_server.url(f"store_{uuid.uuid4().hex}")
    migrate(url)
    return url


@pytest.fixture
def url(migrated: str) -> str:
    """The same, with nothing in its tables."""
    empty(migrated)
    return migrated


def empty(url: str) -> None:
    """Remove all rows."""
    with psycopg.connect(url) as connection:
        connection.execute(_EMPTY)


@pytest.fixture(params=["one call", "copied"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a store writes in tests that must hold whichever way it goes."""
    way: str = request.param
    if way == "copied":
        monkeypatch.setattr(saft_pipeline.store.store, "SMALL", 0)
    return way


@pytest.fixture
def new_store(url: str) -> Iterator[Callable[[], Store]]:
    """Opens stores over the database, as several processes have them; a write has 100 rows."""
    opened: list[Store] = []

    def open_one() -> Store:
        opened.append(Store(PostgresTransport(url), lambda _table: 100))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(new_store: Callable[[], Store]) -> Store:
    """One of them."""
    return new_store()


@pytest.fixture
def other(new_store: Callable[[], Store]) -> Store:
    """Another."""
    return new_store()
