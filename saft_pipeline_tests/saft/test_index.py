"""What the corpus' index says of each file, which was made by other means, against what is read."""

from __future__ import annotations

import csv
from collections import Counter
from decimal import Decimal

import pytest

from saft_pipeline.saft.rules.checker import check as found_by_rules
from saft_pipeline.saft.sections import DECLARED_TAGS
from saft_pipeline_tests.saft.documents import column
from saft_pipeline_tests.saft.test_corpus import CORPUS, LYING, REFUSED, found_in

Entry = dict[str, str]


def entries() -> list[Entry]:
    index = CORPUS / "INDEX.tsv"
    if not index.exists():
        return []
    with index.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


ENTRIES = entries()
READ = [entry for entry in ENTRIES if entry["name"] not in REFUSED]

pytestmark = pytest.mark.skipif(not ENTRIES, reason=f"no index at {CORPUS}")
each = pytest.mark.parametrize("entry", READ, ids=lambda entry: entry["name"])


def counted(text: str) -> Counter[str]:
    """`FT:2,NC:1` as counts; null is an absent value."""
    pairs = (part.rpartition(":") for part in text.split(",") if part)
    return Counter({name: int(count) for name, _, count in pairs})


def of_column(entry: Entry, name: str) -> Counter[str]:
    invoices = found_in(CORPUS / f"{entry['name']}.xml").invoices
    return Counter(column(invoice, name) or "null" for invoice in invoices)


def test_index_and_corpus_are_of_the_same_files() -> None:
    assert {entry["name"] for entry in ENTRIES} == {path.stem for path in CORPUS.glob("*.xml")}


@each
def test_invoices_and_lines_are_as_many(entry: Entry) -> None:
    totals = found_in(CORPUS / f"{entry['name']}.xml").totals
    assert (totals.invoices, totals.lines) == (int(entry["invoices"]), int(entry["lines"]))


@each
def test_types_and_states_are_the_same(entry: Entry) -> None:
    assert of_column(entry, "invoice_type") == counted(entry["types"])
    assert of_column(entry, "invoice_status") == counted(entry["status"])


@each
def test_master_files_are_as_many(entry: Entry) -> None:
    found = found_in(CORPUS / f"{entry['name']}.xml")
    repeated = sum(w["code"] == "repeated_customer" for w in found.warnings)
    kinds = Counter(other.kind for other in found.others)
    assert (
        "/".join(
            str(n) for n in (len(found.customers) + repeated, kinds["supplier"], kinds["product"])
        )
        == (entry["customers/suppliers/products"])
    )


@each
def test_other_documents_are_as_many(entry: Entry) -> None:
    sections = found_in(CORPUS / f"{entry['name']}.xml").totals.sections
    expected = entry["movgoods/workdocs/payments/gl"].split("/")[:3]
    names = ("movement_of_goods", "working_documents", "payments")
    found = [str(sections[n]["read"]["documents"]) if n in sections else "None" for n in names]
    assert found == expected


@each
def test_declared_totals_and_their_differences_are_the_same(entry: Entry) -> None:
    found = found_in(CORPUS / f"{entry['name']}.xml")
    declared = found.totals.declared
    if entry["declared N/D/C"] == "-":
        assert declared == (None, None, None)
        return
    entries_, debit, credit = entry["declared N/D/C"].split("/")
    assert declared == (int(entries_), debit, credit)
    names = {"N": "number_of_entries", "D": "total_debit", "C": "total_credit"}
    differing = {
        names[check[0]] for check in entry["control_check"].replace(" vs ", "~").split()
        if "!" in check
    }  # fmt: skip
    said = {f.document for f in found_by_rules(found.records).kept if f.rule == "control_totals"}
    assert {
        name for tag, name in DECLARED_TAGS.items() if f"SalesInvoices/{tag}" in said
    } == differing
    for check in entry["control_check"].replace(" vs ", "~").split():
        if "!" in check:
            computed = dict(zip("NDC", found.totals.computed, strict=True))[check[0]]
            assert Decimal(computed or 0) == Decimal(check.rpartition("~")[2].rstrip(")"))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])
def test_every_oddity_is_told(entry: Entry) -> None:
    """By a warning of its kind, or by the refusal that test_corpus.py names."""
    odd, name = entry["oddities"], entry["name"]
    if name in REFUSED:
        assert odd or name == "php-wrong-schema-no-nif"
        return
    found = found_in(CORPUS / f"{name}.xml")
    codes = found.codes
    assert ("bytes are utf-8" in odd) == (name in LYING) == ("encoding" in codes)
    assert ("AuditFileVersion" in odd) == ("version" in codes)
    if "header NIF" in odd:
        assert found_by_rules(found.records).counts["nif"] == 1
