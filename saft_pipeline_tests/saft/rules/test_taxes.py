"""VAT rates by region, code and day; exemption reasons."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from saft_pipeline.saft.rules.codes import EXEMPTION_CODES, INVOICE_TYPES
from saft_pipeline.saft.rules.findings import Finding
from saft_pipeline.saft.rules.rates import RATES, rates_between
from saft_pipeline.saft.rules.taxes import era
from saft_pipeline_tests.saft.documents import invoice
from saft_pipeline_tests.saft.rules.findings_of import of, rules, taxed, totals


@pytest.mark.parametrize(
    ("region", "code", "day", "rate"),
    [
        ("PT", "NOR", "2008-06-30", "21"),
        ("PT", "NOR", "2008-07-01", "20"),
        ("PT", "NOR", "2010-06-30", "20"),
        ("PT", "NOR", "2010-07-01", "21"),
        ("PT", "NOR", "2010-12-31", "21"),
        ("PT", "NOR", "2011-01-01", "23"),
        ("PT", "INT", "2010-06-30", "12"),
        ("PT", "INT", "2010-07-01", "13"),
        ("PT", "RED", "2010-06-30", "5"),
        ("PT", "RED", "2010-07-01", "6"),
        ("PT-AC", "NOR", "2013-12-31", "16"),
        ("PT-AC", "NOR", "2014-01-01", "18"),
        ("PT-AC", "NOR", "2021-06-30", "18"),
        ("PT-AC", "NOR", "2021-07-01", "16"),
        ("PT-AC", "INT", "2015-06-30", "10"),
        ("PT-AC", "INT", "2015-07-01", "9"),
        ("PT-AC", "RED", "2015-06-30", "5"),
        ("PT-AC", "RED", "2015-07-01", "4"),
        ("PT-MA", "NOR", "2012-03-31", "16"),
        ("PT-MA", "NOR", "2012-04-01", "22"),
        ("PT-MA", "INT", "2012-04-01", "12"),
        ("PT-MA", "RED", "2024-09-30", "5"),
        ("PT-MA", "RED", "2024-10-01", "4"),
        ("PT", "ISE", "2025-01-01", "0"),
    ],
)
def test_rate_in_force(region: str, code: str, day: str, rate: str) -> None:
    assert rates_between(region, code, day, day) == [rate]


def of_tax(percentage: str, code: str = "NOR", region: str = "PT", body: str = "") -> list[Finding]:
    text = taxed("10.00", percentage, code, region).replace("</Tax>", f"</Tax>{body}")
    tax = f"{float(percentage) / 10:.2f}"
    return of(invoice(lines=text, totals=totals(tax, "10.00", f"{10 + float(tax):.2f}")))


@pytest.mark.parametrize(
    ("percentage", "code", "region"),
    [
        ("23.00", "NOR", "PT"),
        ("16", "NOR", "PT-AC"),
        ("4", "RED", "PT-MA"),
        ("21", "NOR", "ES"),
        ("7", "OUT", "PT"),
    ],
)
def test_right_rate_is_no_finding(percentage: str, code: str, region: str) -> None:
    assert of_tax(percentage, code, region) == []


def test_wrong_rate_is_found_with_the_right_one() -> None:
    (finding,) = of_tax("21")
    assert finding[:2] == ("tax_rate", "warning")
    assert (finding.expected, finding.found) == ("23 % (PT, NOR, 2025-03-01)", "21 %")
    assert finding.document == "FT A/1 line 1"


def test_correction_may_have_the_rate_of_what_it_corrects() -> None:
    reference = "<References><Reference>FT A/1</Reference></References><Description>"
    text = taxed("10.00", "21").replace("<Description>", reference)
    paid = totals("2.10", "10.00", "12.10")
    late = invoice("FT A/2", lines=text, totals=paid).replace("ABCD1234-1", "ABCD1234-2")
    assert of(invoice("FT A/1"), late) == []


def test_day_of_taxation_counts_before_that_of_the_invoice() -> None:
    text = taxed("10.00", "20").replace("<TaxPointDate>2025-03-01", "<TaxPointDate>2010-06-30")
    assert of(invoice(lines=text, totals=totals("2.00", "10.00", "12.00"))) == []


EXEMPT = (
    "<TaxExemptionReason>Isento artigo 9.º do CIVA</TaxExemptionReason>"
    "<TaxExemptionCode>M07</TaxExemptionCode>"
)


@pytest.mark.parametrize(
    ("percentage", "code", "body", "found"),
    [
        ("0", "ISE", EXEMPT, []),
        ("0", "ISE", "", ["tax_exemption"]),
        ("23", "NOR", EXEMPT, ["tax_exemption"]),
        ("0", "ISE", EXEMPT.partition("<TaxExemptionCode>")[0], ["tax_exemption"]),
    ],
)
def test_exemption_stands_with_its_reason_and_code(
    percentage: str, code: str, body: str, found: list[str]
) -> None:
    assert rules(of_tax(percentage, code, body=body)) == found


def test_each_wrong_line_is_found() -> None:
    lines = taxed("5.00", "20") + taxed("5.00", "20").replace("<LineNumber>1", "<LineNumber>2")
    found = of(invoice(lines=lines, totals=totals("2.00", "10.00", "12.00")))
    assert rules(found) == ["tax_rate", "tax_rate"]


def test_days_of_one_era_have_the_same_rates_exemption_codes_and_types() -> None:
    def in_force(on: str) -> tuple[list[bool], list[list[str]]]:
        lists = EXEMPTION_CODES, INVOICE_TYPES
        codes = [codes.in_force(row.value, on) for codes in lists for row in codes.rows]
        return codes, [rates_between(*key, on, on) for key in RATES]

    first = date(1990, 1, 1)
    days = [(first + timedelta(n)).isoformat() for n in range(15_000)]
    changes = [b for a, b in pairwise(days) if in_force(a) != in_force(b)]
    assert [b for a, b in pairwise(days) if era(a) != era(b)] == changes
