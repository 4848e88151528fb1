"""`saft export`: each table, view and report in each format, exact, and whole or not at all."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import polars
import psycopg
import pyarrow.parquet as pq
import pytest

from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.reports.export import exported_names
from saft_pipeline.reports.language import PORTUGUESE
from saft_pipeline_tests.fixtures.project import Command
from saft_pipeline_tests.reports.papers import (
    COMPANY,
    OTHER_COMPANY,
    database,
    file_of,
    paper,
    taxed,
)

REFERENCE = "<References><Reference>FT A/1</Reference></References>"
FORMULA = "=cmd|' /C calc'!A0"


@pytest.fixture(scope="module")
def two_companies(postgres_server: EmbeddedPostgres) -> str:
    """A database with files of two companies; a product is called like a formula."""
    march = paper("FT A/1", taxed("1234.5").replace("Broa", FORMULA), tax="283.94", net="1234.5")
    back = taxed("34.5", side="Debit").replace("<Description>", f"{REFERENCE}<Description>")
    note = paper("NC A/1", back, tax="7.94", net="34.5", day="2025-04-02")
    other = file_of(paper("FT B/1", taxed("7")), company=OTHER_COMPANY)
    return database(postgres_server, {"a.xml": file_of(march, note), "b.xml": other})


@pytest.fixture(autouse=True)
def settings(two_companies: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", two_companies)
    for name in ("LANG", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)


def read(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter))


@pytest.mark.parametrize("name", exported_names())
def test_everything_has_all_its_rows_in_every_format(saft: Command, name: str) -> None:
    company = ["--company", COMPANY] if name != "files" else []
    text = saft("export", name, *company)
    assert text.status == 0, text.err
    rows, columns = read(text.out), text.out.partition("\n")[0].split(",")
    assert rows or name == "gaps"
    for out in (Path("o.xlsx"), Path("o.parquet")):
        done = saft("export", name, *company, "--out", out, "--lang", "pt")
        assert done.status == 0, done.err
    assert pq.read_table("o.parquet").num_rows == len(rows)
    assert pq.read_schema("o.parquet").names == columns
    sheet = openpyxl.load_workbook("o.xlsx", data_only=True).active
    assert len([r for r in sheet.iter_rows(min_row=2) if r[0].value is not None]) >= len(rows)
    heads = [cell.value for cell in sheet[1]]
    assert heads == [PORTUGUESE.labels[column] for column in columns]


def test_pages_make_up_the_whole(saft: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from saft_pipeline.store.postgres import PostgresTransport

    call = PostgresTransport.call

    def in_pages(self: PostgresTransport, function: str, arguments: dict[str, Any]) -> Any:
        few = {"limit": 1} if function == "saft_export" else {}
        return call(self, function, {**arguments, **few})

    whole = {name: read(saft("export", name).out) for name in exported_names()[:12]}
    monkeypatch.setattr(PostgresTransport, "call", in_pages)
    assert {name: read(saft("export", name).out) for name in whole} == whole


def test_lines_tell_their_invoice(saft: Command) -> None:
    (first, *_) = read(saft("export", "invoice_lines").out)
    names = ("company_id", "invoice_no", "invoice_date", "credit_amount", "product_description")
    assert [first[name] for name in names] == [
        COMPANY, "FT A/1", "2025-03-01", "1234.5", f"'{FORMULA}",
    ]  # fmt: skip


def test_days_and_company_choose_rows(saft: Command) -> None:
    april = ["--from", "2025-04-01", "--to", "2025-04-30"]
    assert [r["invoice_no"] for r in read(saft("export", "invoices", *april).out)] == ["NC A/1"]
    found = read(saft("export", "invoices", "--company", OTHER_COMPANY).out)
    assert [r["invoice_no"] for r in found] == ["FT B/1"]


def test_for_people_it_opens_in_excel(saft: Command) -> None:
    done = saft("export", "invoice_overview", "--company", COMPANY, "--excel", "--lang", "pt")
    row = read(done.out, ";")[1]
    assert done.out.startswith("\ufeff")
    assert (row["Documento"], row["Data"], row["Total sem IVA"]) == ("NC A/1", "02/04/2025", "34,5")
    assert row["Total sem IVA, com sinal"] == "-34,5"


def test_a_spreadsheet_has_the_sums_of_the_database(saft: Command, two_companies: str) -> None:
    saft("export", "invoice_overview", "--out", "o.xlsx")
    sheet = openpyxl.load_workbook("o.xlsx", data_only=True).active
    heads = [cell.value for cell in sheet[1]]
    with psycopg.connect(two_companies) as connection:
        query = "select sum(signed_net_total) from invoice_overview"
        (total,) = connection.execute(query).fetchone() or (None,)
    below = sheet.cell(sheet.max_row, heads.index("Signed net total") + 1).value
    assert Decimal(str(below)) == total == Decimal("1200.0")


def test_parquet_keeps_decimals_days_and_text_as_they_are(saft: Command) -> None:
    saft("export", "invoice_lines", "--company", COMPANY, "--out", "o.parquet")
    frame = polars.read_parquet("o.parquet")
    assert frame["credit_amount"].dtype == polars.Decimal(38, 2)
    assert frame.row(0, named=True)["credit_amount"] == Decimal("1234.50")
    assert frame["invoice_date"][0] == date(2025, 3, 1)
    assert frame["product_description"][0] == FORMULA


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nothing"], "nothing: nothing is called that; there are: companies, "),
        (["companies", "--from", "2025-01-01"], "companies have no date"),
        (["invoices", "--format", "xlsx"], "say --out FILE"),
        (["invoices", "--out", "o.xls"], "may end in .csv, .xlsx, .parquet; for another say --f"),
        (["invoices", "--company", "1"], "no company 1; there are:"),
        (["invoices", "--out", "no/such/folder.csv"], "no/such/folder.csv: No such file"),
        (["invoices", "--from", "31/01/2025"], "not a date such as 2025-01-31"),
    ],
)
def test_what_can_not_be_exported_is_told(saft: Command, words: list[str], reason: str) -> None:
    done = saft("export", *words)
    assert (done.status, done.out) == (2, "")
    assert reason in done.err


def test_more_than_excel_holds_leaves_what_was_there(
    saft: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saft_pipeline.reports.xlsx_file.MOST_ROWS", 3)
    Path("o.xlsx").write_text("old")
    done = saft("export", "invoices", "--out", "o.xlsx")
    assert done.status == 2
    assert "invoices: more rows than the 3" in done.err
    assert [(p.name, p.read_text()) for p in Path().iterdir()] == [("o.xlsx", "old")]
