"""A look at what came since the last one finds what a look at all invoices finds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saft_pipeline.reports.gaps import continuity, gaps_report
from saft_pipeline.reports.report import Report
from saft_pipeline.reports.selection import Selection
from saft_pipeline.store.reports import Reports
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.waiting import wait_for
from saft_pipeline_tests.reports.papers import COMPANY, empty, file_of, load, paper, taxed

OTHER = "501442600"


def invoice(number: str, code: str, day: int) -> str:
    """One whose code and day another file may change: the later day wins."""
    text = paper(number, taxed("10"), net="10", day=f"2025-03-{day:02}")
    return text.replace("<ATCUD>0<", f"<ATCUD>{code}<")


numbers = st.builds(
    lambda series, number, width: f"FT {series}/{number:0{width}}",
    st.sampled_from("AB"),
    st.integers(1, 9),
    st.sampled_from([1, 1, 1, 3]),
)
odd = st.sampled_from(["FT  C/1", "FT C/", "FT/C/1", "FT C/1/2", "FT C^/1", "FTC/1", "FT C/1x"])
documents = st.builds(
    invoice,
    numbers | odd,
    st.sampled_from(["0", "ABCD1234-1", "WXYZ6789-1"]),
    st.integers(1, 28),
)
files = st.lists(documents, min_size=1, max_size=5, unique_by=lambda text: text.split("<")[2])


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from([COMPANY, OTHER]), files), min_size=1, max_size=5))
def test_each_look_finds_what_a_look_at_all_finds(
    source: Reports, store: Store, migrated: str, loads: list[tuple[str, list[str]]]
) -> None:
    empty(migrated)
    for number, (company, papers) in enumerate(loads):
        load(store, file_of(*papers, company=company), f"{number}.xml")
        assert source.continuity() == source.gaps(None, None, None)


@pytest.fixture
def looked_at(source: Reports, store: Store) -> Report:
    """A look at two series of 3."""
    texts = [invoice(f"FT {s}/{n}", f"{s * 8}-{n}", 1) for s in "AB" for n in (1, 3)]
    load(store, file_of(*texts), "0.xml")
    return continuity(source)


def test_what_was_taken_away_is_missed_at_the_next_look(
    looked_at: Report, source: Reports, migrated: str
) -> None:
    with psycopg.connect(migrated) as connection:
        connection.execute("delete from public.invoices where invoice_no = 'FT A/3'")
    after = continuity(source)
    assert (looked_at.figures["gaps"], after.figures["gaps"]) == (2, 1)


def test_other_invoices_in_the_place_of_all_are_looked_at(
    looked_at: Report, source: Reports, store: Store, migrated: str
) -> None:
    with psycopg.connect(migrated) as connection:
        connection.execute("truncate public.invoices restart identity")
    texts = [invoice(f"FT A/{n}", f"AAAAAAAA-{n}", 1) for n in range(1, 5)]
    load(store, file_of(*texts), "1.xml")
    assert (looked_at.figures["gaps"], continuity(source).figures["gaps"]) == (2, 0)


def test_what_is_taken_away_during_a_look_is_missed_at_the_next(
    looked_at: Report, source: Reports, migrated: str
) -> None:
    def take_away() -> None:
        with psycopg.connect(migrated) as other:
            other.execute("delete from public.invoices where invoice_no = 'FT A/3'")

    with ThreadPoolExecutor() as pool, psycopg.connect(migrated) as connection:
        connection.execute("select public.saft_continuity()")
        taken = pool.submit(take_away)
        _until_one_waits(migrated)
        connection.commit()
        taken.result()
    assert (looked_at.figures["gaps"], continuity(source).figures["gaps"]) == (2, 1)


def _until_one_waits(url: str) -> None:
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
    with psycopg.connect(url, autocommit=True) as connection:
        wait_for(lambda: connection.execute(waiting).fetchone() != (0,))


def test_looks_at_once_see_what_one_after_the_other_would(
    looked_at: Report, source: Reports, store: Store, migrated: str
) -> None:
    load(store, file_of(invoice("FT A/2", "AAAAAAAA-2", 1)), "1.xml")

    def look() -> None:
        with psycopg.connect(migrated) as connection:
            connection.execute("select public.saft_continuity()")

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(look) for _ in range(4)]:
            done.result()
    assert source.continuity() == source.gaps(None, None, None)
    assert looked_at.figures["gaps"] == 2


def test_a_company_that_has_another_number_now_is_looked_at_anew(
    looked_at: Report, source: Reports, migrated: str
) -> None:
    assert not looked_at.is_well
    with psycopg.connect(migrated) as connection:
        connection.execute("update public.companies set company_id = '501442600'")
    assert source.continuity() == source.gaps(None, None, None)
    assert {gap["company_id"] for gap in source.continuity()["gaps"]} == {"501442600"}


def test_only_what_was_loaded_since_is_read(
    looked_at: Report, source: Reports, store: Store, migrated: str
) -> None:
    with psycopg.connect(migrated) as connection:
        connection.execute("update saft.series set numbers = '{[1,9)}' where series = 'FT B'")
    load(store, file_of(invoice("FT A/2", "AAAAAAAA-2", 1)), "1.xml")
    after, whole = continuity(source), gaps_report(source, Selection())
    assert (after.figures["gaps"], whole.figures["gaps"]) == (0, 1)
