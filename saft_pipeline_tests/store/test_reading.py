"""What is read back: rows for a DataFrame, and the views for people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from saft_pipeline.store.errors import StoreError
from saft_pipeline.store.store import Store
from saft_pipeline_tests.store.building import (
    COMPANY,
    SOURCE,
    File,
    at,
    customer,
    invoice,
    ledger,
    load,
    referring,
)
from saft_pipeline_tests.store.looking import rows

FILE = File("a.xml", (invoice("FT 1/1", 2), invoice("FT 1/2")), (customer(),), at(1))
OTHER = File("b.xml", (invoice("FT 1/3"),), (customer("C2"),), at(2))


def read(store: Store, table: str, *paths: str) -> list[dict[str, object]]:
    names, found = store.rows(table, [ledger(store, path).key for path in paths])
    return [dict(zip(names, row, strict=True)) for row in found]


def test_rows_are_those_of_the_files_asked_for(store: Store) -> None:
    load(store, FILE, OTHER)
    assert [r["invoice_no"] for r in read(store, "invoices", "a.xml")] == ["FT 1/1", "FT 1/2"]
    assert len(read(store, "invoices", "a.xml", "b.xml")) == 3
    assert len(read(store, "invoice_lines", "a.xml")) == 3
    assert [r["customer_id"] for r in read(store, "customers", "a.xml")] == ["C1"]
    assert [r["company_id"] for r in read(store, "companies", "b.xml")] == [COMPANY]
    assert len(read(store, "invoice_file_links", "a.xml")) == 2
    assert [r["path"] for r in read(store, "invoice_files", "b.xml")] == ["b.xml"]


def test_rows_are_those_of_the_newest_version_that_was_loaded(store: Store) -> None:
    load(store, FILE)
    load(store, replace(FILE, invoices=FILE.invoices[:1], modified_at=at(3)))
    assert [r["invoice_no"] for r in read(store, "invoices", "a.xml")] == ["FT 1/1"]
    _, old = store.files(source=SOURCE, path="a.xml")
    assert len(store.rows("invoices", ids=[old.id])[1]) == 2


def test_values_have_their_types(store: Store) -> None:
    when = "2025-07-01T09:00:00"
    values = {"net_total": "0.10", "system_entry_date": when, "period": "7"}
    load(store, File("a.xml", (invoice("FT 1/1", values=values),)))
    (found,) = read(store, "invoices", "a.xml")
    assert repr(found["net_total"]) == repr(Decimal("0.10"))
    assert (found["invoice_date"], found["period"]) == (date(2025, 7, 1), 7)
    assert found["system_entry_date"] == datetime.fromisoformat(when)
    updated = found["updated_at"]
    assert isinstance(updated, datetime)
    assert updated.tzinfo is not None
    assert found["atcud"] is None


def test_columns_are_those_of_the_contract(store: Store) -> None:
    load(store, FILE)
    names, _ = store.rows("companies", [ledger(store, "a.xml").key])
    assert names == [
        *("company_id", "company_name", "business_name", "address_detail", "city"),
        *("postal_code", "country", "updated_at"),
    ]
    names, _ = store.rows("invoice_file_links", [ledger(store, "a.xml").key])
    assert names == ["invoice_file_id", "invoice_id"]


def test_rows_beyond_a_page_are_all_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saft_pipeline.store.store.PAGE", 2)
    load(store, File("a.xml", tuple(invoice(f"FT 1/{n}") for n in range(5))))
    assert len({r["invoice_no"] for r in read(store, "invoices", "a.xml")}) == 5


def test_no_files_have_no_rows(store: Store) -> None:
    names, found = store.rows("invoices", ["0" * 12])
    assert (names[:2], found) == (["id", "company_id"], [])


@pytest.mark.parametrize("table", ["pg_authid", "migrations", 'invoices"; drop table x; --'])
def test_only_tables_of_the_contract_are_read(store: Store, table: str) -> None:
    with pytest.raises(StoreError, match="no table is called"):
        store.rows(table, ["0" * 12])


def credited(url: str) -> dict[str, list[object]]:
    query = "select invoice_no, credit_notes, credited::text, active from invoice_credits"
    return {number: found for number, *found in rows(url, query)}


def test_credit_notes_count_whatever_the_order_of_files(store: Store, url: str) -> None:
    note = referring(invoice("NC 1/1", amount="4.00"), "FT 1/1")
    load(store, File("note.xml", (note,), (), at(1)))
    load(store, File("a.xml", (invoice("FT 1/1", 1, "10.00"),), (), at(2)))
    assert credited(url)["FT 1/1"] == [1, "4.00", True]
    rest = referring(invoice("NC 1/2", amount="6.00"), "FT 1/1")
    load(store, File("rest.xml", (rest,), (), at(3)))
    assert credited(url)["FT 1/1"] == [2, "10.00", False]


def test_a_cancelled_credit_note_credits_nothing(store: Store, url: str) -> None:
    note = referring(invoice("NC 1/1", invoice_status="A"), "FT 1/1")
    load(store, File("a.xml", (invoice("FT 1/1"), note)))
    assert credited(url)["FT 1/1"] == [0, "0", True]


def test_another_companys_credit_note_credits_nothing(store: Store, url: str) -> None:
    note = referring(invoice("NC 1/1", company_id="500000000"), "FT 1/1")
    load(store, FILE, File("b.xml", (note,), company_id="500000000"))
    assert credited(url)["FT 1/1"] == [0, "0", True]


def test_a_cancelled_invoice_is_not_active(store: Store, url: str) -> None:
    load(store, File("a.xml", (invoice("FT 1/1", invoice_status="A"),)))
    assert credited(url)["FT 1/1"] == [0, "0", False]


def test_the_overview_names_company_customer_and_newest_file(store: Store, url: str) -> None:
    named = replace(FILE, customers=(customer(company_name="Cliente"),))
    load(store, named)
    load(store, replace(named, path="copy.xml", modified_at=at(4)))
    query = "select invoice_no, company_name, customer_name, newest_file, active "
    query += "from invoice_overview order by 1"
    expected = ("Padaria São João, Lda", "Cliente", "copy.xml", True)
    assert rows(url, query) == [("FT 1/1", *expected), ("FT 1/2", *expected)]


def test_times_of_the_ledger_are_utc(store: Store) -> None:
    load(store, FILE)
    file = ledger(store, "a.xml")
    assert {file.modified_at.tzinfo, file.first_seen_at.tzinfo} == {UTC}
