"""Control totals, declared and computed."""

from __future__ import annotations

import pytest

from saft_pipeline_tests.saft.documents import document, invoice, line, reading, sales
from saft_pipeline_tests.saft.rules.findings_of import findings


def test_control_totals_leave_out_cancelled_and_billed_invoices() -> None:
    found = reading(
        document(
            sales(
                invoice("FT A/1", line(1, "10.10") + line(2, "0.05", side="Debit")),
                invoice("FT A/2", status="A"),
                invoice("FT A/3", status="F"),
                invoice("FT A/4", line(1, "0.20"), status="R"),
                debit="0.05",
                credit="10.30",
            )
        )
    )
    assert found.totals.computed == (4, "0.05", "10.30")
    assert found.totals.declared == (4, "0.05", "10.30")
    assert found.warnings == []


@pytest.mark.parametrize(
    ("entries", "debit", "credit", "says"),
    [
        (2, "0", "10", "NumberOfEntries is declared as 2, and is 1"),
        (1, "5", "10", "TotalDebit is declared as 5, and is 0"),
        (1, "0", "10.01", "TotalCredit is declared as 10.01, and is 10.00"),
    ],
)
def test_control_total_that_differs_is_found_with_both(
    entries: int, debit: str, credit: str, says: str
) -> None:
    text = document(sales(invoice(), entries=entries, debit=debit, credit=credit))
    (finding,) = [f for f in findings(text) if f.rule == "control_totals"]
    assert f"{finding.document} is declared as {finding.found}, and is {finding.expected}" == (
        f"SalesInvoices/{says}"
    )
    assert finding.line == reading(text).totals.section_lines["sales_invoices"]


def test_other_sections_are_counted_and_summed() -> None:
    work = (
        "<WorkingDocuments><NumberOfEntries>2</NumberOfEntries><TotalDebit>0</TotalDebit>"
        "<TotalCredit>10</TotalCredit>{}{}</WorkingDocuments>"
    )
    status = "<DocumentStatus><WorkStatus>{}</WorkStatus></DocumentStatus>"
    one = f"<WorkDocument>{status}{{}}</WorkDocument>"
    goods = (
        "<MovementOfGoods><NumberOfMovementLines>1</NumberOfMovementLines>"
        "<TotalQuantityIssued>1</TotalQuantityIssued><StockMovement>{}</StockMovement>"
        "</MovementOfGoods>"
    )
    body = work.format(one.format("N", line()), one.format("A", line())) + goods.format(line())
    found = reading(document(f"<SourceDocuments>{body}</SourceDocuments>"))
    assert found.warnings == []
    assert found.totals.sections["working_documents"]["computed"] == {
        "number_of_entries": "2",
        "total_debit": "0",
        "total_credit": "10.00",
    }
    assert found.totals.sections["movement_of_goods"]["read"] == {"documents": 1, "lines": 1}


def test_ledger_is_passed_over_but_for_what_it_declares() -> None:
    ledger = (
        "<GeneralLedgerEntries><NumberOfEntries>3</NumberOfEntries><TotalDebit>1.50</TotalDebit>"
        "<TotalCredit>1.50</TotalCredit><Journal><Transaction><NumberOfEntries>9"
        "</NumberOfEntries></Transaction></Journal></GeneralLedgerEntries>"
    )
    found = reading(document(ledger, sales(invoice())))
    assert found.totals.sections == {
        "general_ledger_entries": {
            "declared": {"number_of_entries": "3", "total_debit": "1.50", "total_credit": "1.50"},
            "computed": {},
            "read": {"documents": 0, "lines": 0},
        }
    }
    assert found.warnings == []
