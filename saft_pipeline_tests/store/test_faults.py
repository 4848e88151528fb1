"""Faults of the database while it is written to: those that pass are tried again by themselves."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
import stamina

from saft_pipeline.store.errors import StoreError, TransientStoreError
from saft_pipeline.store.model import Failure
from saft_pipeline.store.store import Store
from saft_pipeline_tests.store.building import (
    File,
    at,
    invoice,
    ledger,
    load,
    owner,
    prepare,
    publish,
)
from saft_pipeline_tests.store.looking import everything, halves, rows, value

FILE = File("a.xml", (invoice("FT 1/1", 3),), (), at(1))

# Raises in the middle of publishing as often as it is told; a sequence is not rolled back.
_TROUBLE = """
create sequence public.trouble;
create function public.make_trouble() returns trigger language plpgsql security definer as $$
begin
    if nextval('public.trouble') <= {times} then
        if '{code}' = 'terminate' then
            perform pg_terminate_backend(pg_backend_pid());
        end if;
        raise exception 'trouble' using errcode = '{code}';
    end if;
    return null;
end $$;
create trigger trouble after insert on invoice_lines execute function public.make_trouble();
"""
_NO_TROUBLE = """
drop trigger if exists trouble on invoice_lines;
drop function if exists public.make_trouble;
drop sequence if exists public.trouble;
"""

PASSING = {
    "full disk": "53100",
    "lock timeout": "55P03",
    "deadlock": "40P01",
    "serialization": "40001",
    "out of memory": "53200",
    "shutdown": "57P01",
    "lost connection": "terminate",
}

pytestmark = [
    pytest.mark.usefixtures("way"),
    pytest.mark.parametrize("way", ["one call", "over REST"], indirect=True),
]


@pytest.fixture(autouse=True)
def without_waiting(url: str) -> Iterator[None]:
    """Three tries without a pause, and no trouble left for the next test."""
    with stamina.set_testing(testing=True, attempts=3):
        yield
    with psycopg.connect(url) as connection:
        connection.execute(_NO_TROUBLE.encode())


def trouble(url: str, code: str, times: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(_TROUBLE.format(code=code, times=times).encode())


@pytest.mark.parametrize("code", PASSING.values(), ids=PASSING.keys())
def test_a_fault_that_passes_is_tried_again(store: Store, url: str, code: str) -> None:
    trouble(url, code, 2)
    (outcome,) = load(store, FILE)
    assert (outcome.status, outcome.error) == ("loaded", None)
    assert halves(url) == []


def test_a_fault_that_stays_is_told_as_passing_after_the_last_try(store: Store, url: str) -> None:
    trouble(url, "53100", 1000)
    (outcome,) = load(store, FILE)
    assert (outcome.status, outcome.transient) == ("failed", True)
    assert "trouble (53100)" in (outcome.error or "")
    assert value(url, "select last_value from public.trouble") == 3


def test_a_fault_that_does_not_pass_is_tried_once(store: Store, url: str) -> None:
    trouble(url, "23514", 1000)
    (outcome,) = load(store, FILE)
    assert (outcome.status, outcome.transient) == ("failed", False)
    assert value(url, "select last_value from public.trouble") == 1


def test_nothing_is_left_of_what_failed(store: Store, url: str) -> None:
    trouble(url, "53100", 1000)
    by = owner()
    (outcome,) = load(store, FILE, by=by)
    assert [len(found) for found in everything(url).values()] == [0, 0, 0, 0]
    assert ledger(store, "a.xml").status == "running"
    store.fail(by, [Failure(outcome.ledger_id, outcome.error or "")])
    assert rows(url, "select * from saft.staging_invoice_lines") == []
    assert rows(url, "select * from saft.staging_batches") == []


def test_a_company_that_another_holds_for_long_is_a_lock_timeout(store: Store, url: str) -> None:
    by = owner()
    publications = prepare(store, FILE, by=by)
    with psycopg.connect(url) as holder, psycopg.connect(url, autocommit=True) as owner_:
        owner_.execute("alter function saft.lock_companies set lock_timeout = '50ms'")
        key = "hashtextextended('saft company ' || %s, 0)"
        holder.execute(f"select pg_advisory_xact_lock({key})".encode(), [FILE.company_id])
        (outcome,) = publish(store, publications, by)
        owner_.execute("alter function saft.lock_companies set lock_timeout = '30s'")
    assert (outcome.status, outcome.transient) == ("failed", True)
    assert "lock timeout" in (outcome.error or "")


def test_calls_of_the_ledger_raise_what_passes_as_such(store: Store, url: str) -> None:
    with psycopg.connect(url) as holder:
        holder.execute("lock table invoice_files")
        with psycopg.connect(url, autocommit=True) as owner_:
            owner_.execute("alter function saft_claimed set lock_timeout = '50ms'")
        with pytest.raises(TransientStoreError, match=r"lock timeout \(55P03\)"):
            store.claimed("me")
    with psycopg.connect(url) as owner_:
        owner_.execute("alter function saft_claimed reset lock_timeout")


def test_a_missing_function_does_not_pass(store: Store, url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("alter function saft_counts rename to saft_counted")
    with pytest.raises(StoreError) as raised:
        store.counts()
    with psycopg.connect(url) as connection:
        connection.execute("alter function saft_counted rename to saft_counts")
    assert not isinstance(raised.value, TransientStoreError)
