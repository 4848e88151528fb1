"""The views for people: amounts that can be summed, what notes credit, where invoices come from."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from saft_pipeline.store.store import Store
from saft_pipeline_tests.reports.papers import file_of, paper, taxed
from saft_pipeline_tests.reports.papers import load as load_bytes
from saft_pipeline_tests.store.building import File, at, customer, invoice, load, referring
from saft_pipeline_tests.store.looking import execute, rows, value

WRONG = taxed("40", "6", code="RED", side="Credit")
RIGHT = taxed("40", "6", code="RED", side="Debit")
NET, VAT = Decimal(60), Decimal("20.60")


def papers(note: str, kind: str = "NC") -> bytes:
    """An invoice of 100, one of 9 that was cancelled, and a note of 40 over the line `note`."""
    return file_of(
        paper("FT A/1", taxed("100"), tax="23", net="100"),
        paper("FT A/2", taxed("9"), tax="2.07", net="9", status="A"),
        paper(f"{kind} A/1", note, tax="2.40", net="40"),
    )


@pytest.mark.parametrize("kind", ["NC", "TD", "DA", "RE"])
@pytest.mark.parametrize("note", [RIGHT, WRONG], ids=["right side", "wrong side"])
def test_a_note_takes_back_on_whichever_side_its_lines_are(
    store: Store, url: str, note: str, kind: str
) -> None:
    load_bytes(store, papers(note, kind))
    assert value(url, "select sum(signed_net_total) from invoice_overview") == NET
    assert value(url, "select sum(signed_tax_payable) from invoice_overview") == VAT
    assert value(url, "select sum(taxable_base) from vat_by_month") == NET
    assert value(url, "select sum(vat) from vat_by_month") == VAT
    assert value(url, "select sum(net_total) from sales_by_day") == NET


def test_totals_below_zero_of_1_01_take_back_too(store: Store, url: str) -> None:
    load_bytes(store, file_of(paper("NC A/1", RIGHT, tax="-2.40", net="-40")))
    seen = "select signed_net_total, signed_tax_payable from invoice_overview"
    assert rows(url, seen) == [(Decimal(-40), Decimal("-2.40"))]


def test_an_invoice_on_the_debit_side_adds(store: Store, url: str) -> None:
    load_bytes(store, file_of(paper("FT A/1", RIGHT, tax="2.40", net="40")))
    assert rows(url, "select taxable_base, vat from vat_by_month") == [(40, Decimal("2.40"))]


def test_a_cancelled_invoice_does_not_count_and_says_so(store: Store, url: str) -> None:
    load_bytes(store, papers(RIGHT))
    query = "select counted, signed_net_total, net_total from invoice_overview order by id"
    assert rows(url, query) == [(True, 100, 100), (False, 0, 9), (True, -40, 40)]
    assert value(url, "select sum(documents) from sales_by_day") == 2


def test_a_note_of_two_invoices_has_a_link_to_each_though_one_is_unknown(
    store: Store, url: str
) -> None:
    note = referring(invoice("NC 1/1", 2, amount="4.00"), "FT 1/1")
    load(store, File("a.xml", (invoice("FT 1/1", 1, "10.00"), note)))
    execute(url, "update invoice_lines set reference = 'FT 1/9' "
                 "where reference is not null and line_number = 2")  # fmt: skip
    query = "select invoice_no, invoice_id is not null, amount from credit_note_links order by 1"
    assert rows(url, query) == [("FT 1/1", True, Decimal(4)), ("FT 1/9", False, Decimal(4))]


def test_a_note_on_the_wrong_side_credits_all_the_same(store: Store, url: str) -> None:
    note = referring(invoice("NC 1/1", amount="4.00"), "FT 1/1")
    load(store, File("a.xml", (invoice("FT 1/1", 1, "10.00"), note)))
    execute(url, "update invoice_lines set credit_amount = debit_amount, debit_amount = null "
                 "where reference is not null")  # fmt: skip
    query = "select credited, active from invoice_credits where invoice_no = 'FT 1/1'"
    assert rows(url, query) == [(Decimal(4), True)]


def test_every_file_and_version_that_holds_an_invoice_is_a_source_of_it(
    store: Store, url: str
) -> None:
    file = File("a.xml", (invoice("FT 1/1"),), (customer(),), at(1))
    load(store, file)
    load(store, replace(file, path="copy.xml"))
    load(store, replace(file, invoices=(invoice("FT 1/1", 2),), modified_at=at(3)))
    query = "select path, version, is_current, is_published from invoice_sources order by 1, 2"
    assert rows(url, query) == [
        ("a.xml", 1, False, False), ("a.xml", 2, True, True), ("copy.xml", 1, True, False),
    ]  # fmt: skip
