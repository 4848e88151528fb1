"""Which company and days a report is of, and what is said when there is no such thing."""

from __future__ import annotations

from datetime import date

import pytest

from saft_pipeline.reports.selection import Selection, SelectionError, opened, selection_of_company
from saft_pipeline.settings import load as load_settings
from saft_pipeline.store.reports import Reports
from saft_pipeline.store.store import Store
from saft_pipeline_tests.reports.papers import COMPANY, OTHER_COMPANY, file_of, load, paper, taxed

ALL = Selection()


@pytest.fixture
def two(store: Store) -> None:
    """Two companies."""
    load(store, file_of(paper("FT A/1", taxed("1"))))
    load(store, file_of(paper("FT A/1", taxed("1")), company=OTHER_COMPANY), "other.xml")


@pytest.mark.usefixtures("two")
def test_a_company_is_named(source: Reports) -> None:
    chosen = selection_of_company(source, COMPANY, ALL)
    assert chosen.company == f"Padaria São João, Lda, NIF {COMPANY}"


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("asked", ["123456789", None])
def test_the_companies_that_exist_are_listed(source: Reports, asked: str | None) -> None:
    with pytest.raises(SelectionError) as raised:
        selection_of_company(source, asked, ALL)
    assert f"\n  {OTHER_COMPANY}  Padaria" in str(raised.value)
    assert f"\n  {COMPANY}  Padaria" in str(raised.value)


@pytest.mark.usefixtures("two")
def test_an_unknown_company_is_named(source: Reports) -> None:
    with pytest.raises(SelectionError, match="no company 123456789; there are:"):
        selection_of_company(source, "123456789", ALL)


def test_the_only_company_needs_no_name(source: Reports, store: Store) -> None:
    load(store, file_of(paper("FT A/1", taxed("1"))))
    assert selection_of_company(source, None, ALL).company_id == COMPANY


def test_without_any_company_it_says_how_to_load_one(source: Reports) -> None:
    with pytest.raises(SelectionError, match="saft ingest FILE"):
        selection_of_company(source, COMPANY, ALL)


def test_of_many_companies_twenty_are_listed(source: Reports, store: Store) -> None:
    for n in range(22):
        load(store, file_of(company=f"5000000{n:02}"), f"{n}.xml")
    with pytest.raises(SelectionError) as raised:
        selection_of_company(source, COMPANY, ALL)
    assert str(raised.value).splitlines()[-2:] == [
        "  500000019  Padaria São João, Lda",
        "  and 2 more",
    ]


def test_a_first_day_after_the_last_is_refused() -> None:
    with pytest.raises(SelectionError, match="2025-03-02 is after 2025-03-01"):
        Selection(start_date=date(2025, 3, 2), end_date=date(2025, 3, 1))


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (None, None, "all days"),
        (date(2025, 1, 1), None, "since 2025-01-01"),
        (None, date(2025, 1, 31), "until 2025-01-31"),
        (date(2025, 1, 1), date(2025, 1, 31), "2025-01-01 to 2025-01-31"),
    ],
)
def test_days_in_words(start: date | None, end: date | None, words: str) -> None:
    assert Selection(start_date=start, end_date=end).days == words


def test_the_figures_are_those_of_the_database_in_the_settings(migrated: str, two: None) -> None:
    with opened(load_settings({"SUPABASE_DB_URL": migrated})) as source:
        assert [c["company_id"] for c in source.companies()] == [OTHER_COMPANY, COMPANY]
