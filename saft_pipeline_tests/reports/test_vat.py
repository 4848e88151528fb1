"""What counts as VAT, how it is rounded, and how its difference to TaxPayable is explained."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saft_pipeline.reports.csv_file import text_of
from saft_pipeline.reports.language import is_absent
from saft_pipeline.reports.report import Report
from saft_pipeline.reports.selection import Selection
from saft_pipeline.reports.vat import VAT_COLUMNS, vat_report
from saft_pipeline.store.reports import Reports
from saft_pipeline.store.store import Store
from saft_pipeline_tests.reports.independent import vat_rows
from saft_pipeline_tests.reports.papers import (
    COMPANY,
    OTHER_COMPANY,
    empty,
    file_of,
    load,
    paper,
    taxed,
)

Row = tuple[Any, ...]
Of = Callable[..., Report]


@pytest.fixture
def of(source: Reports, store: Store) -> Of:
    """The report over a file of some documents."""

    def report(*papers: str, **selection: Any) -> Report:
        load(store, file_of(*papers))
        return vat_report(source, Selection(COMPANY, "Padaria", **selection))

    return report


def rows(report: Report, table: str = "rates") -> list[Row]:
    (frame,) = (t.frame for t in report.tables if t.name == table)
    return [
        tuple(None if is_absent(v) else str(v) for v in row)
        for row in frame.itertuples(index=False, name=None)
    ]


def base_and_vat(report: Report) -> list[Row]:
    return [row[4:] for row in rows(report)]


def compared(report: Report) -> dict[str, str]:
    """The reconciliation of the only month."""
    (record,) = report.tables[1].records()
    return {name: str(value) for name, value in record.items()}


def test_the_columns_are_those_of_the_contract(of: Of) -> None:
    header = text_of(of(paper("FT A/1", taxed("10")))).splitlines()[0]
    assert header == "month,tax_country_region,tax_code,tax_percentage,taxable_base,vat"
    assert header.split(",") == VAT_COLUMNS


def test_a_row_of_the_csv(of: Of) -> None:
    row = text_of(of(paper("FT A/1", taxed("1234.5", region="PT-MA", rate="22.0")))).splitlines()[1]
    assert row == "2025-03,PT-MA,NOR,22,1234.50,271.59"


def test_a_credit_note_is_subtracted(of: Of) -> None:
    papers = paper("FT A/1", taxed("100")), paper("NC A/1", taxed("40", side="Debit"))
    assert base_and_vat(of(*papers)) == [("60.00", "13.80")]


def test_any_line_on_the_debit_side_is_subtracted(of: Of) -> None:
    assert base_and_vat(of(paper("FT A/1", taxed("100"), taxed("10", side="Debit")))) == [
        ("90.00", "20.70")
    ]


@pytest.mark.parametrize("status", ["A", "F"])
def test_a_document_of_this_status_is_left_out(of: Of, status: str) -> None:
    papers = paper("FT A/1", taxed("100")), paper("FT A/2", taxed("7"), status=status)
    assert base_and_vat(of(*papers)) == [("100.00", "23.00")]


@pytest.mark.parametrize("status", ["N", "S", "R"])
def test_a_document_of_this_status_counts(of: Of, status: str) -> None:
    assert base_and_vat(of(paper("FT A/1", taxed("100"), status=status))) == [("100.00", "23.00")]


def test_stamp_duty_is_no_vat(of: Of) -> None:
    stamp = taxed("50", "0.8", kind="IS", code="1.1")
    report = of(paper("FT A/1", taxed("100"), stamp, tax="23.40"))
    assert base_and_vat(report) == [("100.00", "23.00")]


def test_a_line_without_price_is_taxed_on_its_tax_base(of: Of) -> None:
    assert base_and_vat(of(paper("FT A/1", taxed("0", base="200")))) == [("200.00", "46.00")]


def test_a_tax_base_on_the_debit_side_is_subtracted(of: Of) -> None:
    report = of(paper("NC A/1", taxed("0", base="200", side="Debit")))
    assert base_and_vat(report) == [("-200.00", "-46.00")]


def test_exempt_lines_are_in_with_a_rate_of_zero(of: Of) -> None:
    report = of(paper("FT A/1", taxed("100", "0", code="ISE", exemption="M07")))
    assert rows(report) == [("2025-03", "PT", "ISE", "0", "100.00", "0.00")]


def test_the_exempt_base_is_told_by_reason(of: Of) -> None:
    why = [taxed("100", "0", code="ISE", exemption=e) for e in ("M07", "M99", "M07")]
    assert rows(of(paper("FT A/1", *why)), "exemptions") == [
        ("2025-03", "ISE", "M07", "200.00"),
        ("2025-03", "ISE", "M99", "100.00"),
    ]


def test_a_line_without_percentage_has_its_tax_amount_and_no_rate(of: Of) -> None:
    report = of(paper("FT A/1", taxed("100", None, tax_amount="3.17")))
    assert rows(report) == [("2025-03", "PT", "NOR", None, "100.00", "3.17")]


def test_one_rate_written_in_two_ways_is_one_row(of: Of) -> None:
    report = of(paper("FT A/1", taxed("1", "23"), taxed("1", "23.00")))
    assert rows(report) == [("2025-03", "PT", "NOR", "23", "2.00", "0.46")]


def test_rows_are_in_the_order_of_month_region_and_rate(of: Of) -> None:
    march = [taxed("1", "23"), taxed("1", "6", code="RED"), taxed("1", "16", region="PT-AC")]
    report = of(paper("FT A/1", *march), paper("FT A/2", taxed("1"), day="2025-01-31"))
    assert [(row[0], row[1], row[3]) for row in rows(report)] == [
        ("2025-01", "PT", "23"),
        ("2025-03", "PT", "6"),
        ("2025-03", "PT", "23"),
        ("2025-03", "PT-AC", "16"),
    ]


def test_vat_is_rounded_once_for_all_documents_of_a_rate_and_month(of: Of) -> None:
    """Each document alone has a VAT of 0.0046, which is nothing."""
    papers = [paper(f"FT A/{n}", taxed("0.02")) for n in range(10)]
    assert base_and_vat(of(*papers)) == [("0.20", "0.05")]


@pytest.mark.parametrize(("side", "expected"), [("Credit", "0.01"), ("Debit", "-0.01")])
def test_half_a_cent_is_rounded_away_from_zero(of: Of, side: str, expected: str) -> None:
    assert [row[1] for row in base_and_vat(of(paper("FT A/1", taxed("0.10", "5", side=side))))] == [
        expected
    ]


def test_amounts_that_no_float_holds_are_exact(of: Of) -> None:
    huge = "1234567890123456789012345678901.01"
    report = of(paper("FT A/1", taxed(huge, "6"), taxed("0.02", "6")))
    assert base_and_vat(report) == [
        ("1234567890123456789012345678901.03", "74074073407407407340740740734.06")
    ]


def test_both_days_of_the_selection_are_included(of: Of) -> None:
    papers = [paper(f"FT A/{n}", taxed("1"), day=f"2025-03-{n:02}") for n in (1, 2, 3, 4)]
    report = of(*papers, start_date=date(2025, 3, 2), end_date=date(2025, 3, 3))
    assert base_and_vat(report) == [("2.00", "0.46")]


def test_another_companys_documents_are_not_in_it(of: Of, store: Store) -> None:
    load(store, file_of(paper("FT A/1", taxed("7")), company=OTHER_COMPANY), "other.xml")
    assert base_and_vat(of(paper("FT A/1", taxed("100")))) == [("100.00", "23.00")]


def test_of_all_companies_each_is_for_itself(of: Of, source: Reports, store: Store) -> None:
    load(store, file_of(paper("FT A/1", taxed("7")), company=OTHER_COMPANY), "other.xml")
    of(paper("FT A/1", taxed("100")))
    assert [(row[0], row[5]) for row in rows(vat_report(source, Selection()))] == [
        (OTHER_COMPANY, "7.00"),
        (COMPANY, "100.00"),
    ]


def test_nothing_in_the_selection_is_an_empty_report(of: Of) -> None:
    assert of(paper("FT A/1", taxed("1")), start_date=date(2026, 1, 1)).is_empty


def test_a_tax_payable_that_is_the_vat_is_told_so(of: Of) -> None:
    report = of(paper("FT A/1", taxed("100"), tax="23"))
    assert report.verdict == "The documents' TaxPayable is the same as this VAT."


def test_the_cents_of_documents_that_round_for_themselves_are_rounding(of: Of) -> None:
    report = of(*(paper(f"FT A/{n}", taxed("0.11"), tax="0.03") for n in range(10)))
    assert (compared(report)["difference"], compared(report)["rounding"]) == ("0.05", "0.05")


def test_stamp_duty_in_tax_payable_is_told_apart(of: Of) -> None:
    stamp = taxed("50", "0.8", kind="IS", code="1.1")
    report = of(paper("FT A/1", taxed("100"), stamp, tax="23.40"))
    assert (compared(report)["stamp_duty"], compared(report)["rounding"]) == ("0.40", "0.00")


def test_a_fixed_stamp_duty_is_its_tax_amount(of: Of) -> None:
    stamp = taxed("0", None, tax_amount="2.50", kind="IS", code="22.1.2")
    assert compared(of(paper("FT A/1", taxed("100"), stamp, tax="25.50")))["stamp_duty"] == "2.50"


def test_a_credit_notes_tax_payable_is_subtracted(of: Of) -> None:
    papers = (
        paper("FT A/1", taxed("100"), tax="23"),
        paper("NC A/1", taxed("40", side="Debit"), tax="9.20"),
    )
    assert compared(of(*papers))["tax_payable"] == "13.80"


def test_a_document_whose_tax_is_not_that_of_its_lines_is_named(of: Of) -> None:
    papers = paper("FT A/1", taxed("100"), tax="23"), paper("FT A/2", taxed("100"), tax="25")
    assert rows(of(*papers), "mismatches") == [("2025-03-01", "FT A/2", "25", "23.00", "2.00")]


def test_lines_without_tax_are_never_called_the_same_as_tax_payable(of: Of) -> None:
    text = paper("FT A/1", taxed("100"), tax="0")
    start, end = text.index("<Tax>"), text.index("</Tax>") + len("</Tax>")
    report = of(text[:start] + text[end:])
    assert (report.is_well, report.verdict) == (
        False,
        "This VAT can't be compared with TaxPayable: documents with lines that have no Tax: 1.",
    )


def test_documents_under_the_cash_vat_scheme_are_told_with_their_vat(of: Of) -> None:
    regime = "<SpecialRegimes><CashVATSchemeIndicator>1</CashVATSchemeIndicator></SpecialRegimes>"
    cash = paper("FT A/2", taxed("200"), tax="46").replace("<SystemEntry", f"{regime}<SystemEntry")
    report = of(paper("FT A/1", taxed("100"), tax="23"), cash)
    assert report.verdict == (
        "The documents' TaxPayable is the same as this VAT. Documents under the cash VAT scheme: "
        "1; their VAT of 46.00 is in this report by InvoiceDate, but is owed when they are paid."
    )


def test_a_document_without_a_date_is_in_a_row_of_its_own(of: Of) -> None:
    text = paper("FT A/1", taxed("100")).replace("<InvoiceDate>2025-03-01</InvoiceDate>", "")
    assert "<InvoiceDate>" not in text
    assert rows(of(text)) == [(None, "PT", "NOR", "23", "100.00", "23.00")]


def test_what_rounding_explains_is_no_mismatch(of: Of) -> None:
    """Half a cent for the document, a cent for its line."""
    report = of(paper("FT A/1", taxed("100"), tax="23.015"))
    assert report.is_well


def test_more_than_rounding_explains_is_a_mismatch(of: Of) -> None:
    report = of(paper("FT A/1", taxed("100"), tax="23.02"))
    assert (report.is_well, compared(report)["mismatch"]) == (False, "0.02")


def test_mismatches_that_cancel_out_are_still_told(of: Of) -> None:
    report = of(paper("FT A/1", taxed("100"), tax="33"), paper("FT A/2", taxed("100"), tax="13"))
    assert (report.is_well, compared(report)["mismatch"]) == (False, "0.00")


amounts = st.decimals("0", "99999", places=2) | st.decimals("0", "9", places=6)
lines = st.builds(
    taxed,
    amounts.map(str),
    st.sampled_from(["23", "13.0", "6", "0", "22"]),
    side=st.sampled_from(["Credit", "Debit"]),
    kind=st.sampled_from(["IVA", "IVA", "IVA", "IS", "NS"]),
    region=st.sampled_from(["PT", "PT-MA"]),
    base=st.none() | amounts.map(str),
)
drafts = st.tuples(
    st.lists(lines, min_size=1, max_size=4),
    st.sampled_from(["2025-01-31", "2025-02-01"]),
    st.sampled_from("NNNARFS"),
    st.sampled_from(["FT", "FS", "NC", "ND"]),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(drafts, min_size=1, max_size=8))
def test_it_is_what_an_independent_sum_comes_to(
    source: Reports, store: Store, migrated: str, drawn: list[tuple[list[str], str, str, str]]
) -> None:
    empty(migrated)
    content = file_of(
        *(
            paper(f"{kind} A/{n}", *of_paper, day=day, status=status)
            for n, (of_paper, day, status, kind) in enumerate(drawn)
        )
    )
    load(store, content)
    frame = vat_report(source, Selection(COMPANY)).table.frame
    found = {tuple(row[:4]): tuple(row[4:]) for row in frame.itertuples(index=False, name=None)}
    assert found == vat_rows([content])


def test_money_is_decimal_in_every_cell(of: Of) -> None:
    stamp = taxed("50", "0.8", kind="IS", code="1.1")
    report = of(paper("FT A/1", taxed("100"), stamp, tax="25"))
    money = {
        "taxable_base",
        "vat",
        "tax_payable",
        "difference",
        "stamp_duty",
        "rounding",
        "mismatch",
    }
    kinds = {
        type(value)
        for table in report.tables
        for name in money & set(table.frame.columns)
        for value in table.frame[name]
    }
    assert kinds == {Decimal}
