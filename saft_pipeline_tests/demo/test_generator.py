"""The samples: the same at every call, as many as asked for, and each ends as it says."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections import Counter
from decimal import Decimal

import pytest
from lxml import etree

from saft_pipeline.demo.generator import WRONG, Sample, invoice_file, samples, write_large
from saft_pipeline.saft.errors import ContentError, IncompleteError
from saft_pipeline.saft.fields import INVOICE_FIELDS, LINE_FIELDS
from saft_pipeline.saft.filename import branch_of
from saft_pipeline.saft.reader import read_document
from saft_pipeline.saft.rules.checker import check
from saft_pipeline.saft.rules.checks import summaries
from saft_pipeline_tests.demo.test_documents import faults, needs_schema, summed
from saft_pipeline_tests.saft.documents import Reading, reading
from saft_pipeline_tests.saft.independent import text_at

ALL = list(samples(40))
LOADED = [s for s in ALL if s.expected == "loaded"]
ADDS_UP = [s for s in LOADED if s is not ALL[1 + WRONG]]
AMOUNTS = ("net_total", "tax_payable", "gross_total")


def only(expected: str) -> Sample:
    (found,) = [s for s in ALL if s.expected == expected]
    return found


def column(found: Reading, name: str) -> set[str | None]:
    if name in INVOICE_FIELDS:
        return {i.values[INVOICE_FIELDS.index(name)] for i in found.invoices}
    return {x[LINE_FIELDS.index(name)] for i in found.invoices for x in i.lines}


def anywhere(name: str) -> set[str | None]:
    return set().union(*(column(reading(s.content), name) for s in LOADED))


def as_utf8(content: bytes) -> bytes:
    """What libxml2 can judge although one declaration lies."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = content.decode("cp1252")
    return text.replace('encoding="Windows-1252"', 'encoding="UTF-8"', 1).encode()


@pytest.mark.parametrize("count", [3, 4, 40])
def test_there_are_as_many_as_asked_for(count: int) -> None:
    assert len({s.path for s in samples(count)}) == count


@pytest.mark.parametrize("count", [3, 4, 40])
def test_one_is_broken_and_one_half_uploaded(count: int) -> None:
    states = Counter(s.expected for s in samples(count))
    assert states == Counter({"loaded": count - 2, "failed": 1, "incomplete": 1})


DIGEST = """
import hashlib
from saft_pipeline.demo.generator import samples
print(hashlib.sha256(repr(list(samples(20))).encode()).hexdigest())
"""


def test_the_bytes_are_the_same_in_every_process_and_time_zone() -> None:
    made = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    }  # fmt: skip
    assert len(made) == 1


def test_more_samples_hold_the_fewer_ones() -> None:
    assert {s for s in samples(10) if s.expected == "loaded"} <= set(ALL)


def test_every_sample_loads_without_a_warning_but_of_its_encoding() -> None:
    codes = {s.path: set(reading(s.content).codes) - {"encoding"} for s in LOADED}
    assert {path: found for path, found in codes.items() if found} == {}


@needs_schema
def test_every_sample_is_valid() -> None:
    found = {s.path: faults(as_utf8(s.content)) for s in LOADED}
    assert {path: fault for path, fault in found.items() if fault} == {}


def test_control_totals_are_what_the_lines_sum_up_to() -> None:
    for sample in LOADED:
        root = etree.fromstring(as_utf8(sample.content))
        for side in ("Debit", "Credit"):
            declared = text_at(root, f"SourceDocuments/SalesInvoices/Total{side}")
            total = summed(root, "SalesInvoices", "Invoice", side)
            assert Decimal(declared or "") == total, (sample.path, side)


def test_gross_is_net_and_tax() -> None:
    for sample in ADDS_UP:
        for found in reading(sample.content).invoices:
            amounts = (found.values[INVOICE_FIELDS.index(name)] for name in AMOUNTS)
            net, tax, gross = (Decimal(amount or "") for amount in amounts)
            assert net + tax == gross, sample.path


def test_the_rules_find_something_in_one_sample() -> None:
    found = {s.path: summaries(check(reading(s.content).records), []) for s in LOADED}
    codes = {path: [warning["code"] for warning in told] for path, told in found.items()}
    assert {p: c for p, c in codes.items() if c} == {ALL[1 + WRONG].path: ["gross_total"]}


def test_no_invoice_is_in_two_samples() -> None:
    found = [
        (i.values[INVOICE_FIELDS.index("company_id")], i.values[INVOICE_FIELDS.index("invoice_no")])
        for s in LOADED
        for i in reading(s.content).invoices
    ]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("company_id", {"599990015", "599990023", "599990031"}),
        ("invoice_type", {"FR", "FS", "FT", "NC"}),
        ("invoice_status", {"A", "F", "N"}),
        ("tax_country_region", {"PT", "PT-AC", "PT-MA"}),
        ("tax_code", {"INT", "ISE", "NOR", "RED"}),
    ],
)
def test_the_samples_show_every_kind(name: str, values: set[str]) -> None:
    assert anywhere(name) == values


