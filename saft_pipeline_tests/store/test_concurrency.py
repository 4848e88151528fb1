"""Several at once: publishers, pollers, an owner whose lease ended, processes that are killed."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg

from saft_pipeline.store.model import Failure, Outcome
from saft_pipeline.store.store import Store
from saft_pipeline_tests.store import publisher
from saft_pipeline_tests.store.building import (
    LEASE,
    SOURCE,
    File,
    at,
    claim,
    invoice,
    ledger,
    load,
    observe,
    owner,
    prepare,
    publish,
    stage,
)
from saft_pipeline_tests.store.killing import kills
from saft_pipeline_tests.store.looking import everything, halves, rows

FILE = File("a.xml", (invoice("FT 1/1"),), (), at(1))
ENDED = timedelta(0)


def test_four_publishers_of_the_same_companies_lose_no_row(url: str) -> None:
    processes = [publisher.start(url, seed, 10) for seed in range(4)]
    states = sum((Counter(json.loads(p.communicate()[0])) for p in processes), Counter())
    assert states == {"loaded": 40}
    assert halves(url) == []
    found = rows(url, "select company_id, invoice_no, line_count from invoices")
    assert {(c, n): lines for c, n, lines in found} == _expected(10)


def _expected(count: int) -> dict[tuple[str, str], int]:
    """The lines of each invoice as the newest file says."""
    files = [file for seed in range(4) for file in publisher.files(count, seed)]
    return {
        (file.company_id, i.values[1] or ""): len(i.lines)
        for file in sorted(files, key=lambda f: f.modified_at)
        for i in file.invoices
    }


def test_a_killed_publisher_leaves_no_half_file_and_its_files_come_back(url: str) -> None:
    assert list(kills(url, 4)) == [[]] * 4


def test_two_pollers_at_once_take_each_file_once(new_store: Callable[[], Store], url: str) -> None:
    files = [File(f"{n}.xml", modified_at=at(n)) for n in range(200)]
    together = threading.Barrier(2)

    def poll(store: Store) -> list[int]:
        together.wait()
        store.observe(SOURCE, [f.seen for f in files], whole=True)
        return [f.id for f in store.claim(owner(), lease=LEASE, source=SOURCE, limit=150)]

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(poll, [new_store(), new_store()])
    assert sorted([*first, *second]) == sorted(
        i for (i,) in rows(url, "select id from invoice_files")
    )
    assert len([*first, *second]) == 200


def test_an_owner_whose_lease_ended_publishes_if_nobody_took_the_file(store: Store) -> None:
    by = owner()
    publications = prepare(store, FILE, by=by)
    store.renew(by, ENDED)
    assert publish(store, publications, by)[0].status == "loaded"


def test_an_owner_whose_file_was_taken_publishes_nothing(
    store: Store, other: Store, url: str
) -> None:
    late, new = owner(), owner()
    publications = prepare(store, FILE, by=late)
    store.renew(late, ENDED)
    claim(other, FILE, by=new)
    (outcome,) = publish(store, publications, late)
    assert (outcome.status, outcome.transient) == ("lost", False)
    assert "another run took it" in (outcome.error or "")
    assert [len(found) for found in everything(url).values()] == [0, 0, 0, 0]
    # Staging is keyed by the file, so that its new owner would find there what the other left.
    assert rows(url, "select * from saft.staging_invoices") == []
    assert ledger(store, "a.xml").claimed_by == new


def test_an_owner_whose_file_was_loaded_by_another_changes_nothing(
    store: Store, other: Store, url: str
) -> None:
    late = owner()
    publications = prepare(store, FILE, by=late)
    store.renew(late, ENDED)
    load(other, FILE)
    before = everything(url), ledger(store, "a.xml")
    assert publish(store, publications, late)[0].status == "lost"
    assert (everything(url), ledger(store, "a.xml")) == before


def test_the_other_files_of_a_group_are_published_when_one_was_lost(
    store: Store, other: Store
) -> None:
    late = owner()
    files = FILE, File("b.xml", (invoice("FT 1/2"),), (), at(2))
    publications = prepare(store, *files, by=late)
    store.renew(late, ENDED)
    claim(other, FILE, by=owner())
    assert [o.status for o in publish(store, publications, late)] == ["lost", "loaded"]


def test_an_owner_whose_file_was_taken_can_neither_fail_nor_renew_nor_release_it(
    store: Store, other: Store
) -> None:
    late, new = owner(), owner()
    (settled,) = claim(store, FILE, by=late)
    store.renew(late, ENDED)
    claim(other, FILE, by=new)
    before = ledger(store, "a.xml")
    store.fail(late, [Failure(settled.ledger_id, "too late")])
    assert (store.renew(late, LEASE), store.release(late)) == (0, 0)
    assert ledger(store, "a.xml") == before


def test_nobody_can_claim_a_file_that_is_being_published(
    store: Store, other: Store, url: str
) -> None:
    """Its lease has ended, but the publisher holds its row."""
    by = owner()
    publications = prepare(store, FILE, by=by)
    (known,) = observe(store, FILE)
    store.renew(by, ENDED)
    with psycopg.connect(url) as publishing:
        publishing.execute(
            "select saft_publish(%s, %s, 'run-1', '1')", [by, f'[{{"ledger_id": {known.id}}}]']
        )
        assert other.claim(owner(), lease=LEASE, ids=[known.id]) == []
        publishing.rollback()
    assert publish(store, publications, by)[0].status == "loaded"


def test_a_claim_is_renewed_while_one_of_its_files_is_published(
    store: Store, other: Store, url: str
) -> None:
    by = owner()
    claim(store, FILE, File("b.xml", modified_at=at(2)), by=by)
    with psycopg.connect(url) as publishing:
        publishing.execute("select from invoice_files where path = 'a.xml' for update")
        other.renew(by, timedelta(hours=1))
    assert ledger(store, "b.xml").lease_expires_at > ledger(store, "a.xml").lease_expires_at  # type: ignore[operator]


def test_files_of_one_company_are_published_one_group_after_the_other(
    new_store: Callable[[], Store], url: str
) -> None:
    """Groups that meet in opposite orders of companies: neither deadlocks nor loses a row."""
    names = publisher.COMPANIES[:2]

    def group(n: int) -> list[File]:
        mine = [
            File(f"{n}{c}.xml", (invoice(f"FT 1/{n}", company_id=c),), (), at(n), company_id=c)
            for c in names
        ]
        return mine if n % 2 else mine[::-1]

    def run(n: int) -> list[Outcome]:
        return load(new_store(), *group(n))

    with ThreadPoolExecutor(8) as pool:
        outcomes = [o for found in pool.map(run, range(16)) for o in found]
    assert {o.status for o in outcomes} == {"loaded"}
    assert rows(url, "select count(*) from invoices") == [(32,)]


def test_staging_is_left_empty(store: Store, url: str) -> None:
    by = owner()
    (publication,) = prepare(store, FILE, by=by)
    publish(store, [publication], by)
    stage(store, (publication.ledger_id, FILE))
    publish(store, [publication], owner())
    names = rows(
        url, "select table_name from information_schema.tables where table_schema = 'saft'"
    )
    staging = [name for (name,) in names if name.startswith("staging_")]
    assert len(staging) == 7
    assert [rows(url, f"select * from saft.{name}") for name in staging] == [[]] * 7
