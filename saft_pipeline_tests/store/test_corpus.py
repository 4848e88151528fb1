"""The whole corpus, straight to Postgres and over REST: equal tables, row by row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from saft_pipeline.saft.errors import SaftError
from saft_pipeline.saft.reader import read_document
from saft_pipeline.saft.records import Header, Totals
from saft_pipeline.store import migrate
from saft_pipeline.store.model import FetchedContent, Publication, SeenFile
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.rest import open_rest
from saft_pipeline.store.spool import SPOOLED_TABLES, FileRows
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.postgrest import Postgrest
from saft_pipeline_tests.store.building import LEASE, SOURCE, VERSION, at
from saft_pipeline_tests.store.looking import content, rows

CORPUS = Path(__file__).parents[2] / "../shared/corpus"
FILES = sorted(CORPUS.glob("*.xml"))
GROUP = 10
LEDGER = "select to_jsonb(f) - '{first_seen_at,loaded_at,lease_expires_at}'::text[] "
LEDGER += "from invoice_files f order by path"


def load(store: Store, paths: list[Path]) -> int:
    """Load one group of readable files, as a run does; how many there were."""
    hashes = {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}
    store.observe(SOURCE, [SeenFile(p.name, p.name, None, 1, at(0)) for p in paths], whole=False)
    ids = {p: store.files(source=SOURCE, path=p.name)[0].id for p in paths}
    store.claim("me", lease=LEASE, ids=list(ids.values()))
    contents = [FetchedContent(ids[p], hashes[p], 1, at(0)) for p in paths]
    ready = [_read(p, s.ledger_id) for p, s in zip(paths, store.settle("me", contents, VERSION),
                                                  strict=True)]  # fmt: skip
    good = [r for r in ready if r]
    for table in SPOOLED_TABLES:
        store.stage([held.spools[table] for held, _ in good])
    told = [publication for _, publication in good]
    outcomes = store.publish("me", told, run_id="run", saft_version=VERSION)
    assert {o.status for o in outcomes} <= {"loaded"}
    store.release("me")
    return len(good)


def _read(path: Path, ledger_id: int) -> tuple[FileRows, Publication] | None:
    held, header, totals = FileRows(ledger_id), None, None
    try:
        with path.open("rb") as source, read_document(source, name=path.name) as document:
            for record in document:
                held.write(record)
                header = record if isinstance(record, Header) else header
                totals = record if isinstance(record, Totals) else totals
            warnings = list(document.warnings)
    except SaftError:
        return None
    assert header
    assert totals
    created = date.fromisoformat(header.date_created) if header.date_created else None
    counts = held.counts
    return held, Publication(
        ledger_id, header.values[0], created, counts["invoices"], counts["invoice_lines"],
        counts["customers"], totals.declared, totals.computed, warnings,
    )  # fmt: skip


@pytest.fixture
def direct(url: str) -> Iterator[Store]:
    store = Store(PostgresTransport(url), lambda _table: 100)
    yield store
    store.close()


@pytest.fixture
def over_rest(postgrest: Postgrest, database_url: str) -> Iterator[Store]:
    migrate.migrate(database_url)
    postgrest.reload()
    store = Store(open_rest(postgrest.url, postgrest.key), lambda _table: 100)
    yield store
    store.close()


@pytest.mark.skipif(not FILES, reason=f"no corpus at {CORPUS}")
def test_both_ways_leave_equal_tables(
    direct: Store, url: str, over_rest: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    for first in range(0, len(FILES), GROUP):
        # Every other group is copied, or sent in batches.
        monkeypatch.setattr("saft_pipeline.store.store.SMALL_GROUP", (first // GROUP % 2) * 10**9)
        group = FILES[first : first + GROUP]
        loaded.append((load(direct, group), load(over_rest, group)))
    assert [one for one, _ in loaded] == [other for _, other in loaded]
    assert sum(one for one, _ in loaded) > 40
    assert content(url) == content(database_url)
    assert rows(url, LEDGER) == rows(database_url, LEDGER)
