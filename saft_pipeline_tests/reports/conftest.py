"""A database with the tables in it for each module of this folder, emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.reports import Reports
from saft_pipeline.store.store import Store
from saft_pipeline_tests.reports.papers import database, empty


@pytest.fixture(scope="module")
def migrated(postgres_server: EmbeddedPostgres) -> str:
    """The URL of this module's database."""
    return database(postgres_server)


@pytest.fixture
def transport(migrated: str) -> Iterator[PostgresTransport]:
    """A connection to it, with nothing in its tables."""
    empty(migrated)
    transport = PostgresTransport(migrated)
    yield transport
    transport.close()


@pytest.fixture
def store(transport: PostgresTransport) -> Store:
    """What loads files."""
    return Store(transport, lambda _table: 1000)


@pytest.fixture
def source(transport: PostgresTransport) -> Reports:
    """What reports are made of."""
    return Reports(transport)
