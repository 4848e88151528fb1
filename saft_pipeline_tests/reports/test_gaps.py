"""What is missing across files and months, and what contradicts itself there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from saft_pipeline.reports.columns import ColumnKind, column_kind
from saft_pipeline.reports.gaps import gaps_report
from saft_pipeline.reports.report import Report
from saft_pipeline.reports.selection import Selection
from saft_pipeline.store.reports import Reports
from saft_pipeline.store.store import Store
from saft_pipeline_tests.reports.papers import COMPANY, file_of, load, paper, taxed

Of = Callable[..., Report]


@pytest.fixture
def of(source: Reports, store: Store) -> Of:
    """The report over files, each of some documents."""

    def report(*files: bytes, **selection: Any) -> Report:
        for number, content in enumerate(files):
            load(store, content, f"{number}.xml")
        return gaps_report(source, Selection(COMPANY, "Padaria", **selection))

    return report


def rows(report: Report, name: str) -> list[dict[str, Any]]:
    return [row for table in report.tables if table.name == name for row in table.records()]


def invoice(number: int, *, code: str = "ABCD1234", day: str = "2025-03-01") -> str:
    text = paper(f"FT A/{number}", taxed("10"), net="10", day=day)
    return text.replace("<ATCUD>0<", f"<ATCUD>{code}-{number}<")


def month(number: int, *papers: str) -> bytes:
    """A file of one month of 2025."""
    text = file_of(*papers).decode()
    for element, day in (("StartDate", 1), ("EndDate", 28)):
        before = text.index(f"<{element}>") + len(element) + 2
        text = f"{text[:before]}2025-{number:02}-{day:02}{text[before + 10 :]}"
    return text.encode()


def test_more_than_are_listed_are_told_to_be_more(of: Of) -> None:
    report = of(file_of(*(invoice(2 * number) for number in range(1, 1003))))
    assert report.verdict == "To look at: gaps 1,000+."


def test_a_series_that_goes_on_in_another_file_has_no_gap(of: Of) -> None:
    report = of(file_of(invoice(1)), file_of(invoice(2), invoice(3)))
    assert (report.is_well, rows(report, "gaps")) == (True, [])


def test_numbers_that_no_file_has_are_a_gap_with_the_days_around_it(of: Of) -> None:
    report = of(file_of(invoice(1)), file_of(invoice(4, day="2025-03-09")))
    (gap,) = rows(report, "gaps")
    assert (gap["series"], gap["first_missing"], gap["last_missing"], gap["missing"]) == (
        "FT A", 2, 3, 2
    )  # fmt: skip
    assert (gap["previous_date"], gap["invoice_date"]) == ("2025-03-01", "2025-03-09")


def test_a_gap_is_told_in_the_period_of_the_document_after_it(of: Of) -> None:
    files = file_of(invoice(1)), file_of(invoice(4, day="2025-03-09"))
    assert rows(of(*files, end_date=date(2025, 3, 8)), "gaps") == []


def test_a_month_between_others_without_a_file_is_missing(of: Of) -> None:
    report = of(month(1, invoice(1)), month(2, invoice(2)), month(4, invoice(3)))
    assert [row["month"] for row in rows(report, "months")] == ["2025-03"]


def test_a_series_with_two_codes_and_a_code_of_two_series_are_told(of: Of) -> None:
    other = invoice(1).replace("FT A/", "FT B/")
    report = of(file_of(invoice(1), invoice(2, code="WXYZ6789"), other))
    told = {(row["series"], row["codes"]) for row in rows(report, "codes")}
    assert told == {("FT A", "ABCD1234, WXYZ6789"), ("FT A, FT B", "ABCD1234")}


def note(number: int) -> str:
    """A credit note of FT A/1, dated 2025-03-05."""
    reference = "<References><Reference>FT A/1</Reference></References><Description>"
    line = taxed("6", side="Debit").replace("<Description>", reference, 1)
    return paper(f"NC A/{number}", line, net="6", day="2025-03-05")


def test_a_credit_note_of_another_file_that_fits_its_invoice_is_not_told(of: Of) -> None:
    assert of(file_of(invoice(1)), file_of(note(1))).is_well


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<InvoiceStatus>N", "<InvoiceStatus>A"),
        ("2025-03-01", "2025-03-06"),
        ("<CustomerID>C1", "<CustomerID>C2"),
    ],
    ids=["cancelled", "later", "of another customer"],
)
def test_a_credit_note_of_another_file_that_contradicts_its_invoice_is_told(
    of: Of, old: str, new: str
) -> None:
    (told,) = rows(of(file_of(invoice(1).replace(old, new)), file_of(note(1))), "credit_notes")
    assert (told["credit_note_no"], told["invoice_no"]) == ("NC A/1", "FT A/1")


def test_all_days_of_its_tables_are_written_alike(of: Of) -> None:
    report = of(file_of(invoice(1).replace("Status>N", "Status>A")), file_of(note(1)))
    (table,) = (table for table in report.tables if table.name == "credit_notes")
    days = [column for column in map(str, table.frame) if column.endswith("_date")]
    assert [column_kind(day) for day in days] == [ColumnKind.DATE, ColumnKind.DATE]


def test_a_customer_is_the_same_under_another_number_with_the_same_nif(of: Of) -> None:
    one = file_of(invoice(1)).replace(b"<CustomerTaxID>999999990", b"<CustomerTaxID>599998768")
    other = one.replace(b"<CustomerID>C1", b"<CustomerID>C2")
    assert of(other, one.replace(invoice(1).encode(), note(1).encode())).is_well


def test_credit_notes_of_other_files_above_their_invoice_are_told(of: Of) -> None:
    (credit,) = rows(of(file_of(invoice(1)), *(file_of(note(n)) for n in (1, 2))), "credits")
    assert (credit["invoice_no"], credit["net_total"], credit["credited"]) == (
        "FT A/1", "10", "12"
    )  # fmt: skip
