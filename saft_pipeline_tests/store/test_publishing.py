"""What publishing a file makes of the tables and of its ledger row, one file or group at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import psycopg
import pytest

from saft_pipeline.saft.records import Invoice
from saft_pipeline.store.model import Publication
from saft_pipeline.store.store import Store
from saft_pipeline_tests.store.building import (
    COMPANY,
    File,
    at,
    claim,
    customer,
    invoice,
    ledger,
    load,
    owner,
    prepare,
    publish,
    stage,
)
from saft_pipeline_tests.store.looking import content, everything, rows, value

pytestmark = pytest.mark.usefixtures("way")

FILE = File("a.xml", (invoice("FT 1/1", 2), invoice("FT 1/2")), (customer(),), at(1))


def lines_of(url: str, number: str) -> list[tuple[object, ...]]:
    return rows(
        url,
        "select l.line_number, l.credit_amount::text from invoice_lines l "
        "join invoices i on i.id = l.invoice_id where i.invoice_no = %s order by 1",
        number,
    )


def linked(url: str, path: str, version: int = 1) -> set[str]:
    found = rows(
        url,
        "select i.invoice_no from invoice_file_links l join invoices i on i.id = l.invoice_id "
        "join invoice_files f on f.id = l.invoice_file_id where f.path = %s and f.version = %s",
        path,
        version,
    )
    return {number for (number,) in found}


def test_rows_and_ledger_row_say_what_the_file_says(store: Store, url: str) -> None:
    load(store, FILE)
    assert [len(held) for held in content(url).values()] == [1, 1, 2, 3, 2]
    assert lines_of(url, "FT 1/1") == [(1, "10.00"), (2, "10.00")]
    file = ledger(store, "a.xml")
    assert (file.status, file.company_id, file.total_invoices, file.total_lines, file.run_id) == (
        *("loaded", COMPANY, 2, 3, "run-1"),
    )
    assert file.loaded_at is not None
    totals = "select declared_number_of_entries, computed_total_credit::text from invoice_files"
    assert rows(url, totals) == [(2, "10.00")]


def test_links_say_which_content_they_were_made_for(store: Store, url: str) -> None:
    load(store, FILE)
    said = "select i.content_hash = l.content_hash from invoice_file_links l "
    said += "join invoices i on i.id = l.invoice_id"
    assert rows(url, said) == [(True,), (True,)]


def test_values_arrive_as_they_are_written(store: Store, url: str) -> None:
    odd = 'tab\t, line\nfeed, return\r, \\backslash, \\N, "quote", ção, 😀'
    texts = {"status_reason": odd, "source_billing": "", "hash": "h" * 172, "atcud": None}
    exact = {"tax_payable": "2.30", "gross_total": "0.1234567890123456", "net_total": "-0.5"}
    large = {"currency_amount": "1000000000000000000000.01", "period": "7"}
    load(store, File("a.xml", (invoice("FT 1/1", values={**texts, **exact, **large}),)))
    names = [*texts, *exact, *large]
    (found,) = rows(url, f"select {', '.join(f'{n}::text' for n in names)} from invoices")
    assert dict(zip(names, found, strict=True)) == {**texts, **exact, **large}


def test_columns_that_people_added_are_no_hindrance(store: Store, url: str) -> None:
    tables = ("companies", "customers", "invoices", "invoice_lines", "invoice_files")
    with psycopg.connect(url) as connection:
        for table in tables:
            connection.execute(f"alter table {table} add column note text default 'x'".encode())
    load(store, FILE)
    (again,) = load(store, replace(FILE, path="b.xml", bytes_="b", modified_at=at(2)))
    notes = [value(url, f"select min(note) from {table}") for table in tables]
    with psycopg.connect(url) as connection:
        for table in tables:
            connection.execute(f"alter table {table} drop column note".encode())
    assert (again.status, notes) == ("loaded", ["x"] * 5)


def test_the_same_bytes_under_another_name_change_no_row(store: Store, url: str) -> None:
    load(store, FILE)
    before = everything(url)
    (outcome,) = load(store, replace(FILE, path="b.xml", modified_at=at(9)))
    assert everything(url) == before
    assert outcome.written == {"invoices": 0, "invoice_lines": 0}
    assert outcome.rows["invoices"] == 2
    assert linked(url, "b.xml") == {"FT 1/1", "FT 1/2"}
    assert (ledger(store, "b.xml").total_lines, ledger(store, "b.xml").status) == (3, "loaded")


def test_the_same_bytes_by_two_runs_at_once_change_no_row_twice(
    store: Store, other: Store, url: str
) -> None:
    """Both read them, since neither had loaded them when the other looked."""
    first, second = owner(), owner()
    early = prepare(store, FILE, by=first)
    late = prepare(other, replace(FILE, path="b.xml", modified_at=at(9)), by=second)
    publish(store, early, first)
    before = everything(url)
    (outcome,) = publish(other, late, second)
    assert (outcome.status, late[0].same_as) == ("loaded", None)
    assert everything(url) == before


def test_the_same_invoices_in_other_bytes_change_no_invoice(store: Store, url: str) -> None:
    load(store, FILE)
    before = everything(url)
    (outcome,) = load(store, replace(FILE, path="b.xml", bytes_="a space more", modified_at=at(9)))
    after = everything(url)
    assert (after["invoices"], after["invoice_lines"]) == (
        before["invoices"],
        before["invoice_lines"],
    )
    assert outcome.written["invoices"] == 0
    assert value(url, "select updated_at from companies") == before["companies"][0][-1]


def test_numbers_that_only_another_company_has_are_new(store: Store, url: str) -> None:
    load(store, FILE)
    theirs = tuple(invoice(f"FT 1/{n}", n, company_id="500000000") for n in (1, 2))
    (outcome,) = load(store, File("b.xml", theirs, (), at(2), "500000000"))
    assert outcome.written == {"invoices": 2, "invoice_lines": 3}
    assert value(url, "select count(*) from invoices") == 4


@pytest.mark.parametrize("looked_up", [3, 1], ids=["by the look before", "as it is written"])
def test_one_known_number_among_new_ones_is_found(
    store: Store, url: str, monkeypatch: pytest.MonkeyPatch, looked_up: int
) -> None:
    monkeypatch.setattr("saft_pipeline.store.postgres._LOOKED_UP", looked_up)
    load(store, FILE)
    again = (invoice("FT 1/3"), invoice("FT 1/2", 2, "7.00"), invoice("FT 1/4"))
    (outcome,) = load(store, replace(FILE, path="b.xml", invoices=again, modified_at=at(2)))
    assert outcome.written == {"invoices": 3, "invoice_lines": 4}
    assert lines_of(url, "FT 1/2") == [(1, "7.00"), (2, "7.00")]
    assert linked(url, "b.xml") == {"FT 1/2", "FT 1/3", "FT 1/4"}


def test_a_corrected_file_leaves_exactly_its_own_lines(store: Store, url: str) -> None:
    load(store, replace(FILE, invoices=(invoice("FT 1/1", 3), invoice("FT 1/2"))))
    fewer = (invoice("FT 1/1", 1, "7.00"), invoice("FT 1/2"))
    (outcome,) = load(store, replace(FILE, invoices=fewer, modified_at=at(2)))
    assert lines_of(url, "FT 1/1") == [(1, "7.00")]
    assert outcome.written == {"invoices": 1, "invoice_lines": 1}
    assert ledger(store, "a.xml").version == 2


def test_an_invoice_gone_from_the_file_stays_but_is_not_linked(store: Store, url: str) -> None:
    load(store, FILE)
    load(store, replace(FILE, invoices=(invoice("FT 1/2"),), modified_at=at(2)))
    assert value(url, "select count(*) from invoices") == 2
    assert (linked(url, "a.xml", 1), linked(url, "a.xml", 2)) == (
        {"FT 1/1", "FT 1/2"},
        {"FT 1/2"},
    )


def test_a_stale_file_does_not_undo_a_cancellation(store: Store, url: str) -> None:
    cancelled = invoice("FT 1/1", invoice_status="A", invoice_status_date="2025-07-02T10:00:00")
    load(store, File("new.xml", (cancelled,), (), at(5)))
    load(store, File("old.xml", (invoice("FT 1/1", 2),), (), at(9)))
    assert value(url, "select invoice_status from invoices") == "A"
    assert len(lines_of(url, "FT 1/1")) == 1
    assert linked(url, "old.xml") == {"FT 1/1"}


def test_cancelled_wins_over_not_cancelled_at_the_same_time(store: Store, url: str) -> None:
    load(store, File("a.xml", (invoice("FT 1/1", invoice_status="A"),), (), at(1)))
    load(store, File("b.xml", (invoice("FT 1/1"),), (), at(9)))
    assert value(url, "select invoice_status from invoices") == "A"


def test_without_a_status_date_an_invoice_is_the_earliest(store: Store, url: str) -> None:
    load(store, File("a.xml", (invoice("FT 1/1"),), (), at(1)))
    load(store, File("b.xml", (invoice("FT 1/1", 2, invoice_status_date=None),), (), at(9)))
    assert len(lines_of(url, "FT 1/1")) == 1


def test_at_the_same_time_the_file_seen_later_wins(store: Store, url: str) -> None:
    load(store, File("b.xml", (invoice("FT 1/1", 2),), (), at(9)))
    load(store, File("a.xml", (invoice("FT 1/1", 3),), (), at(1)))
    assert len(lines_of(url, "FT 1/1")) == 2


def test_the_company_is_as_the_file_created_last_says(store: Store, url: str) -> None:
    new = replace(FILE, path="new.xml", company_name="Nova", date_created=date(2025, 8, 1))
    old = replace(FILE, path="old.xml", company_name="Velha", modified_at=at(9))
    load(store, new)
    load(store, old)
    assert rows(url, "select company_name, date_created from companies") == [
        ("Nova", date(2025, 8, 1))
    ]


def test_a_file_of_the_group_that_loses_to_another_writes_nothing(store: Store, url: str) -> None:
    winner = File("b.xml", (invoice("FT 1/1", 2),), (customer(city="Porto"),), at(9))
    loser = File("a.xml", (invoice("FT 1/1", 3),), (customer(city="Faro"),), at(1))
    first, second = load(store, winner, loser)
    assert (first.written["invoice_lines"], second.written["invoice_lines"]) == (2, 0)
    assert linked(url, "a.xml") == linked(url, "b.xml") == {"FT 1/1"}
    assert value(url, "select city from customers") == "Porto"


@pytest.mark.parametrize("column", ["invoice_date", "hash"])
def test_two_documents_with_one_number_are_told_by_a_conflict(
    store: Store, url: str, column: str
) -> None:
    """Whether the file at hand wins or loses."""
    other = {"invoice_date": "2024-01-01", "hash": "B" * 172}
    ours = {"invoice_date": "2025-07-01", "hash": "A" * 172}
    load(store, File("a.xml", (invoice("FT 1/1", values={column: ours[column]}),), (), at(5)))
    (later,) = load(
        store, File("b.xml", (invoice("FT 1/1", values={column: other[column]}),), (), at(9))
    )
    (early,) = load(
        store, File("c.xml", (invoice("FT 1/1", 2, values={column: ours[column]}),), (), at(1))
    )
    for outcome, mine, theirs in ((later, other, ours), (early, ours, other)):
        (warning,) = outcome.warnings
        assert warning["code"] == "conflict"
        assert warning["this_file"][column] == mine[column]
        assert warning["other_file"][column] == theirs[column]
    assert ledger(store, "b.xml").warnings == later.warnings


def test_a_conflict_within_a_group_is_told_to_the_loser(store: Store) -> None:
    winner = File("b.xml", (invoice("FT 1/1", hash="B" * 172),), (), at(9))
    loser = File("a.xml", (invoice("FT 1/1", hash="A" * 172),), (), at(1))
    first, second = load(store, winner, loser)
    assert (len(first.warnings), len(second.warnings)) == (0, 1)


def test_a_hash_that_one_of_them_lacks_is_no_conflict(store: Store) -> None:
    load(store, File("a.xml", (invoice("FT 1/1", hash="A" * 172),), (), at(1)))
    (outcome,) = load(store, File("b.xml", (invoice("FT 1/1", 2),), (), at(9)))
    assert outcome.warnings == []


def test_the_first_hundred_conflicts_are_spelt_out(store: Store) -> None:
    def numbers(date_: str) -> tuple[Invoice, ...]:
        return tuple(invoice(f"FT 1/{n}", invoice_date=date_) for n in range(103))

    load(store, File("a.xml", numbers("2025-07-01"), (), at(1)))
    (outcome,) = load(store, File("b.xml", numbers("2025-07-02"), (), at(2)))
    assert len(outcome.warnings) == 101
    assert outcome.warnings[-1]["message"] == "and 3 more of this kind"


def test_warnings_of_reading_are_kept_before_those_of_publishing(store: Store) -> None:
    by = owner()
    load(store, File("a.xml", (invoice("FT 1/1", hash="A" * 172),), (), at(1)))
    (one,) = prepare(store, File("b.xml", (invoice("FT 1/1", hash="B" * 172),), (), at(2)), by=by)
    publish(store, [replace(one, warnings=[{"code": "nif", "message": "odd", "line": 3}])], by)
    assert [w["code"] for w in ledger(store, "b.xml").warnings] == ["nif", "conflict"]


@pytest.mark.parametrize("table", ["invoices", "lines", "customers"])
def test_other_counts_than_expected_are_refused(store: Store, url: str, table: str) -> None:
    by = owner()
    (expected,) = prepare(store, FILE, by=by)
    wrong = replace(expected, **{table: getattr(expected, table) + 1})
    (outcome,) = publish(store, [wrong], by)
    assert (outcome.status, outcome.transient) == ("failed", True)
    assert outcome.error is not None
    assert "staging holds 1 companies, 1 customers, 2 invoices and 3 lines" in outcome.error
    assert content(url)["companies"] == []
    assert ledger(store, "a.xml").status == "running"


def test_a_file_that_the_database_refuses_harms_no_other(store: Store, url: str) -> None:
    good = File("a.xml", (invoice("FT 1/1"),)), File("c.xml", (invoice("FT 1/3"),))
    bad = File("b.xml", (invoice("FT 1/2", period="99999999999"),))
    outcomes = load(store, good[0], bad, good[1])
    assert [o.status for o in outcomes] == ["loaded", "failed", "loaded"]
    assert "99999999999" in (outcomes[1].error or "")
    assert not outcomes[1].transient
    assert [n for (n,) in rows(url, "select invoice_no from invoices order by 1")] == [
        *("FT 1/1", "FT 1/3"),
    ]


def test_a_file_without_invoices_is_a_valid_empty_result(store: Store) -> None:
    (outcome,) = load(store, File("a.xml"))
    assert (outcome.status, outcome.rows["invoices"]) == ("loaded", 0)


def test_an_invoice_deleted_by_hand_takes_its_lines_and_links_along(store: Store, url: str) -> None:
    load(store, FILE)
    rows(url, "delete from invoices where invoice_no = 'FT 1/1' returning 1")
    assert [len(held) for held in content(url).values()] == [1, 1, 1, 1, 1]
    (outcome,) = load(store, replace(FILE, path="b.xml", bytes_="b", modified_at=at(2)))
    assert outcome.written == {"invoices": 1, "invoice_lines": 2}


def test_a_file_deleted_by_hand_takes_its_links_along(store: Store, url: str) -> None:
    load(store, FILE)
    rows(url, "delete from invoice_files returning 1")
    assert [len(held) for held in content(url).values()] == [1, 1, 2, 3, 0]


def test_publishing_again_what_was_published_tells_the_same(store: Store, url: str) -> None:
    """As when the first answer was lost."""
    by = owner()
    publications = prepare(store, FILE, by=by)
    first = publish(store, publications, by)
    before = everything(url)
    again = stage(store, (publications[0].ledger_id, FILE))
    assert publish(store, again, by) == first
    assert everything(url) == before


def test_known_bytes_that_are_no_longer_loaded_are_to_be_taken_again(store: Store) -> None:
    by = owner()
    (settled,) = claim(store, FILE, by=by)
    (outcome,) = publish(store, [Publication(settled.ledger_id, same_as=12345)], by)
    assert (outcome.status, outcome.transient) == ("failed", True)
    assert "ledger row 12345" in (outcome.error or "")


def test_bytes_read_by_another_version_of_the_program_replace_what_it_read(
    store: Store, url: str
) -> None:
    load(store, FILE)
    rows(url, "update invoice_files set saft_version = 'older' returning 1")
    by = owner()
    (settled,) = claim(store, FILE, by=by)
    assert settled.same_as is None
    better = replace(FILE, invoices=(invoice("FT 1/1", 5), invoice("FT 1/2")))
    publish(store, stage(store, (settled.ledger_id, better)), by)
    assert len(lines_of(url, "FT 1/1")) == 5
    assert linked(url, "a.xml") == {"FT 1/1", "FT 1/2"}
