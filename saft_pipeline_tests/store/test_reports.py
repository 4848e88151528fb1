"""Sums for the reports: exact on their way out, and the same in the view for who reads by SQL."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from saft_pipeline.reports.selection import Selection
from saft_pipeline.reports.vat import vat_report
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.reports import Reports
from saft_pipeline.store.rest import RestTransport
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.postgrest import SECRET_KEY
from saft_pipeline_tests.postgrest.server import Server
from saft_pipeline_tests.reports.papers import COMPANY, file_of, load, paper, taxed
from saft_pipeline_tests.store.looking import execute, rows

EXPORTED = ["companies", "invoice_lines", "invoice_overview", "vat_by_month"]
PAPERS = (
    paper("FT A/1", taxed("100.005"), taxed("7", None, tax_amount="1.5"), tax="24.50", net="107"),
    paper("FT A/2", taxed("5", "0.8", kind="IS", code="1.1"), tax="9", day="2025-04-30"),
    paper("NC A/1", taxed("40", "6", code="RED", side="Debit"), tax="2.40", net="40"),
    paper("FT A/3", taxed("9"), status="A"),
)


@pytest.fixture
def reports(url: str, store: Store) -> Reports:
    """Over a database with these documents."""
    load(store, file_of(*PAPERS))
    return Reports(PostgresTransport(url))


def test_amounts_are_text_not_numbers(reports: Reports) -> None:
    """Who parses JSON by itself, as a client of PostgREST does, makes floats of numbers."""
    answers = reports.vat(None, None, None)
    found = [*answers["rates"], *answers["months"], *answers["documents"]]
    found += reports.sales(None, None, None)
    assert not [v for row in found for v in row.values() if isinstance(v, float)]
    assert {type(row["taxable_base"]) for row in answers["rates"]} == {str}


def test_sums_are_exact(reports: Reports) -> None:
    bases = {r["tax_percentage"]: r["taxable_base"] for r in reports.vat(None, None, None)["rates"]}
    assert bases == {"23": "100.005", None: "7", "6": "-40"}


def test_a_month_of_stamp_duty_alone_is_among_the_months(reports: Reports) -> None:
    months = {m["month"]: Decimal(m["stamp_duty"]) for m in reports.vat(None, None, None)["months"]}
    assert months == {"2025-03": 0, "2025-04": Decimal("0.04")}


def test_the_view_has_the_base_and_the_vat_of_the_report(reports: Reports, url: str) -> None:
    view = "select to_char(month, 'YYYY-MM'), tax_percentage, taxable_base, vat from vat_by_month"
    report = vat_report(reports, Selection(COMPANY)).table.frame.astype(object)
    columns = ["month", "tax_percentage", "taxable_base", "vat"]
    told = report.where(report.notna(), None)[columns].itertuples(index=False, name=None)
    assert sorted(rows(url, view), key=str) == sorted(told, key=str)


def test_the_view_of_sales_says_the_same_as_the_report(reports: Reports, url: str) -> None:
    view = "select invoice_date::text, branch, documents, net_total::text from sales_by_day"
    names = ("invoice_date", "branch", "documents", "net_total")
    told = [tuple(row[name] for name in names) for row in reports.sales(None, None, None)]
    assert sorted(rows(url, view), key=str) == sorted(told, key=str)


@pytest.mark.usefixtures("reports")
def test_a_company_has_its_documents_less_its_credit_notes_and_cancelled_ones(store: Store) -> None:
    ((_, documents, net, tax, _),) = store.company_totals()
    assert (documents, Decimal(net), Decimal(tax)) == (3, Decimal(107 - 40), Decimal("31.10"))


@pytest.mark.usefixtures("reports")
def test_rows_are_exported_alike_over_rest(url: str, rest_api: Server) -> None:
    ways = PostgresTransport(url), RestTransport(rest_api.url, SECRET_KEY)
    straight, over_rest = (
        [(columns, list(found)) for columns, found in (
            Reports(way).export(name, COMPANY, None, None) for name in EXPORTED)]
        for way in ways
    )  # fmt: skip
    assert straight == over_rest
    assert [len(found) for _, found in straight] == [1, 5, 4, 3]


_FAILED = """
insert into invoice_files (source, path, filename, size, modified_at, first_seen_at, status, error)
select 's', n, n, n, now(), '2020-01-01'::timestamptz + n * interval '1 day', 'failed', 'broken'
from generate_series(1, 600) n
"""


def test_days_that_were_added_up_say_what_their_changes_said(url: str, store: Store) -> None:
    reports, half = Reports(PostgresTransport(url)), (None, date(2020, 10, 1))
    execute(url, _FAILED)
    execute(url, "update invoice_files set status = 'gone' where id % 2 = 0")
    before = reports.files(*half)
    assert len(before["unloaded"]) == 50
    store.observe("s", [], whole=False)  # which adds up
    assert reports.files(*half) == before
    of_days = "select count(*), count(*) filter (where is_change) from saft.ledger_days"
    assert rows(url, of_days) == [(600, 0)]
