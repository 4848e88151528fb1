"""Gaps, order, chain and references within the series of a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saft_pipeline.saft.records import Invoice
from saft_pipeline.saft.rules.findings import Finding
from saft_pipeline.saft.rules.series import AllSeries
from saft_pipeline_tests.saft.documents import document as document_of
from saft_pipeline_tests.saft.documents import invoice, line, reading, sales
from saft_pipeline_tests.saft.rules.findings_of import of, rules


def numbered(number: str, *, date: str = "2025-03-01", signature: str = "0") -> str:
    text = invoice(number).replace("ABCD1234-1", f"ABCD1234-{number.rpartition('/')[2]}")
    text = text.replace("ABCD1234-", f"{number.rpartition('/')[0].replace(' ', ''):0<8}-")
    text = text.replace("Date>2025-03-01", f"Date>{date}")
    return text.replace("<Hash>0<", f"<Hash>{signature}<")


def series(*numbers: int) -> list[str]:
    return [numbered(f"FT A/{n}") for n in numbers]


@pytest.mark.parametrize("numbers", [(1, 2, 3), (7, 8), (3, 2, 1), (2, 1, 4, 3)])
def test_series_without_gaps_gives_no_finding_in_whatever_order(numbers: tuple[int, ...]) -> None:
    assert of(*series(*numbers)) == []


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((1, 3), "FT A/2"),
        ((1, 2, 9), "FT A/3 to FT A/8"),
        ((9, 2, 1), "FT A/3 to FT A/8"),
    ],
)
def test_gap_is_found(numbers: tuple[int, ...], expected: str) -> None:
    (finding,) = of(*series(*numbers))
    assert (finding.rule, finding.expected) == ("series_gap", expected)


def test_series_are_apart() -> None:
    assert of(numbered("FT A/1"), numbered("FT B/5"), numbered("FT A/2"), numbered("FT B/6")) == []


@given(st.lists(st.integers(1, 60), unique=True, min_size=1, max_size=40))
def test_gaps_are_those_that_a_set_shows(numbers: list[int]) -> None:
    records = reading(document_of(sales(*series(*numbers)))).records
    followed = AllSeries()
    for record in records:
        if isinstance(record, Invoice):
            list(followed.series(record))
    missing = set(range(min(numbers), max(numbers))) - set(numbers)
    found: set[int] = set()
    for finding in followed.finish():
        first, _, last = (finding.expected or "").partition(" to ")
        start, end = (int(text.rpartition("/")[2]) for text in (first, last or first))
        found |= set(range(start, end + 1))
    assert found == missing


def test_later_number_with_an_earlier_date_is_an_error() -> None:
    first, second = numbered("FT A/1", date="2025-03-02"), numbered("FT A/2", date="2025-03-01")
    found = [f for f in of(first, second) if f.rule == "series_order"]
    assert [(f.document, f.expected, f.found) for f in found] == [
        ("FT A/2", "2025-03-02 or later, as FT A/1 has", "2025-03-01"),
        ("FT A/2", "2025-03-02T10:00:00 or later, as FT A/1 has", "2025-03-01T10:00:00"),
    ]


def chain(*signatures: str, control: str = "1") -> list[Finding]:
    texts = [numbered(f"FT A/{n}", signature=s) for n, s in enumerate(signatures, 1)]
    return [f for f in of(*texts) if f.rule.startswith("hash_")]


def signature(letter: str) -> str:
    return letter * 171 + "="


def test_chain_of_different_signatures_gives_no_finding() -> None:
    assert chain(*map(signature, "ABC")) == []


def test_signature_of_a_document_far_before_is_an_error() -> None:
    (finding,) = chain(*map(signature, "ABCA"))
    assert (finding.rule, finding.document) == ("hash_repeated", "FT A/4")


def test_chain_that_stops_is_an_error() -> None:
    (finding,) = chain(signature("A"), "0")
    assert finding.expected == "a signature, as FT A/1 has"


def test_key_that_goes_back_is_a_warning() -> None:
    first, second = (
        numbered(f"FT A/{n}", signature=signature("AB"[n - 1])).replace(
            "<HashControl>0", f"<HashControl>{3 - n}"
        )
        for n in (1, 2)
    )
    (finding,) = of(first, second)
    assert finding[:2] == ("hash_key", "warning")


def test_series_has_one_validation_code() -> None:
    other = numbered("FT A/2").replace("FTA00000", "WXYZ9876")
    (finding,) = of(numbered("FT A/1"), other)
    assert (finding.rule, finding.expected) == ("atcud", "FTA00000, as before in this series")


def correcting(number: str, reference: str) -> str:
    body = f"<References><Reference>{reference}</Reference></References>"
    return numbered(number).replace(line(), line(body=body))


@pytest.mark.parametrize(
    ("reference", "severity"),
    [
        ("FT A/2", None),
        ("FT A/1", "info"),  # before the first of the file
        ("FT B/1", "info"),  # a series that the file has nothing of
        ("FT A/4", "warning"),  # in a gap
        ("FT A/9", "warning"),  # after the last
        ("A 1", "warning"),  # no InvoiceNo
    ],
)
def test_reference_that_points_nowhere_is_found(reference: str, severity: str | None) -> None:
    found = of(*series(2, 3, 5), correcting("NC A/1", reference))
    severities = [f.severity for f in found if f.rule.startswith("reference")]
    assert severities == ([severity] if severity else [])


def test_reference_may_come_before_what_it_points_to() -> None:
    assert rules(of(correcting("NC A/1", "FT A/1"), *series(1, 2))) == []


def test_series_has_one_type() -> None:
    receipt = numbered("FT A/2").replace("<InvoiceType>FT", "<InvoiceType>FR")
    finding = next(f for f in of(numbered("FT A/1"), receipt) if f.rule == "series_type")
    assert finding.expected == "FT, as FT A/1 is"


def test_credit_note_refers_to_what_it_corrects() -> None:
    note = numbered("NC A/1").replace("<InvoiceType>FT", "<InvoiceType>NC")
    (finding,) = [f for f in of(note) if f.rule == "reference"]
    assert finding.severity == "warning"
    assert finding.expected == "a Reference to what is corrected"
