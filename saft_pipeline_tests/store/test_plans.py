"""Twice the rows are twice the work, whatever the planner knows of the tables.

Work is rows read, as Postgres counts them: a plan that reads a table for each row of another shows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import psycopg
import pytest

from saft_pipeline.store.store import Store
from saft_pipeline_tests.store.building import SOURCE, File, at, customer, invoice, load
from saft_pipeline_tests.store.looking import rows

FEW, MANY = 150, 600


def large(name: str, count: int, minute: int, amount: str = "10.00") -> File:
    """One file; companies are told apart by how many invoices they have."""
    company = f"5{count:08}"
    held = (invoice(f"FT 1/{n}", 2, amount, company_id=company) for n in range(count))
    customers = (customer(f"C{n}", company_id=company) for n in range(count))
    return File(f"{count}{name}", tuple(held), tuple(customers), at(minute), company)


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
        connection.execute("analyze companies, customers, invoices, invoice_lines, invoice_files")


def work(url: str, do: Callable[[], object]) -> int:
    """Rows that were read while something was done, in all tables."""
    counted = "select sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) from pg_stat_user_tables"

    def read() -> int:
        with psycopg.connect(url) as connection:
            connection.execute("select pg_stat_force_next_flush()")
            connection.commit()
        ((total,),) = rows(url, counted)
        return int(total)

    before = read()
    do()
    return read() - before


@pytest.mark.parametrize("known", [nothing_known, known_when_nearly_empty])
@pytest.mark.parametrize("way", ["one call", "copied"], indirect=True)
def test_publishing_takes_time_as_the_rows(
    new_store: Callable[[], Store], url: str, way: str, known: Callable[[str], None]
) -> None:
    """The first load, the same again in other bytes, and a correction of all."""
    known(url)
    few, many = (
        [
            work(url, partial(_load_and_leave, new_store(), large(name, count, minute, amount)))
            for name, minute, amount in (("a", 1, "10.00"), ("b", 2, "10.00"), ("c", 3, "11.00"))
        ]
        for count in (FEW, MANY)
    )
    assert [m / f < MANY / FEW * 1.5 for f, m in zip(few, many, strict=True)] == [True] * 3


def _load_and_leave(store: Store, *files: File) -> None:
    """The counters are told when the connection ends."""
    assert {o.status for o in load(store, *files)} == {"loaded"}
    store.close()


def test_a_group_in_a_full_database_takes_time_as_its_own_rows(
    new_store: Callable[[], Store], url: str
) -> None:
    load(new_store(), large("a.xml", MANY, 1))
    group = [File(f"{n}.xml", (invoice(f"FT 2/{n}"),), (customer(),), at(9)) for n in range(20)]

    assert work(url, partial(_load_and_leave, new_store(), *group)) < MANY * 2


@pytest.mark.parametrize("known", [nothing_known, known_when_nearly_empty])
def test_a_listing_takes_time_as_its_files(
    new_store: Callable[[], Store], url: str, known: Callable[[str], None]
) -> None:
    known(url)
    few, many = (
        [
            work(url, partial(_observe_and_leave, new_store(), f"{SOURCE}{count}", shown))
            for shown in (count, count, 0)
        ]
        for count in (FEW, MANY)
    )
    assert [m < max(f, 10) * MANY / FEW * 2 for f, m in zip(few, many, strict=True)] == [True] * 3


def _observe_and_leave(store: Store, source: str, shown: int) -> None:
    store.observe(source, [File(f"{n}.xml").seen for n in range(shown)], whole=True)
    store.close()
