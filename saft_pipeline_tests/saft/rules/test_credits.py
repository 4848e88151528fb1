"""Credit notes that are compared where they stand: nothing is said or kept otherwise."""

from __future__ import annotations

import re

import pytest

from saft_pipeline.saft.records import Invoice
from saft_pipeline.saft.rules.checker import check
from saft_pipeline.saft.rules.glance import Glance
from saft_pipeline_tests.saft.documents import document, invoice, line, reading, sales
from saft_pipeline_tests.saft.rules.alike import assert_alike, numbered
from saft_pipeline_tests.saft.rules.findings_of import MASTERS


def _note(number: int, reference: str = "FT A/1", *, given: str = "10.00") -> str:
    body = f"<References><Reference>{reference}</Reference></References>"
    lines = line(amount=given, side="Debit", body=body).replace(">23<", ">0<").replace("NOR", "ISE")
    reason = "<TaxExemptionReason>x</TaxExemptionReason><TaxExemptionCode>M07</TaxExemptionCode>"
    text = invoice(f"NC A/{number}", lines.replace("</Tax>", f"</Tax>{reason}"))
    text = text.replace("ABCD1234-1", f"WXYZ1234-{number}").replace("Type>FT<", "Type>NC<")
    text = text.replace("<TaxPayable>2.30", "<TaxPayable>0").replace(
        "Total>10.00", f"Total>{given}"
    )
    return text.replace("Total>12.30", f"Total>{given}")


CANCELLED = numbered("3").replace("Status>N<", "Status>A<")
NOTES_OF_ONE = [_note(n, given="2.00") for n in range(1, 6)]


@pytest.mark.parametrize(
    ("last", "found"),
    [
        (_note(6, given="2.00"), None),
        (_note(6, given="2.32"), "credit_amount"),
        (_note(6, "FT A/2").replace("03-01", "02-28"), "credit_date"),
        (_note(6, "FT A/2").replace("CustomerID>C1", "CustomerID>C2"), "credit_customer"),
        (_note(6, "FT A/3"), "credit_cancelled"),
        (_note(6, "FT A/9"), "reference"),
        (_note(6, "FT Z/1"), "reference_elsewhere"),
        (_note(6, "FT A/02"), None),
        (_note(6, "?"), "reference"),
    ],
)
def test_a_note_is_compared_with_its_document_after_many_that_were_right(
    last: str, found: str | None
) -> None:
    documents = [numbered("1"), numbered("2"), CANCELLED, numbered("4")]
    content = document(MASTERS, sales(*documents, *NOTES_OF_ONE, last)).encode()
    assert_alike(content)
    of_notes = {"credit_amount", "credit_date", "credit_customer", "credit_cancelled"}
    of_notes |= {"reference", "reference_elsewhere"}
    counts = check(reading(content).records).counts
    assert of_notes & counts.keys() == ({found} if found else set())


def _note_of_two(number: int, other: str) -> str:
    first, second = (_note(number, of, given="1.00") for of in ("FT A/1", other))
    lines = re.search("<Line>.*</Line>", second, re.DOTALL)
    assert lines
    both = first.replace("</Line>", "</Line>" + lines[0].replace("Number>1<", "Number>2<"))
    return both.replace("Total>1.00", "Total>2.00")


def test_each_of_the_documents_that_a_note_corrects_is_compared() -> None:
    documents = [numbered("1"), numbered("2"), CANCELLED]
    notes = [_note_of_two(1, "FT A/2"), _note_of_two(2, "FT A/2"), _note_of_two(3, "FT A/3")]
    content = document(MASTERS, sales(*documents, *notes)).encode()
    assert_alike(content)
    assert check(reading(content).records).counts["credit_cancelled"] == 1


def test_a_cancelled_note_refers_to_a_document_too() -> None:
    notes = [_note(n) for n in range(1, 6)]
    notes.append(_note(6, "FT A/0"))
    notes = [note.replace("Status>N<", "Status>A<") for note in notes]
    notes = [re.sub("(?<=StatusDate>)\\s*<SourceID>", "<Reason>x</Reason>\\g<0>", n) for n in notes]
    content = document(MASTERS, sales(numbered("1"), *notes)).encode()
    assert_alike(content)
    assert check(reading(content).records).counts["reference_elsewhere"] == 1


def test_notes_are_seen_to_by_the_first_look(monkeypatch: pytest.MonkeyPatch) -> None:
    content = document(MASTERS, sales(numbered("1"), *NOTES_OF_ONE)).encode()
    check(reading(content).records)  # their codes are known from here on
    asked: list[object] = []
    real = Glance.rules_for

    def noted(self: Glance, invoice: Invoice) -> object:
        rules = real(self, invoice)
        asked.append(rules)
        return rules

    monkeypatch.setattr(Glance, "rules_for", noted)
    check(reading(content).records)
    assert asked[-4:] == [[], [], [], []]
