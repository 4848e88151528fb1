"""Each check is broken by a document that breaks one of its rules, and by no other."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest

from saft_pipeline.saft.rules.checker import check
from saft_pipeline.saft.rules.checks import CHECKS, NAMES, amiss, blocked, summaries
from saft_pipeline.saft.rules.findings import Finding, Findings, Rule
from saft_pipeline_tests.saft.documents import HEADER, document, invoice, line, reading, sales
from saft_pipeline_tests.saft.rules.findings_of import MASTERS, taxed, totals

SIGNED = f"<Hash>{'A' * 171}=</Hash>"


def numbered(number: int, text: str | None = None) -> str:
    """An invoice of series A with its ATCUD."""
    return (
        (text or invoice())
        .replace("FT A/1<", f"FT A/{number}<")
        .replace("ABCD1234-1<", f"ABCD1234-{number}<")
    )


def note(reference: str) -> str:
    """A credit note about a document."""
    named = f"<References><Reference>{reference}</Reference></References>\n"
    text = invoice("NC N/1", line(body=named, side="Debit"))
    return text.replace("<InvoiceType>FT", "<InvoiceType>NC").replace("ABCD1234", "NCND1234")


def of(*invoices: str, credit: str | None = None, debit: str = "0") -> str:
    total = credit if credit is not None else f"{10 * len(invoices)}"
    return document(MASTERS, sales(*invoices, credit=total, debit=debit))


RIGHT = {
    "plain": of(invoice()),
    "a series": of(numbered(1), numbered(2), numbered(3)),
    "a credit note": of(invoice(), note("FT A/1"), credit="10", debit="10"),
    "a credit note for what an earlier file holds": of(
        invoice(), note("FT B/1"), credit="10", debit="10"
    ),
    "a rate of the Azores": of(
        invoice(lines=taxed("10.00", "16", region="PT-AC"), totals=totals("1.60", "10.00", "11.60"))
    ),
    "signatures": of(
        numbered(1).replace("<Hash>0</Hash>", SIGNED),
        numbered(2).replace("<Hash>0</Hash>", SIGNED.replace("AAAA", "BBBB", 1)),
    ),
}
WRONG = [
    ("control_totals", of(invoice(), credit="11")),
    ("gross_total", of(invoice(totals=totals("2.30", "10.00", "12.40")))),
    ("line_totals", of(invoice(totals=totals("2.40", "10.10", "12.50")))),
    ("nif", of(invoice()).replace(HEADER, HEADER.replace("599999993", "599999994"))),
    ("atcud", of(invoice().replace("ABCD1234-1", "0"))),
    ("hash", of(invoice().replace("<Hash>0</Hash>", "<Hash>none</Hash>"))),
    ("hash", of(*(numbered(n).replace("<Hash>0</Hash>", SIGNED) for n in (1, 2)))),
    ("series_gaps", of(numbered(1), numbered(3))),
    ("series_order", of(numbered(1), numbered(2).replace("2025-03-01", "2025-02-01"))),
    ("document_dates", of(invoice().replace("<InvoiceDate>2025", "<InvoiceDate>2024"))),
    ("credit_notes", of(invoice(), note("FT A/2"), credit="10", debit="10")),
    (
        "tax_rates",
        of(invoice(lines=taxed("10.00", "20"), totals=totals("2.00", "10.00", "12.00"))),
    ),
    (
        "tax_exemptions",
        of(invoice(lines=taxed("10.00", "0", "ISE"), totals=totals("0.00", "10.00", "10.00"))),
    ),
    ("master_files", of(invoice().replace("<ProductCode>P1", "<ProductCode>P2"))),
]


def found(text: str) -> dict[str, int]:
    """How much each check finds in a document, if anything."""
    findings = check(reading(text).records)
    return {each.name: n for each in CHECKS if (n := amiss(each, findings))}


def test_every_rule_belongs_to_one_check() -> None:
    assert Counter(rule for each in CHECKS for rule in each.rules) == Counter(get_args(Rule))


def test_every_check_is_broken_here() -> None:
    assert {name for name, _ in WRONG} == set(NAMES)


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_no_check_finds_anything_in_a_right_document(text: str) -> None:
    assert found(text) == {}


@pytest.mark.parametrize(("name", "text"), WRONG, ids=[name for name, _ in WRONG])
def test_a_document_that_breaks_a_check_breaks_no_other(name: str, text: str) -> None:
    assert list(found(text)) == [name]


GROSS = of(invoice(totals=totals("2.30", "10.00", "12.40")))


def findings(text: str) -> Findings:
    return check(reading(text).records)


def test_a_file_is_blocked_by_what_is_named_with_all_that_was_found() -> None:
    reason = blocked("a/f.xml", findings(GROSS), ["gross_total"])
    assert reason == (
        "a/f.xml:25: check gross_total: FT A/1: 12.40, expected 12.30 "
        "(findings: 1; BLOCK_ON names this check)"
    )


def test_a_file_is_not_blocked_by_what_is_not_named() -> None:
    assert blocked("f.xml", findings(GROSS), ["nif", "atcud"]) is None


def test_a_file_is_not_blocked_by_what_it_alone_cannot_show() -> None:
    text = RIGHT["a credit note for what an earlier file holds"]
    assert blocked("f.xml", findings(text), NAMES) is None


def test_the_first_that_blocks_is_told_however_much_only_informs() -> None:
    many = Findings(most=2)
    for severity in ("info", "info", "info", "warning"):
        many.add(Finding("reference", severity, 7, "NC N/1", "a document", "FT A/2"))
    assert "FT A/2" in (blocked("f.xml", many, ["credit_notes"]) or "")


def test_the_ledger_is_told_once_a_check() -> None:
    text = of(*(numbered(n).replace(f"ABCD1234-{n}<", "0<") for n in (1, 2, 3)))
    (told,) = summaries(findings(text), [])
    assert (told["code"], told["findings"]) == ("atcud", 3)


def test_the_ledger_is_not_told_again_what_reading_warned_of() -> None:
    text = of(invoice(), credit="11")
    warnings = reading(text).warnings
    assert [w["code"] for w in warnings] == ["control_totals"]
    assert list(summaries(findings(text), warnings)) == []
