"""Each check is broken by a document that breaks one of its rules, and by no other."""

from __future__ import annotations

from saft_pipeline.saft.rules.checker import check
from saft_pipeline.saft.rules.checks import NAMES, blocked, summaries
from saft_pipeline.saft.rules.findings import Findings, finding
from saft_pipeline.saft.rules.registry import RULES
from saft_pipeline_tests.saft.documents import document, invoice, line, reading, sales
from saft_pipeline_tests.saft.rules.findings_of import MASTERS, WANTED, totals


def numbered(number: int) -> str:
    """An invoice of series A with its ATCUD."""
    text = invoice().replace("FT A/1<", f"FT A/{number}<")
    return text.replace("ABCD1234-1<", f"ABCD1234-{number}<")


def of(*invoices: str, credit: str | None = None) -> str:
    total = credit if credit is not None else f"{10 * len(invoices)}"
    return document(MASTERS, sales(*invoices, credit=total))


def test_every_rule_belongs_to_one_check_and_every_check_can_find_something() -> None:
    assert {rule.check for rule in RULES.values()} == set(NAMES)


GROSS = of(invoice(totals=totals("2.30", "10.00", "12.40")))


def findings(text: str) -> Findings:
    return check(reading(text).records, only=WANTED)


def test_a_file_is_blocked_by_what_is_named_with_all_that_was_found() -> None:
    reason = blocked("a/f.xml", findings(GROSS), ["gross_total"])
    assert reason == (
        "a/f.xml:25: check gross_total: FT A/1: 12.40, expected 12.30 "
        "(findings: 1; BLOCK_ON names this check)"
    )


def test_a_file_is_not_blocked_by_what_is_not_named() -> None:
    assert blocked("f.xml", findings(GROSS), ["nif", "atcud"]) is None


def test_a_file_is_not_blocked_by_what_it_alone_cannot_show() -> None:
    note = line(body="<References><Reference>FT B/1</Reference></References>", side="Debit")
    text = document(MASTERS, sales(invoice("NC N/1", note), credit="0", debit="10"))
    assert blocked("f.xml", findings(text.replace(">FT<", ">NC<")), NAMES) is None


def test_the_first_that_blocks_is_told_however_much_only_informs() -> None:
    many = Findings(most=2)
    for rule in ("reference_elsewhere", "reference_elsewhere", "reference_elsewhere", "reference"):
        many.add(finding(rule, 7, "NC N/1", "a document", "FT A/2"))
    assert "FT A/2" in (blocked("f.xml", many, ["credit_notes"]) or "")


def test_the_ledger_is_told_once_a_check() -> None:
    text = of(*(numbered(n).replace(f"ABCD1234-{n}<", "0<") for n in (1, 2, 3)))
    (told,) = summaries(findings(text), [])
    assert (told["code"], told["findings"]) == ("atcud", 3)


def test_the_ledger_is_not_told_again_what_reading_warned_of() -> None:
    text = of(invoice()).replace("1.04_01</A", "1.05_01</A")
    warnings = reading(text).warnings
    assert [w["code"] for w in warnings] == ["version"]
    assert list(summaries(findings(text), warnings)) == []
