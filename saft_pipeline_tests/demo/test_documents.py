"""The XML of invoices: valid against the schema, and its totals right by an independent sum."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from saft_pipeline.demo.companies import BRANCHES, Branch
from saft_pipeline.demo.documents import Period, audit_file, file_totals
from saft_pipeline.demo.invoices import SampleInvoice, Till, document_at
from saft_pipeline_tests.saft.documents import reading
from saft_pipeline_tests.saft.independent import text_at, wild

SCHEMA = Path(__file__).parents[2] / "../shared/xsd/SAFTPT1.04_01-xsd10.xsd"
PERIOD = Period(date(2025, 1, 1), date(2025, 1, 31), date(2025, 2, 3))

needs_schema = pytest.mark.skipif(not SCHEMA.exists(), reason=f"no schema at {SCHEMA}")
each_branch = pytest.mark.parametrize("branch", BRANCHES, ids=lambda b: b.name)


@cache
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SCHEMA))


def faults(content: bytes) -> str:
    """What the schema finds wrong, nothing if all is right."""
    checker = schema()
    return "" if checker.validate(etree.fromstring(content)) else str(checker.error_log)


def invoices_of(branch: Branch) -> Sequence[SampleInvoice]:
    return [document_at(Till(branch, branch.till, per_day=8), step) for step in range(64)]


def whole(branch: Branch) -> bytes:
    text = audit_file(invoices_of(branch), PERIOD, "UTF-8", with_receipts=True)
    return text.encode()


@needs_schema
@each_branch
def test_a_file_is_valid(branch: Branch) -> None:
    assert faults(whole(branch)) == ""


@needs_schema
def test_the_schema_finds_a_fault_that_is_there() -> None:
    assert faults(whole(BRANCHES[0]).replace(b"<Period>", b"<Period>x"))


@each_branch
def test_the_reader_finds_nothing_odd(branch: Branch) -> None:
    assert reading(whole(branch)).warnings == []


def summed(root: etree._Element, section: str, document: str, side: str) -> Decimal:
    """The lines of all documents but those of status A and F, as the ordinance counts them."""
    total = Decimal(0)
    for found in root.iterfind(wild(f"SourceDocuments/{section}/{document}")):
        status = text_at(found, "DocumentStatus/InvoiceStatus")
        if status not in ("A", "F"):
            amounts = found.iterfind(wild(f"Line/{side}Amount"))
            total += sum((Decimal(a.text or "") for a in amounts), Decimal(0))
    return total


@each_branch
@pytest.mark.parametrize(
    ("section", "document"), [("SalesInvoices", "Invoice"), ("Payments", "Payment")]
)
def test_control_totals_are_what_the_lines_sum_up_to(
    branch: Branch, section: str, document: str
) -> None:
    root = etree.fromstring(whole(branch))
    above = f"SourceDocuments/{section}"
    assert text_at(root, f"{above}/NumberOfEntries") == str(
        len(root.findall(wild(f"{above}/{document}")))
    )
    for side in ("Debit", "Credit"):
        declared = Decimal(text_at(root, f"{above}/Total{side}") or "")
        assert declared == summed(root, section, document, side)


def test_totals_of_several_like_it_are_a_multiple() -> None:
    invoices = invoices_of(BRANCHES[0])
    assert file_totals(invoices).times(3) == file_totals([*invoices, *invoices, *invoices])


def test_what_is_paid_at_once_is_the_gross_total() -> None:
    root = etree.fromstring(whole(BRANCHES[0]))
    for found in root.iterfind(wild("SourceDocuments/SalesInvoices/Invoice")):
        paid = [Decimal(a.text or "") for a in found.iterfind(f".//{wild('PaymentAmount')}")]
        gross = Decimal(text_at(found, "DocumentTotals/GrossTotal") or "")
        at_once = text_at(found, "InvoiceType") in ("FR", "FS")
        assert sum(paid) == (gross if at_once else 0)


def test_exempt_lines_say_why() -> None:
    root = etree.fromstring(whole(BRANCHES[0]))
    lines = root.findall(wild("SourceDocuments/SalesInvoices/Invoice/Line"))
    exempt = [x for x in lines if text_at(x, "Tax/TaxPercentage") == "0"]
    explained = [x for x in lines if text_at(x, "TaxExemptionCode")]
    assert exempt == explained != []


def test_a_credit_note_debits_and_names_what_it_corrects() -> None:
    root = etree.fromstring(whole(BRANCHES[0]))
    for found in root.iterfind(wild("SourceDocuments/SalesInvoices/Invoice")):
        is_note = text_at(found, "InvoiceType") == "NC"
        for line in found.iterfind(wild("Line")):
            assert bool(text_at(line, "DebitAmount")) is is_note
            assert bool(text_at(line, "References/Reference")) is is_note
