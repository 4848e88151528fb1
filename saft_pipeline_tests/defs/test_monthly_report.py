"""The VAT of the month before, sent to whom the settings name, with the report as files."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import dagster as dg
import openpyxl
import pytest

from saft_pipeline.definitions import build_defs
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline_tests.alerts.hook_server import hook_server
from saft_pipeline_tests.alerts.mail_server import mail_server
from saft_pipeline_tests.reports.papers import (
    COMPANY,
    OTHER_COMPANY,
    database,
    file_of,
    paper,
    taxed,
)

THIS_MONTH = datetime.now(UTC).date().replace(day=1)
LAST_MONTH = THIS_MONTH - timedelta(days=1)


@pytest.fixture(scope="module")
def books(postgres_server: EmbeddedPostgres) -> str:
    """One company has an invoice of the month before, another only of this one."""
    before = paper("FT A/1", taxed("100"), tax="23", net="100", day=LAST_MONTH.isoformat())
    now = paper("FT A/2", taxed("7"), tax="1.61", net="7", day=THIS_MONTH.isoformat())
    other = file_of(now.replace("A/2", "B/1"), company=OTHER_COMPANY)
    return database(postgres_server, {"a.xml": file_of(before, now), "b.xml": other})


def sent(books: str, patch: pytest.MonkeyPatch, **settings: str) -> bool:
    """Whether a run of the job ended well."""
    for name, value in {"SUPABASE_DB_URL": books, **settings}.items():
        patch.setenv(name, value)
    job = build_defs().resolve_job_def("monthly_report_job")
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(instance=instance, raise_on_error=False).success


def test_a_mail_has_the_figures_and_the_report_as_files(
    books: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mail_server(None) as box:
        smtp = {"ALERT_SMTP_URL": f"smtp://127.0.0.1:{box.port}", "ALERT_EMAIL_FROM": "a@b.pt"}
        assert sent(books, monkeypatch, **smtp, REPORT_EMAIL_TO="ana@b.pt,rui@b.pt")
    (mail,) = box.mails
    assert box.recipients == ["ana@b.pt", "rui@b.pt"]
    assert str(mail["Subject"]).startswith("IVA: ")
    assert COMPANY in mail["Subject"]
    body = mail.get_body(("plain",))
    assert body
    assert "IVA: 23,00\xa0€" in body.get_content()
    files = {a.get_filename(): a.get_content() for a in mail.iter_attachments()}
    assert set(files) == {"iva.html", "iva.xlsx"}
    book = openpyxl.load_workbook(io.BytesIO(files["iva.xlsx"]))
    assert book["Taxas"]["F2"].value == 23


def test_a_webhook_has_the_figures(books: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with hook_server() as hook:
        assert sent(books, monkeypatch, REPORT_WEBHOOK_URL=hook.url, REPORT_LANGUAGE="en")
    (text,) = hook.texts
    assert text.splitlines()[0].startswith("VAT: ")
    assert "VAT: 23.00" in text.splitlines()


def test_what_can_not_be_sent_fails_the_run(books: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with hook_server() as hook:
        hook.status = 404
        assert not sent(books, monkeypatch, REPORT_WEBHOOK_URL=hook.url)


@pytest.mark.parametrize(("url", "status"), [("", "STOPPED"), ("https://x.example/", "RUNNING")])
def test_it_is_launched_if_there_is_somebody_to_send_to(
    monkeypatch: pytest.MonkeyPatch, url: str, status: str
) -> None:
    monkeypatch.setenv("REPORT_WEBHOOK_URL", url)
    schedule = build_defs().get_schedule_def("monthly_report")
    assert (schedule.cron_schedule, schedule.default_status.value) == ("0 7 6 * *", status)
