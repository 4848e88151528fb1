"""`saft report` over a database with one company's files in it, as people and scripts meet it."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from lxml import html

from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline_tests.fixtures.project import Command
from saft_pipeline_tests.reports.papers import COMPANY, database, file_of, paper, taxed
from saft_pipeline_tests.store.building import SOURCE

NAME = "Padaria [bold]São João[/bold], Lda"
FILE = file_of(
    paper("FT A/1", taxed("100"), taxed("50", "6", code="RED"), tax="26", net="150"),
    paper("NC A/1", taxed("40", side="Debit"), tax="9.20", net="40", day="2025-04-02"),
).replace("Padaria São João, Lda".encode(), NAME.encode())
SUBJECTS = ["vat", "sales", "files"]


@pytest.fixture(scope="module")
def url(postgres_server: EmbeddedPostgres) -> str:
    """A database with that file in it, of a branch."""
    return database(postgres_server, {"FR202Y2025_7-Gramido.xml": FILE})


@pytest.fixture(autouse=True)
def setting(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the one that the settings name."""
    monkeypatch.setenv("SUPABASE_DB_URL", url)


def test_vat_as_csv(saft: Command) -> None:
    done = saft("report", "vat", "--company", COMPANY, "--csv")
    assert (done.status, done.out) == (
        0,
        "month,tax_country_region,tax_code,tax_percentage,taxable_base,vat\n"
        "2025-03,PT,RED,6,50.00,3.00\n"
        "2025-03,PT,NOR,23,100.00,23.00\n"
        "2025-04,PT,NOR,23,-40.00,-9.20\n",
    )


def test_days_are_chosen(saft: Command) -> None:
    done = saft(
        "report", "vat", "--company", COMPANY, "--from", "2025-04-01", "--to", "2025-04-30", "--csv"
    )
    assert [row[0] for row in csv.reader(io.StringIO(done.out))][1:] == ["2025-04"]


def test_the_only_company_needs_no_name(saft: Command) -> None:
    assert saft("report", "vat", "--csv").out.count("\n") == 4


def test_vat_as_a_table_has_totals_and_the_reconciliation(saft: Command) -> None:
    out = saft("report", "vat").out
    assert re.search(r"^ +110.00 +16.80$", out, re.MULTILINE)
    assert "Beside the documents' TaxPayable" in out


@pytest.mark.parametrize("subject", SUBJECTS)
def test_no_number_is_cut_on_a_narrow_screen(
    saft: Command, monkeypatch: pytest.MonkeyPatch, subject: str
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    out = saft("report", subject).out
    assert "…" not in out
    assert {"vat": "16.80", "sales": "110.00", "files": f"{len(FILE):,}"}[subject] in out


def test_what_it_comes_to_is_said_beside(saft: Command) -> None:
    done = saft("report", "vat", "--csv")
    assert done.err == "The documents' TaxPayable is the same as this VAT.\n"


def test_the_reconciliation_fits_a_screen(saft: Command) -> None:
    out = saft("report", "vat").out
    assert max(map(len, out.splitlines())) <= 80
    assert re.search(r"^ +2 +16.80 +16.80( +0.00){4}$", out, re.MULTILINE)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_json_is_one_document(saft: Command, subject: str) -> None:
    assert json.loads(saft("report", subject, "--json").out)["report"] == subject


def test_amounts_in_json_are_exact_text(saft: Command) -> None:
    (day, _) = json.loads(saft("report", "sales", "--json").out)["days"]
    assert (day["branch"], day["net_total"]) == ("Gramido", "150.00")
    assert isinstance(Decimal(day["gross_total"]), Decimal)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_page_is_written(saft: Command, tmp_path: Path, subject: str) -> None:
    page = tmp_path / "page.html"
    done = saft("report", subject, "--html", page)
    assert (done.status, done.out) == (0, "")
    assert "<svg" in page.read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_status_2(saft: Command, tmp_path: Path) -> None:
    page = tmp_path / "nosuch" / "page.html"
    done = saft("report", "vat", "--html", page)
    assert (done.status, done.err) == (2, f"{page}: No such file or directory\n")


def test_an_unknown_company_is_told_which_exist(saft: Command) -> None:
    done = saft("report", "sales", "--company", "123456789")
    assert done.status == 2
    assert done.err.splitlines() == [
        "no company 123456789; there are:",
        f"  {COMPANY}  {NAME}",
    ]


@pytest.mark.parametrize("option", ["--from", "--to"])
@pytest.mark.parametrize("text", ["2025-02-30", "01/02/2025", "today"])
def test_a_bad_date_is_named(saft: Command, option: str, text: str) -> None:
    done = saft("report", "vat", option, text)
    assert (done.status, done.err) == (2, f"{option} {text}: not a date such as 2025-01-31\n")


def test_dates_in_the_wrong_order_are_status_2(saft: Command) -> None:
    done = saft("report", "vat", "--from", "2025-02-01", "--to", "2025-01-01")
    assert (done.status, "swap the dates" in done.err) == (2, True)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_an_empty_result_says_so_and_is_well(saft: Command, subject: str) -> None:
    done = saft("report", subject, "--to", "1999-12-31")
    assert (done.status, done.out) == (0, "")
    assert done.err.startswith("Nothing to report: ")
    assert "until 1999-12-31" in done.err


def test_an_empty_result_as_csv_is_its_header(saft: Command) -> None:
    assert saft("report", "vat", "--to", "1999-12-31", "--csv").out.count("\n") == 1


def test_csv_and_json_at_once_are_refused(saft: Command) -> None:
    assert saft("report", "vat", "--csv", "--json").status == 2


def test_files_of_a_company_are_refused(saft: Command) -> None:
    done = saft("report", "files", "--company", COMPANY)
    assert (done.status, "leave --company out" in done.err) == (2, True)


def test_a_companys_name_is_not_taken_for_markup(saft: Command) -> None:
    assert NAME in saft("report", "vat").err


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_source_has_what_its_files_hold(saft: Command, subject: str) -> None:
    ours = saft("report", subject, "--source", SOURCE, "--csv")
    assert ours.out == saft("report", subject, "--csv").out
    assert len(ours.out.splitlines()) > 1
    other = saft("report", subject, "--source", "elsewhere", "--csv")
    assert (other.status, len(other.out.splitlines())) == (0, 1)
    assert "elsewhere" in other.err


def test_excel_in_portugal_opens_it(saft: Command) -> None:
    done = saft("report", "vat", "--excel", "--lang", "pt")
    assert done.out.splitlines()[:2] == [
        "\ufeffMês;Região;Código;Taxa;Base tributável;IVA",
        "03/2025;PT;RED;6;50,00;3,00",
    ]


def test_a_page_in_portuguese_has_the_workbook_in_it_to_save(saft: Command, tmp_path: Path) -> None:
    out = tmp_path / "vat.html"
    assert saft("report", "vat", "--lang", "pt", "--html", out).status == 0
    root = html.document_fromstring(out.read_text())
    assert root.get("lang") == "pt"
    (link,) = root.iter("a")
    data = base64.b64decode(link.get("href", "").partition("base64,")[2])
    assert openpyxl.load_workbook(io.BytesIO(data)).sheetnames[:2] == ["Resumo", "Taxas"]
    assert link.get("download") == "vat.xlsx"


def test_the_language_is_that_of_the_system(saft: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "pt_PT.UTF-8")
    assert "Todos os ficheiros estão carregados." in saft("report", "files").err
