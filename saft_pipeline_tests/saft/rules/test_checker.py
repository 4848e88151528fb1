"""All rules in one pass: masters, dates, and how much is kept."""

from __future__ import annotations

import pytest

from saft_pipeline.saft.rules.checker import check
from saft_pipeline_tests.saft.documents import document, invoice, reading, sales
from saft_pipeline_tests.saft.rules.findings_of import MASTERS, findings, of, rules


def test_unknown_customer_is_found() -> None:
    (finding,) = of(invoice().replace("<CustomerID>C1", "<CustomerID>C2"))
    assert (finding.rule, finding.found) == ("customer", "C2")


def test_unknown_product_is_found_at_each_line() -> None:
    (finding,) = of(invoice().replace("<ProductCode>P1", "<ProductCode>P2"))
    assert (finding.rule, finding.document, finding.found) == ("product", "FT A/1 line 1", "P2")


@pytest.mark.parametrize(
    ("date", "entered", "found"),
    [
        ("2025-03-01", "2025-03-01", []),
        ("2024-12-31", "2025-01-02", ["period"]),
        ("2025-03-02", "2025-03-01", ["invoice_date"]),
    ],
)
def test_date_is_in_the_period_and_not_after_its_entry(
    date: str, entered: str, found: list[str]
) -> None:
    text = invoice().replace("<InvoiceDate>2025-03-01", f"<InvoiceDate>{date}")
    text = text.replace("<SystemEntryDate>2025-03-01", f"<SystemEntryDate>{entered}")
    assert rules(of(text)) == found


def test_all_are_counted_and_the_first_are_kept() -> None:
    wrong = [invoice(f"FT A{n}").replace("ABCD1234-1", "0") for n in range(5)]
    records = reading(document(MASTERS, sales(*wrong, credit="50"))).records
    found = check(records, most=2)
    assert found.counts == {("invoice_no", "error"): 5, ("atcud", "error"): 5}
    assert rules(found.kept) == ["invoice_no", "atcud", "invoice_no", "atcud"]


def test_document_without_invoices_gives_no_finding() -> None:
    assert findings(document(MASTERS)) == []
