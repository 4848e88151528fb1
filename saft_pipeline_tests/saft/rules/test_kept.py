"""What is kept of files by process: none of it is told of another file."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from saft_pipeline.saft.rules import alone, documents, kept
from saft_pipeline.saft.rules.checker import check
from saft_pipeline.saft.rules.findings import Finding
from saft_pipeline_tests.saft.documents import document, invoice, reading, sales
from saft_pipeline_tests.saft.rules.alike import numbered
from saft_pipeline_tests.saft.rules.findings_of import MASTERS

_RATE = (
    "<TaxTable><TaxTableEntry><TaxType>IVA</TaxType><TaxCountryRegion>PT</TaxCountryRegion>"
    "<TaxCode>NOR</TaxCode><Description>x</Description><TaxPercentage>23</TaxPercentage>"
    "</TaxTableEntry></TaxTable>"
)
_SUPPLIER = (
    "<Supplier><SupplierID>S1</SupplierID><SelfBillingIndicator>0</SelfBillingIndicator></Supplier>"
)
_MASTERS = MASTERS.replace("<Product>", f"{_SUPPLIER}<Product>")
_MASTERS = _MASTERS.replace("</MasterFiles>", f"{_RATE}</MasterFiles>")
RIGHT = document(_MASTERS, sales(*[numbered(f"{n}") for n in (1, 2)], credit="20"))

# What differs in the next file, and the rule that tells of it.
DIFFERENT = [
    ("<StartDate>2025-01-01", "<StartDate>2025-03-02", "period"),
    ("<EndDate>2025-12-31", "<EndDate>2025-02-28", "period"),
    ("<FiscalYear>2025", "<FiscalYear>2023", "fiscal_year"),
    ("<DateCreated>2026", "<DateCreated>2024", "date_created"),
    ("Basis>F<", "Basis>X<", "tax_accounting_basis"),
    ("Number>599999993</Tax", "Number>599999999</Tax", "nif"),
    ("<City>Porto</City>\n", "", "mandatory"),
    ("<TaxEntity>Global</TaxEntity>", "", "mandatory"),
    ("CertificateNumber>0<", "CertificateNumber>1<", "hash"),
    ("<CustomerID>C1</CustomerID><A", "<CustomerID>C2</CustomerID><A", "customer"),
    ("<CustomerTaxID>999999990", "<CustomerTaxID>599999999", "customer_nif"),
    ("<Country>PT</Country></B", "<Country>XX</Country></B", "customer_country"),
    ("</BillingAddress><SelfBillingIndicator>0</SelfBillingIndicator>", "</BillingAddress>",
     "mandatory_master"),
    ("S1</SupplierID><SelfBillingIndicator>0", "S1</SupplierID><SelfBillingIndicator>2",
     "special_regimes"),
    ("<ProductType>P<", "<ProductType>X<", "product_type"),
    ("<ProductCode>P1</ProductCode><ProductD", "<ProductCode>P2</ProductCode><ProductD", "product"),
    ("<ProductNumberCode>P1</ProductNumberCode>", "", "mandatory_master"),
    ("(<Product>.*</Product>)", r"\1\1", "repeated_product"),
    ("<Product>.*</Product>", "", "extract"),
    ("<Customer>.*</Customer>", "", "customer"),
    ("<TaxPercentage>23</TaxPercentage></TaxTable", "<TaxPercentage>6</TaxPercentage></TaxTable",
     "tax_table"),
    ("<TaxCountryRegion>PT</TaxCountryRegion><TaxCode>NOR</TaxCode><D",
     "<TaxCountryRegion>QQ</TaxCountryRegion><TaxCode>NOR</TaxCode><D", "tax_country_region"),
    ("<InvoiceType>FT", "<InvoiceType>VD", "invoice_type_ended"),
    ("<InvoiceStatus>N", "<InvoiceStatus>Q", "invoice_status"),
    ("ABCD1234-2", "ABCD1235-2", "atcud"),
]  # fmt: skip


def _forget() -> None:
    """As in a process that has read no file yet."""
    for known in (alone._kept_header, alone._kept_customer, alone._kept_other):
        known.cache_clear()
    kept._kept.cache_clear()
    kept._RIGHT.clear()
    documents._coded.cache_clear()


def _found(text: str) -> list[Finding]:
    return check(reading(text).records).kept


def _found_first(text: str) -> list[Finding]:
    _forget()
    return _found(text)


@pytest.mark.parametrize(("given", "other", "rule"), DIFFERENT)
def test_a_file_that_differs_is_told_of_after_others(given: str, other: str, rule: str) -> None:
    different = re.sub(given, other, RIGHT, flags=re.DOTALL)
    of_right, of_different = _found_first(RIGHT), _found_first(different)
    before = {f._replace(line=None) for f in of_right}
    assert rule in {f.rule for f in of_different if f._replace(line=None) not in before}
    _forget()
    for text, found in ((RIGHT, of_right), (different, of_different)) * 2:
        assert [_found(text) for _ in range(2)] == [found, found]


def test_a_rule_of_a_later_version_is_told_after_a_file_of_an_earlier_one() -> None:
    later = RIGHT.replace("<ATCUD>ABCD1234-1</ATCUD>", "")
    earlier = later.replace("<AuditFileVersion>1.04_01", "<AuditFileVersion>1.03_01")
    assert "atcud" not in {f.rule for f in _found_first(earlier)}
    assert "atcud" in {f.rule for f in _found(later)}
    assert "atcud" not in {f.rule for f in _found(earlier)}


def test_each_finding_of_what_is_kept_has_the_line_of_its_own_file() -> None:
    wrong = RIGHT.replace("<ProductType>P<", "<ProductType>X<")
    wrong = wrong.replace("<CustomerTaxID>999999990", "<CustomerTaxID>599999999")
    wrong = wrong.replace("Basis>F<", "Basis>X<")
    below = wrong.replace("<Header>", "\n\n\n<Header>")
    lines = [f.line for f in _found_first(wrong) if f.line]
    assert len(lines) >= 3
    assert [f.line for f in _found(below) if f.line] == [number + 3 for number in lines]


def test_a_line_that_was_right_before_is_found_where_its_rate_was_not_in_force() -> None:
    early = RIGHT.replace("2025-03-01", "2009-06-01").replace("2025-01-01", "2009-01-01")
    _found_first(RIGHT)
    assert "tax_rate" in {f.rule for f in _found(early)}


def test_a_first_document_with_the_code_of_another_series_is_found() -> None:
    second = invoice("FT B/1")
    found = _found(document(_MASTERS, sales(numbered("1"), second, credit="20")))
    assert [f.document for f in found if f.rule == "atcud_series"] == ["FT B/1"]


def test_a_number_of_another_form_is_found_at_the_first_of_a_series() -> None:
    found = _found(document(_MASTERS, sales(invoice("FTA/1"))))
    assert "invoice_no" in {f.rule for f in found}


def test_lines_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_MOST_LINES", 5)
    several = [numbered(f"{n}").replace("Price>10.00", f"Price>10.00{n}") for n in range(10, 40)]
    content = document(_MASTERS, sales(*several))
    _found_first(content)
    records = reading(content).records
    check(records)
    known = kept.kept("1.04", _rates(), is_extract=False)
    assert 0 < sum(len(of) for era in known.lines.values() for of in era.values()) <= 5


def _rates() -> tuple[tuple[tuple[str, str, str], str], ...]:
    return ((("IVA", "PT", "NOR"), "23"),)


def test_a_tax_table_that_is_too_large_is_not_kept() -> None:
    before = kept._kept.cache_info().currsize
    rates = tuple((("IVA", "PT", f"{n}"), "1") for n in range(kept._MOST_RATES + 1))
    kept.kept("1.04", rates, is_extract=False)
    assert kept._kept.cache_info().currsize == before


def test_files_read_by_threads_are_told_of_each_by_itself() -> None:
    texts = [re.sub(given, other, RIGHT, flags=re.DOTALL) for given, other, _ in DIFFERENT]
    wanted = [_found_first(text) for text in texts]
    _forget()
    with ThreadPoolExecutor(4) as threads:
        for _ in range(5):
            assert list(threads.map(_found, texts)) == wanted


def test_a_line_that_was_right_before_is_found_with_a_tax_point_of_another_time() -> None:
    several = [numbered(f"{n}").replace("2025-03-01", "2002-01-01") for n in range(1, 7)]
    point = "<TaxPointDate>2002-01-01"  # of before the oldest rate that is known
    several[-1] = several[-1].replace(point, "<TaxPointDate>2005-01-01")
    found = _found_first(document(_MASTERS, sales(*several, credit="60")))
    assert [f.document for f in found if f.rule == "tax_rate"] == ["FT A/6 line 1"]
