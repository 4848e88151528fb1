"""A database with the tables in it for each module of this folder, emptied for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from saft_pipeline.store.embedded import EmbeddedPostgres
from saft_pipeline.store.migrate import migrate
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.reports import Reports
from saft_pipeline.store.store import Store
from saft_pipeline_tests.reports.papers import empty


@pytest.fixture(scope="module")
def migrated(postgres_server: EmbeddedPostgres) -> str:
    """The URL of this module's database."""
    url = postgres_server.url(f"reports_{uuid.uuid4().hex}")
    migrate(url)
    return url


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
