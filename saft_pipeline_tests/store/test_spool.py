"""Rows in COPY's text form: what is written is what Postgres reads, either way it is sent."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saft_pipeline.saft.records import Invoice, Other
from saft_pipeline.store.spool import SPOOLED_TABLES, FileRows, Spool, copy_text, in_batches
from saft_pipeline_tests.fixtures.full_disk import room_for
from saft_pipeline_tests.store.building import File, customer, invoice

# What XML 1.0 allows in a value.
texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n\r")
    | st.sampled_from("\\tnrN\t\n\r"),
    max_size=8,
)
tables = st.lists(st.lists(st.none() | texts, min_size=3, max_size=3), min_size=1, max_size=4)


@given(tables)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_come_back_as_they_were(url: str, rows: list[list[str | None]]) -> None:
    text = copy_text([*map(tuple, rows)])
    with psycopg.connect(url) as connection:
        sent = connection.execute("select r from saft.copy_rows(%s) r", [text.decode()]).fetchall()
        connection.execute("create temporary table t (a text, b text, c text)")
        with connection.cursor().copy("copy t from stdin with (null E'\\b')") as copy:
            copy.write(text)
        copied = connection.execute("select * from t").fetchall()
    assert [row for (row,) in sent] == rows
    assert copied == [tuple(row) for row in rows]


def keyed(spool: Spool) -> list[bytes]:
    return b"".join(spool.staged()).splitlines()


def test_rows_are_given_in_batches_from_the_first_each_time() -> None:
    first, second, other = Spool("companies", 7), Spool("companies", 8), Spool("customers", 7)
    for spool, count in ((first, 3), (second, 2), (other, 1)):
        spool.append(copy_text([(str(n), None) for n in range(count)]), count)
    for _ in range(2):
        assert list(in_batches([first, second, other], {"companies": 2, "customers": 2})) == [
            ("companies", b"7\t0\t\b\n7\t1\t\b\n"),
            ("companies", b"7\t2\t\b\n8\t0\t\b\n"),
            ("companies", b"8\t1\t\b\n"),
            ("customers", b"7\t0\t\b\n"),
        ]
    assert (first.count, second.count) == (3, 2)


def test_rows_of_an_invoice_are_keyed_or_left_out() -> None:
    spool = Spool("invoice_lines", 7)
    for seq in range(3):
        spool.append(copy_text([("1", str(seq)), ("2", str(seq))]), 2, seq)
    keys = {0: b"100\t", 2: b"102\t"}
    assert b"".join(spool.keyed(keys.get)) == b"100\t1\t0\n100\t2\t0\n102\t1\t2\n102\t2\t2\n"


def test_rows_beyond_memory_are_all_given() -> None:
    spool = Spool("companies", 7)
    row = copy_text([("x" * 1000,)])
    for _ in range(1000):
        spool.append(row, 1)
    assert len(keyed(spool)) == 1000
    spool.close()


def test_a_disk_that_is_full_of_rows_is_named(tmp_path: Path) -> None:
    spool = Spool("companies", 7, most=1, folder=tmp_path)
    with pytest.raises(OSError, match=re.escape(str(tmp_path))), room_for(1):
        spool.append(copy_text([("x" * 10_000,)]), 1)


def test_each_record_goes_to_its_table() -> None:
    rows = FileRows(7)
    for record in File("a.xml", (invoice("FT 1/1", 2), invoice("FT 1/2")), (customer(),)).records:
        rows.write(record)
    rows.write(Other("product", "", 1))
    assert rows.counts == {"companies": 1, "customers": 1, "invoices": 2, "invoice_lines": 3}
    starts = [line.split(b"\t")[:2] for line in keyed(rows.spools["invoice_lines"])]
    assert starts == [[b"7", b"0"], [b"7", b"0"], [b"7", b"1"]]
    rows.close()


def content_hash(record: Invoice) -> bytes:
    rows = FileRows(7)
    rows.write(record)
    return keyed(rows.spools["invoices"])[0].rpartition(b"\t")[2]


def test_the_hash_is_of_the_invoice_and_all_its_lines() -> None:
    usual = content_hash(invoice("FT 1/1", 2))
    others = [
        invoice("FT 1/2", 2),
        invoice("FT 1/1", 3),
        invoice("FT 1/1", 2, "10.01"),
        invoice("FT 1/1", 2, status_reason="x"),
        invoice("FT 1/1", 2, customer_id=None),
    ]
    assert usual == content_hash(invoice("FT 1/1", 2))
    assert len({usual, *map(content_hash, others)}) == len(others) + 1


def test_an_invoice_of_very_many_lines_is_spooled_whole() -> None:
    rows = FileRows(7)
    rows.write(invoice("FT 1/1", 2500))
    numbers = [line.split(b"\t")[2] for line in keyed(rows.spools["invoice_lines"])]
    assert numbers == [b"%d" % n for n in range(1, 2501)]


def test_rows_of_invoices_read_apart_take_the_next_places() -> None:
    invoices = [invoice(f"FT 1/{n}", 2) for n in range(5)]
    whole, first = FileRows(7), FileRows(7)
    for record in invoices:
        whole.write(record)
    for record in invoices[:2]:
        first.write(record)
    apart = FileRows(0)
    for record in invoices[2:]:
        apart.write(record)
    first.add_invoices(apart)
    assert first.counts == whole.counts
    assert [keyed(first.spools[t]) for t in SPOOLED_TABLES] == [
        keyed(whole.spools[t]) for t in SPOOLED_TABLES
    ]
