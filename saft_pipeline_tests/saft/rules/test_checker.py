"""All rules in one pass: masters, dates, and how much is kept."""

from __future__ import annotations

import io

import pytest

from saft_pipeline.saft.reader import read_document
from saft_pipeline.saft.records import Invoice
from saft_pipeline.saft.rules.checker import Checker, check
from saft_pipeline.saft.rules.findings import Findings
from saft_pipeline_tests.saft.documents import HEADER, document, invoice, reading, sales
from saft_pipeline_tests.saft.rules.conformance import Case, cases, varied
from saft_pipeline_tests.saft.rules.findings_of import MASTERS, WANTED, findings, of, rules
from saft_pipeline_tests.saft.test_corpus import CORPUS, found_in


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
    found = check(records, most=2, only=WANTED)
    assert found.counts == {"invoice_no": 5, "atcud": 5}
    assert rules(found.kept) == ["invoice_no", "atcud", "invoice_no", "atcud"]


def test_document_without_invoices_gives_no_finding() -> None:
    assert findings(document(MASTERS)) == []


NUMBERS = ("FT A/2", "FT A/x", "FT A-2", "FTA/2", "FT A/٢", "FT/2", "FT A/", f"FT A/{'2' * 30}")


def _by_a_copy(content: str | bytes) -> Findings:
    """What is found where a copy of the checker looks at invoices, as in a second process."""
    checker, copy = Checker(), Checker()
    for record in reading(content).records:
        if isinstance(record, Invoice):
            checker.see_examined(copy.examine(record))
        else:
            checker.see(record)
            copy.see(record)
    return checker.finish()


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("version", ["1.03_01", "1.04_01"])
def test_a_copy_finds_a_malformed_number_after_good_ones(number: str, version: str) -> None:
    header = HEADER.replace("1.04_01", version)
    several = [invoice("FT A/1"), *[invoice(f"FT B/{n}") for n in range(1, 4)], invoice(number)]
    content = document(MASTERS, sales(*several), header=header)
    found, of_copy = check(reading(content).records), _by_a_copy(content)
    assert (of_copy.kept, of_copy.counts) == (found.kept, found.counts)


def test_a_copy_finds_what_is_found_without_one() -> None:
    assert [case.name for case in (*cases(), *varied()) if not _is_same_by_a_copy(case)] == []


def _is_same_by_a_copy(case: Case) -> bool:
    found, of_copy = check(reading(case.content).records), _by_a_copy(case.content)
    return (of_copy.kept, of_copy.counts) == (found.kept, found.counts)


@pytest.mark.skipif(not CORPUS.exists(), reason=f"no corpus at {CORPUS}")
@pytest.mark.parametrize(
    ("stem", "rule", "document", "found"),
    [
        ("php-missing-customer-invoice", "customer", "1IECTR EC/5", "CB23999"),
        ("php-missing-product-invoice", "product", "1T 1/1 line 1", "FAT01999"),
        ("php-missing-invoice", "series_gap", "1T 1/4", None),
        ("php-repeated-invoice-internal-code", "series_type", "1T 1/2", "FR"),
        ("php-permissivo-error", "atcud", "1T 1/1", None),
        ("rux-idemo-1.04", "control_totals", "WorkingDocuments/TotalCredit", "1475.85"),
    ],
)
def test_fault_that_a_file_of_the_corpus_is_named_after_is_found(
    stem: str, rule: str, document: str, found: str | None
) -> None:
    faulty, right = (
        check(found_in(CORPUS / f"{name}.xml").records).kept for name in (stem, "php-idemo")
    )
    assert rule not in rules(right)
    first = next(f for f in faulty if f.rule == rule)
    assert (first.document, first.found) == (document, found)


def test_of_what_the_reader_told_a_hundred_times_all_are_counted() -> None:
    twice = "<Period>1</Period>" * 2 + "<InvoiceDate>"
    numbers = [invoice(f"FT A/{n}").replace("<InvoiceDate>", twice) for n in range(1, 121)]
    text = document(MASTERS, sales(*numbers, credit="1200")).encode()
    with read_document(io.BytesIO(text), name="f.xml") as opened:
        checker = Checker(only=WANTED)
        for record in opened:
            checker.see(record)
        found = checker.finish(opened.warnings, opened.warning_counts)
    assert found.counts["repeated_element"] == 120
