"""Databases of the programs that landed before become those of this one, with all their rows.

`dumps/COMMIT.sql` is what `pg_dump --inserts` wrote of one that the program of that commit had
filled: an invoice corrected, the same bytes by two names, a file that failed, one that waits, one
claimed by a process that died.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from saft_pipeline.store import schema
from saft_pipeline.store.migrate import lacking, migrate, state
from saft_pipeline.store.postgres import PostgresTransport, connect_postgres
from saft_pipeline.store.store import Store
from saft_pipeline_tests.postgrest.roles import create_roles
from saft_pipeline_tests.store import looking
from saft_pipeline_tests.store.building import LEASE, SOURCE, File, at, customer, invoice, load
from saft_pipeline_tests.store.looking import content, execute, halves, rows, value

DUMPS = sorted((Path(__file__).parent / "dumps").glob("*.sql"))
# The file that was loaded first in each dump.
FIRST = File("a.xml", (invoice("FT A/1", 2), invoice("FT A/2")), (customer(),), at(1))
_LEDGER = "select path, version, status, error, run_id, sha256, attempts, first_seen_at, loaded_at "
_LEDGER += "from invoice_files order by id"
_KEPT = "select 'alert ' || channel, 1 from saft.alerts union select name, value from saft.counters"


@pytest.fixture(params=DUMPS, ids=lambda path: path.stem)
def old(request: pytest.FixtureRequest, database_url: str) -> str:
    """A database of that commit."""
    create_roles(database_url)
    execute(database_url, request.param.read_text())
    return database_url


def test_an_upgraded_database_is_as_a_new_one(old: str, migrated: str) -> None:
    migrate(old)
    assert shape(old) == shape(migrated)
    with connect_postgres(old) as connection:
        assert (state(connection).problem, lacking(connection)) == (None, [])


def shape(url: str) -> set[tuple[object, ...]]:
    """Without the comments on tables, which the dumps leave out."""
    return {row for row in looking.schema(url) if row[0] != "comment"}


def test_the_script_upgrades_as_well(old: str, migrated: str) -> None:
    execute(old, schema.sql())
    assert shape(old) == shape(migrated)
    assert migrate(old) == []


def test_rows_and_ledger_stay(old: str) -> None:
    before = content(old), rows(old, _LEDGER), rows(old, _KEPT)
    migrate(old)
    assert (content(old), rows(old, _LEDGER), rows(old, _KEPT)) == before
    assert len(before[0]["invoices"]) == 3


def test_an_upgraded_database_is_worked_with(old: str) -> None:
    migrate(old)
    store = Store(PostgresTransport(old), lambda _table: 2)
    assert {f.path for f in store.claim("next", lease=LEASE, source=SOURCE)} == {
        "waits.xml",
        "running.xml",
    }
    again = replace(FIRST, invoices=(invoice("FT A/1", 3, invoice_status_date="2025-07-03T00:00"),))
    assert load(store, replace(again, modified_at=at(9)))[0].written["invoice_lines"] == 3
    assert load(store, File("new.xml", (invoice("FT B/1"),)))[0].status == "loaded"
    assert value(old, "select count(*) from invoice_overview") == 4
    assert halves(old) == []
    store.close()
