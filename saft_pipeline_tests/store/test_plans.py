"""Four times the rows are about four times the work, whatever the planner knows of the tables.

Work is what the steps of all plans went through, as Postgres itself counts it: a plan that compares
all rows with all others shows, and no clock is asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, LiteralString

import psycopg
import pytest

from saft_pipeline.store import postgres
from saft_pipeline.store.model import Failure, FetchedContent
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.postgres import empty
from saft_pipeline_tests.store.building import (
    LEASE,
    SOURCE,
    VERSION,
    File,
    at,
    customer,
    invoice,
    load,
)

FEW, MANY = 100, 400
GROWTH = MANY / FEW * 1.5

EXPLAINING = """
load 'auto_explain';
set auto_explain.log_min_duration = 0;
set auto_explain.log_nested_statements = on;
set auto_explain.log_analyze = on;
set auto_explain.log_timing = off;
set auto_explain.log_format = json;
set client_min_messages = log;
"""


@pytest.fixture
def url(migrated: str) -> str:
    """With no row and no page of one, and nothing known of the tables."""
    empty(migrated, most=0)
    return migrated


class Work:
    """Adds up what all statements of the store's connections went through."""

    def __init__(self) -> None:
        self.rows = 0

    def __call__(self, do: Callable[[], object]) -> int:
        before = self.rows
        do()
        return self.rows - before

    def note(self, notice: psycopg.errors.Diagnostic) -> None:
        said = notice.message_primary or ""
        if "plan:" in said:
            self.rows += _through(json.loads(said.partition("plan:")[2])["Plan"])


def _through(plan: dict[str, Any]) -> int:
    rows = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter")
    mine = sum(plan.get(name, 0) for name in rows) * plan.get("Actual Loops", 0)
    return int(mine) + sum(map(_through, plan.get("Plans", ())))


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    return counted(monkeypatch)


def counted(monkeypatch: pytest.MonkeyPatch, planning: LiteralString = "") -> Work:
    """The work of all connections that are opened from now on."""
    work, connect = Work(), postgres.connect_postgres

    def explaining(url: str) -> postgres.Connection:
        connection = connect(url)
        connection.execute(EXPLAINING + planning)
        connection.add_notice_handler(work.note)
        return connection

    monkeypatch.setattr(postgres, "connect_postgres", explaining)
    return work


def nothing_known(_url: str) -> None:
    """A new database that was never analyzed."""


def known_when_nearly_empty(url: str) -> None:
    """Statistics of a few rows, when there are many."""
    with psycopg.connect(url) as connection:
        connection.execute("insert into companies (company_id) values ('1'), ('2')")
        connection.execute(
            "insert into invoices (company_id, invoice_no, content_hash) "
            "values ('1', 'a', gen_random_uuid()), ('2', 'b', gen_random_uuid())"
        )
        _analyze(connection)


def known_of_others(url: str) -> None:
    """Statistics of many files and invoices, none of which is of the companies at hand."""
    with psycopg.connect(url) as connection:
        connection.execute("insert into companies select n from generate_series(1, 50) n")
        connection.execute(
            "insert into invoices (company_id, invoice_no, content_hash) "
            "select 1 + n % 50, n, gen_random_uuid() from generate_series(1, 2000) n"
        )
        connection.execute(
            "insert into invoice_files (source, path, filename, size, modified_at, sha256) select "
            "'other', n, n, 1, now(), repeat(md5(n::text), 2) from generate_series(1, 300) n"
        )
        _analyze(connection)


def _analyze(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "analyze companies, customers, invoices, invoice_lines, invoice_files, invoice_file_links"
    )


pytestmark = pytest.mark.parametrize(
    "known", [nothing_known, known_when_nearly_empty, known_of_others]
)


@pytest.fixture
def store(
    url: str, work: Work, known: Callable[[str], None], new_store: Callable[[], Store]
) -> Store:
    """A store whose session has made all its plans before there were rows."""
    known(url)
    store = new_store()
    for n in range(7):
        load(store, File(f"warm/{n}.xml", (invoice(f"FT 0/{n}"),), (customer(),)))
    return store


def large(name: str, count: int, minute: int, amount: str = "10.00") -> File:
    """One file; companies are told apart by how many invoices they have."""
    company = f"5{count:08}"
    held = (invoice(f"FT 1/{n}", 2, amount, company_id=company) for n in range(count))
    customers = (customer(f"C{n}", company_id=company) for n in range(count))
    return File(f"{count}{name}", tuple(held), tuple(customers), at(minute), company)


@pytest.mark.parametrize("way", ["one call", "copied"], indirect=True)
def test_publishing_takes_work_as_the_rows(store: Store, work: Work, way: str) -> None:
    """The first load, the same again in other bytes, a correction of all, and what is read back."""
    steps = [("a", 1, "10.00"), ("b", 2, "10.00"), ("c", 3, "11.00")]
    few, many = (
        [
            *(
                work(partial(load, store, large(name, n, at_, amount)))
                for name, at_, amount in steps
            ),
            work(partial(_read, store, f"{n}c")),
        ]
        for n in (FEW, MANY)
    )
    assert [m / f < GROWTH for f, m in zip(few, many, strict=True)] == [True] * 4


def _read(store: Store, path: str) -> None:
    key = store.files(source=SOURCE, path=path)[0].key
    for table in ("companies", "customers", "invoices", "invoice_lines", "invoice_file_links"):
        store.rows(table, [key])


def test_a_group_in_a_full_database_takes_work_as_its_own_rows(store: Store, work: Work) -> None:
    group = [[File(f"{k}/{n}", (invoice(f"FT {k}/{n}"),)) for n in range(20)] for k in (5, 6)]
    before = work(partial(load, store, *group[0]))
    load(store, large("a", MANY, 1))
    assert work(partial(load, store, *group[1])) < before * 1.5


def test_the_ledger_takes_work_as_its_files(store: Store, work: Work) -> None:
    """Seen, seen again, claimed, handed over, settled, failed, gone."""
    few, many = ([work(step) for step in _steps(store, n)] for n in (FEW, MANY))
    assert [m / max(f, 50) < GROWTH for f, m in zip(few, many, strict=True)] == [True] * len(few)


def _steps(store: Store, count: int) -> Iterator[Callable[[], object]]:
    source, seen = f"{SOURCE}{count}", [File(f"{n}.xml").seen for n in range(count)]
    for _ in range(2):
        yield partial(store.observe, source, seen, whole=True)
    yield partial(store.claim, f"me{count}", lease=LEASE, source=source)
    ids = [f.id for f in store.claimed(f"me{count}")]
    yield partial(store.hand_over, f"me{count}", {f"you{count}": ids}, LEASE)
    contents = [FetchedContent(i, f"{i:064x}", 1, at(1)) for i in ids]
    yield partial(store.settle, f"you{count}", contents, VERSION)
    failures = [Failure(i, "x", retry_after=timedelta(0)) for i in ids]
    yield partial(store.fail, f"you{count}", failures)
    yield partial(store.observe, source, [], whole=True)


def test_settling_a_group_compares_no_files_with_each_other(store: Store, work: Work) -> None:
    store.observe(SOURCE, [File(f"{n}.xml").seen for n in range(10 * MANY)], whole=True)
    store.claim("me", lease=LEASE, source=SOURCE)
    contents = [FetchedContent(f.id, f"{f.id:064x}", 1, at(1)) for f in store.claimed("me")]
    few = work(partial(store.settle, "me", contents[:FEW], VERSION))
    many = work(partial(store.settle, "me", contents[FEW : FEW + MANY], VERSION))
    assert max(few / FEW, many / MANY) < 40
