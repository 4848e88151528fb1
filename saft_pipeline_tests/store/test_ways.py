"""One story told to a store whichever way it goes: straight, copied, over REST, in batches.

Every function that the program calls is in it, and every kind of argument and answer. What it makes
of the database is told by the tests that go one way; here all that comes back, and all rows, are
those of the first way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from saft_pipeline.store import store as store_module
from saft_pipeline.store.alerts import AlertLimits, Watch
from saft_pipeline.store.model import Failure
from saft_pipeline.store.operations import Operations
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.reports import Reports
from saft_pipeline.store.rest import RestTransport
from saft_pipeline.store.store import Store
from saft_pipeline.store.transport import Transport
from saft_pipeline_tests.fixtures.postgres import empty
from saft_pipeline_tests.fixtures.postgrest import SECRET_KEY
from saft_pipeline_tests.postgrest.server import Server
from saft_pipeline_tests.store.building import (
    LEASE,
    SOURCE,
    File,
    at,
    claim,
    customer,
    invoice,
    load,
    observe,
    referring,
)
from saft_pipeline_tests.store.looking import content, execute, rows

HOUR = timedelta(hours=1)
FIRST = File(
    "ç 'é\"\t\\.xml",
    (
        invoice("FT 1/1", 3),
        invoice("FT 1/2", hash="A" * 172),
        referring(invoice("NC 1/1"), "FT 1/1"),
    ),
    (customer(company_name="Café \\ Filhos\n", city=None), customer("C2")),
    at(1),
    company_name="Padaria\tSão João, Lda",
)
CHANGED = replace(FIRST, invoices=(invoice("FT 1/1", 1, "7.10"),), modified_at=at(2))
RIVAL = File("b.xml", (invoice("FT 1/2", 2, hash="B" * 172),), (), at(3), company_name="Outra")


def story(store: Store, transport: Transport) -> Iterator[object]:
    """What each step answers, but for times."""
    operations, watch, reports = Operations(transport), Watch(transport), Reports(transport)
    yield store.observe(SOURCE, [FIRST.seen, RIVAL.seen], whole=True)
    yield load(store, FIRST)
    yield load(store, CHANGED, RIVAL)
    yield load(store, replace(FIRST, path="copy.xml"))
    observe(store, File("c.xml"), File("d.xml", modified_at=at(5)), File("e.xml"))
    yield [f.path for f in store.claim("me", lease=LEASE, source=SOURCE, limit=2)]
    ids = [f.id for f in store.claimed("me")]
    yield store.hand_over("me", {"you": ids[:1], "they": ids[1:]}, LEASE)
    yield store.renew("you", LEASE), store.release("they"), store.expired_owners(SOURCE)
    store.fail("you", [Failure(ids[0], "é", retry_after=HOUR)], run_id="run-9")
    yield store.retry(paths=["c.xml"])[0].status
    claim(store, File("f.xml", bytes_="1"), by="me")
    yield store.observe(SOURCE, [], whole=True, age=timedelta(0))
    store.mark_removed([f.id for f in store.files(path="copy.xml")])
    yield store.backlog(SOURCE, HOUR).stale_paths, len(store.uncleared(SOURCE, timedelta(0)))
    yield store.counts(SOURCE), [(f.path, f.version, f.status, f.error) for f in store.files()]
    store.count({"sftp_requests": 3})
    yield operations.run_files(["run-9"]), operations.figures()["files"], operations.rights()
    limits = AlertLimits([SOURCE], HOUR, HOUR, HOUR)
    yield [c.alert_key for c in watch.unsent("mail", limits, ["run 1"])]
    watch.mark_sent("mail", ["run 1"])
    yield watch.recent_hashes([FIRST.sha256, "0" * 64], datetime(2000, 1, 1, tzinfo=UTC))
    yield reports.vat(None, date(2025, 1, 1), None), reports.files(None, None)["unloaded"]
    yield store.rows("invoice_lines", [store.files(path="b.xml")[0].key]), store.company_totals()


def test_the_same_comes_of_it_whichever_way(
    url: str, rest_api: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for small in (store_module.SMALL_GROUP, 0):
        monkeypatch.setattr(store_module, "SMALL_GROUP", small)
        for transport in (PostgresTransport(url), RestTransport(rest_api.url, SECRET_KEY)):
            empty(url)
            execute(url, "truncate saft.alerts, saft.counters")
            answers = list(story(Store(transport, lambda _table: 2), transport))
            warnings = rows(url, "select path, version, status, warnings from invoice_files")
            found.append((answers, content(url), sorted(warnings, key=str)))
            transport.close()
    first, *others = found
    assert [other == first for other in others] == [True] * 3
    assert len(first[1]["invoices"]) == 3
