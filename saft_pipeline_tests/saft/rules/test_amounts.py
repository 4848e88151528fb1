"""Totals against each other and against the lines, with the slack that rounding needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saft_pipeline_tests.saft.documents import document, invoice, line, sales
from saft_pipeline_tests.saft.rules.findings_of import MASTERS, findings, of, rules, taxed, totals


def with_amounts(*amounts: str, tax: str, net: str, gross: str) -> str:
    lines = "".join(
        taxed(a).replace("<LineNumber>1", f"<LineNumber>{n}") for n, a in enumerate(amounts, 1)
    )
    return invoice(lines=lines, totals=totals(tax, net, gross))


def test_right_amounts_give_no_finding() -> None:
    assert of(invoice()) == []


@pytest.mark.parametrize(
    ("tax", "net", "gross", "rule", "expected"),
    [
        ("2.30", "10.00", "12.32", "gross_total", "12.30"),
        ("2.30", "10.02", "12.32", "net_total", "10.00"),
        ("2.32", "10.00", "12.32", "tax_payable", "2.30"),
    ],
)
def test_total_that_does_not_follow_is_found(
    tax: str, net: str, gross: str, rule: str, expected: str
) -> None:
    (finding,) = of(with_amounts("10.00", tax=tax, net=net, gross=gross))
    assert finding.rule == rule
    assert float(finding.expected or "nan") == float(expected)
    assert (finding.document, finding.line) == ("FT A/1", 25)


@pytest.mark.parametrize(
    ("amounts", "tax", "net", "gross"),
    [
        (("3.333333", "3.333333", "3.333333"), "2.30", "10.00", "12.30"),  # unrounded lines
        (("0.35", "0.35", "0.35"), "0.24", "1.05", "1.29"),  # tax rounded for each line
        (("0.35", "0.35", "0.35"), "0.2415", "1.05", "1.2915"),  # unrounded totals
        (("8.13",), "1.87", "8.13", "10.00"),  # from a price that includes the tax
        (("200000000.00",), "46000000.00", "200000000.00", "246000000.00"),
    ],
)
def test_rounding_is_no_finding(amounts: tuple[str, ...], tax: str, net: str, gross: str) -> None:
    found = of(with_amounts(*amounts, tax=tax, net=net, gross=gross))
    assert rules(found) in ([], ["control_totals"])


def test_large_amounts_are_compared_exactly() -> None:
    found = of(
        with_amounts(
            "90071992547409.93", tax="20716558285904.28", net="90071992547409.93",
            gross="110788550833314.23",
        ),
        credit="90071992547409.93",
    )  # fmt: skip
    assert ("gross_total", "110788550833314.21") in [(f.rule, f.expected) for f in found]


def test_credit_note_has_positive_totals_over_debit_lines() -> None:
    note = invoice("NC A/1", line(side="Debit")).replace(">FT<", ">NC<")
    found = findings(document(MASTERS, sales(note, debit="10", credit="0")))
    assert rules(found) == ["reference"]


def test_tax_base_is_taxed_where_the_price_is_zero() -> None:
    base = line(amount="0").replace("<TaxPointDate>", "<TaxBase>100.00</TaxBase><TaxPointDate>")
    found = of(invoice(lines=base, totals=totals("23.00", "0.00", "23.00")), credit="0")
    assert found == []


def test_tax_amount_is_taken_as_it_is() -> None:
    stamp = line().replace("<TaxPercentage>23</TaxPercentage>", "<TaxAmount>0.40</TaxAmount>")
    assert of(invoice(lines=stamp, totals=totals("0.40", "10.00", "10.40"))) == []


def test_line_has_one_side() -> None:
    both = line().replace("<CreditAmount>", "<DebitAmount>1</DebitAmount><CreditAmount>")
    found = findings(document(MASTERS, sales(invoice(lines=both), debit="1")))
    assert [(f.rule, f.found) for f in found] == [("line_side", "1 and 10.00")]


def test_control_totals_that_differ_are_found() -> None:
    text = document(MASTERS, sales(invoice(), entries=2, credit="10.01"))
    assert [(f.document, f.expected, f.found) for f in findings(text)] == [
        ("SalesInvoices/NumberOfEntries", "1", "2"),
        ("SalesInvoices/TotalCredit", "10.00", "10.01"),
    ]


def test_control_total_that_is_rounded_is_no_finding() -> None:
    lines = line(amount="10.004")
    found = of(invoice(lines=lines, totals=totals("2.30", "10.00", "12.30")), credit="10.00")
    assert found == []


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=20), st.sampled_from(["0", "6", "23"]))
def test_totals_that_were_added_up_are_never_found(cents: list[int], percentage: str) -> None:
    """Each line's tax is rounded to cents, as tills do it."""
    lines = "".join(
        taxed(f"{c / 100:.2f}", percentage).replace("<LineNumber>1", f"<LineNumber>{n}")
        for n, c in enumerate(cents, 1)
    )
    tax = sum(round(c * int(percentage) / 100) for c in cents)
    net = sum(cents)
    total = totals(*(f"{v / 100:.2f}" for v in (tax, net, tax + net)))
    found = of(invoice(lines=lines, totals=total), credit=f"{net / 100:.2f}")
    assert not {"gross_total", "net_total", "tax_payable"} & set(rules(found))