def test_every_credit_note_refers_to_an_invoice_that_is_there() -> None:
    assert anywhere("reference") - {None} <= anywhere("invoice_no")


def test_the_final_consumer_is_among_the_customers() -> None:
    nifs = {c.values[2] for s in LOADED for c in reading(s.content).customers}
    assert "999999990" in nifs
    assert len(nifs) > 2


def test_one_month_has_hundreds_of_invoices_and_the_others_one() -> None:
    month, *others = sorted((len(reading(s.content).invoices) for s in LOADED), reverse=True)
    assert 300 <= month <= 500
    assert set(others) == {1}


def test_a_file_is_named_after_its_document_and_lies_in_the_folder_of_its_branch() -> None:
    first = invoice_file(0)
    assert first.path == "Gramido/FR202Y2025_1-Gramido.xml"
    for sample in ALL[1:]:
        folder, name = sample.path.split("/")
        assert branch_of(name) == folder


def test_most_are_windows_1252_some_utf_8_and_one_lies() -> None:
    kinds: Counter[tuple[str, bool]] = Counter()
    for sample in LOADED:
        declared = "UTF-8" if b'encoding="UTF-8"' in sample.content else "1252"
        kinds[declared, is_utf8(sample.content)] += 1
    assert kinds["1252", True] == 1
    assert kinds["UTF-8", True] >= 5
    assert kinds["UTF-8", False] == 0
    assert kinds["1252", False] > len(LOADED) / 2


def is_utf8(content: bytes) -> bool:
    try:
        return not content.decode().isascii()
    except UnicodeDecodeError:
        return False


def test_the_broken_one_is_refused_at_its_line() -> None:
    with pytest.raises(ContentError, match=r"UnitPrice .* is '\d+,\d+'") as caught:
        reading(only("failed").content)
    line = only("failed").content.splitlines()[(caught.value.line or 0) - 1]
    assert b"<UnitPrice>" in line
    assert caught.value.column


def test_the_broken_one_is_complete_and_well_formed() -> None:
    content = only("failed").content
    assert etree.fromstring(content) is not None


def test_the_half_uploaded_one_is_seen_to_be_incomplete() -> None:
    content = only("incomplete").content
    with pytest.raises(IncompleteError):
        reading(content)


def test_tiny_files_are_all_distinct() -> None:
    made = [invoice_file(n) for n in range(5000)]
    assert len({s.path for s in made}) == len({s.content for s in made}) == 5000


@pytest.mark.parametrize("number", [0, 19_999, 100_000])
def test_a_tiny_file_has_about_6_kb_and_loads(number: int) -> None:
    made = invoice_file(number)
    assert 4500 < len(made.content) < 8000
    assert len(reading(made.content).invoices) == 1


def test_documents_of_2025_stay_within_it() -> None:
    last = reading(invoice_file(1439).content).invoices[0]
    assert (last.values[INVOICE_FIELDS.index("invoice_date")] or "")[:4] == "2025"


def test_a_cancelled_invoice_is_the_same_but_later_and_counts_nothing() -> None:
    before, after = (
        reading(invoice_file(0, cancelled=c).content).invoices[0].values for c in (False, True)
    )
    differing = {n for n, a, b in zip(INVOICE_FIELDS, before, after, strict=True) if a != b}
    assert differing == {"invoice_status", "invoice_status_date", "status_reason"}
    assert after[INVOICE_FIELDS.index("invoice_status")] == "A"
    assert reading(invoice_file(0, cancelled=True).content).warnings == []


class Counted(io.BytesIO):
    """Keeps what is written, and how much at most at once."""

    most = 0

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        self.most = max(self.most, len(data))
        return super().write(data)


@pytest.fixture(scope="module")
def large() -> Counted:
    target = Counted()
    write_large(target, 12)
    return target


def test_a_large_file_has_about_the_size_asked_for(large: Counted) -> None:
    assert 10_500_000 < len(large.getvalue()) < 13_500_000


def test_a_large_file_is_written_piece_by_piece(large: Counted) -> None:
    assert large.most < 3_000_000


@needs_schema
def test_a_large_file_is_valid(large: Counted) -> None:
    assert faults(large.getvalue()) == ""


def test_a_large_file_loads_without_a_warning(large: Counted) -> None:
    large.seek(0)
    with read_document(large, name="large.xml") as document:
        records = sum(1 for _ in document)
    assert document.warnings == []
    assert records > 4000


def test_a_large_file_declares_what_is_said_to_be_in_it() -> None:
    target = io.BytesIO()
    totals = write_large(target, 1)
    root = etree.fromstring(target.getvalue())
    assert totals.total_credit == summed(root, "SalesInvoices", "Invoice", "Credit")
    assert totals.total_debit == summed(root, "SalesInvoices", "Invoice", "Debit")
