"""Sales by branch and day: what is subtracted, which branch a document is of, and the chart."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from saft_pipeline.reports.language import is_absent
from saft_pipeline.reports.report import Report
from saft_pipeline.reports.sales import sales_report
from saft_pipeline.reports.selection import Selection
from saft_pipeline.store.reports import Reports
from saft_pipeline.store.store import Store
from saft_pipeline_tests.reports.papers import COMPANY, OTHER_COMPANY, file_of, load, paper, taxed

GRAMIDO, VALBOM = "FR202Y2025_7-Gramido.xml", "FR202Y2025_7-Valbom.xml"


def rows(report: Report, *columns: str) -> list[tuple[str | None, ...]]:
    frame = report.table.frame[list(columns)]
    cells = frame.itertuples(index=False, name=None)
    return [tuple(None if is_absent(v) else str(v) for v in row) for row in cells]


def test_totals_of_a_day_are_added(source: Reports, store: Store) -> None:
    load(store, file_of(*(paper(f"FT A/{n}", taxed("10"), net="10", tax="2.3") for n in (1, 2))))
    amounts = rows(sales_report(source, Selection()), "documents", "net_total", "tax_payable")
    assert amounts == [("2", "20.00", "4.60")]


@pytest.mark.parametrize("kind", ["NC", "TD", "RE"])
def test_what_takes_back_is_subtracted(source: Reports, store: Store, kind: str) -> None:
    """By its lines, whatever it is called."""
    back = paper(f"{kind} A/1", taxed("4", side="Debit"), net="4")
    load(store, file_of(paper("FT A/1", taxed("10"), net="10"), back))
    assert rows(sales_report(source, Selection()), "net_total") == [("6.00",)]


@pytest.mark.parametrize("status", ["A", "F"])
def test_a_document_of_this_status_is_left_out(source: Reports, store: Store, status: str) -> None:
    out = paper("FT A/2", taxed("4"), net="4", status=status)
    load(store, file_of(paper("FT A/1", taxed("10"), net="10"), out))
    assert rows(sales_report(source, Selection()), "documents", "net_total") == [("1", "10.00")]


def test_the_branch_is_in_the_name_of_the_file(source: Reports, store: Store) -> None:
    load(store, file_of(paper("FT A/1", taxed("10"), net="10")), GRAMIDO)
    load(store, file_of(paper("FT B/1", taxed("5"), net="5")), VALBOM)
    assert rows(sales_report(source, Selection()), "branch", "net_total") == [
        ("Gramido", "10.00"),
        ("Valbom", "5.00"),
    ]


def test_a_document_in_two_files_counts_once(source: Reports, store: Store) -> None:
    papers = paper("FT A/1", taxed("10"), net="10")
    load(store, file_of(papers), GRAMIDO)
    load(store, file_of(papers, paper("FT A/2", taxed("1"), net="1")), "year.xml")
    assert rows(sales_report(source, Selection()), "branch", "net_total") == [
        ("Gramido", "10.00"),
        (None, "1.00"),
    ]


def test_the_newest_file_that_names_a_branch_is_believed(source: Reports, store: Store) -> None:
    first = paper("FT A/1", taxed("10"), net="10")
    load(store, file_of(first), GRAMIDO)
    load(store, file_of(first, paper("FT A/2", taxed("1"), net="1")), VALBOM)
    assert rows(sales_report(source, Selection()), "branch", "documents") == [("Valbom", "2")]


def test_documents_without_a_branch_are_told(source: Reports, store: Store) -> None:
    load(store, file_of(paper("FT A/1", taxed("10"), net="10")))
    verdict = sales_report(source, Selection()).verdict
    assert verdict == "Documents in files whose names tell no branch: 1."


def test_days_are_those_of_the_selection(source: Reports, store: Store) -> None:
    load(store, file_of(*(paper(f"FT A/{n}", taxed("1"), day=f"2025-03-0{n}") for n in (1, 2, 3))))
    chosen = Selection(start_date=date(2025, 3, 2), end_date=date(2025, 3, 2))
    assert rows(sales_report(source, chosen), "invoice_date") == [("2025-03-02",)]


def test_one_company_is_not_mixed_with_another(source: Reports, store: Store) -> None:
    load(store, file_of(paper("FT A/1", taxed("1"))))
    load(store, file_of(paper("FT A/1", taxed("1")), company=OTHER_COMPANY), "other.xml")
    assert rows(sales_report(source, Selection(COMPANY)), "company_id") == [(COMPANY,)]


def test_branches_are_added_up_the_largest_first(source: Reports, store: Store) -> None:
    load(store, file_of(paper("FT A/1", taxed("1"), net="1")), GRAMIDO)
    two = (paper(f"FT B/{n}", taxed("5"), net="5", day=f"2025-03-0{n}") for n in (1, 2))
    load(store, file_of(*two), VALBOM)
    branches = sales_report(source, Selection()).tables[0].frame
    assert list(branches["branch"]) == ["Valbom", "Gramido"]
    assert list(map(str, branches["net_total"])) == ["10.00", "1.00"]


@pytest.mark.parametrize(("days", "unit"), [(92, "day"), (93, "month")])
def test_the_chart_of_many_days_is_by_month(
    source: Reports, store: Store, days: int, unit: str
) -> None:
    first = date(2025, 1, 1)
    load(
        store,
        file_of(
            *(
                paper(f"FT A/{n}", taxed("1"), net="1", day=str(first + timedelta(n)))
                for n in range(days)
            )
        ),
    )
    assert list(sales_report(source, Selection()).charts) == [f"Net sales by {unit} and branch"]


def test_nothing_in_the_selection_is_an_empty_report(source: Reports) -> None:
    assert sales_report(source, Selection()).is_empty
