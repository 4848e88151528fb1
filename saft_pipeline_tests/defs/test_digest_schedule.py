"""What is told once a day of a day with good, broken and empty files, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from saft_pipeline.alerts.digest import digest
from saft_pipeline.alerts.message import AlertError
from saft_pipeline.dagster_runtime.names import DIGEST
from saft_pipeline.definitions import build_defs
from saft_pipeline.defs.digest_schedule import tell
from saft_pipeline.settings import SettingsError, load
from saft_pipeline.store.model import Failure, SeenFile
from saft_pipeline.store.store import Store
from saft_pipeline_tests.alerts.hook_server import hook_server
from saft_pipeline_tests.alerts.mail_server import mail_server
from saft_pipeline_tests.fixtures.project import Polled, Project

NOW = datetime(2026, 3, 2, 7, tzinfo=UTC)


def test_the_day_is_told_with_its_reasons(polled: Polled) -> None:
    with hook_server() as hook:
        said = tell(load({**polled.project.env, "ALERT_WEBHOOK_URL": hook.url}))
    (text,) = hook.texts
    assert text.splitlines()[0] == "saft_pipeline: 3 files in, 2 failed"
    assert "broken.xml:45:1: UnitPrice of invoice FT A/3" in text
    assert "3 files in, 2 failed" in said


def test_a_channel_that_can_t_be_reached_keeps_no_other_from_being_told(project: Project) -> None:
    with hook_server() as hook, mail_server(None) as box:
        hook.status = 503
        mail = {
            "ALERT_SMTP_URL": f"smtp://localhost:{box.port}",
            "ALERT_EMAIL_FROM": "saft@example.test",
            "ALERT_EMAIL_TO": "it@example.test",
        }
        with pytest.raises(AlertError, match="not told: webhook: it answered 503"):
            tell(load({**project.env, **mail, "ALERT_WEBHOOK_URL": hook.url}))
    assert len(box.mails) == 1


def file(path: str, days: int) -> dict[str, object]:
    seen = (NOW - timedelta(days=days)).isoformat()
    return {"path": path, "status": "failed", "error": "broken", "first_seen_at": seen}


def test_what_failed_before_is_told_apart() -> None:
    overview = {
        "hours": [{"hour": (NOW - timedelta(days=3)).isoformat(), "files": 9, "rows": 9}],
        "attention": [file("new.xml", 0), file("old.xml", 3)],
        "sources": {"s": {"pending": 4, "failed": 2}},
        "empty": 1,
    }
    message = digest(overview, 1, NOW)
    assert message.title == "saft_pipeline: 0 files in, 1 failed"
    assert message.text.index("new.xml: broken") < message.text.index("not loaded:")
    assert message.text.index("not loaded:") < message.text.index("old.xml: broken")
    assert "4 wait to be loaded" in message.text


def test_many_that_failed_are_counted_though_few_are_named(project: Project, store: Store) -> None:
    seen = [SeenFile(f"{n}.xml", f"{n}.xml", None, 1, datetime.now(UTC)) for n in range(40)]
    store.observe("s", seen, whole=False)
    files = store.claim("claim-1", lease=timedelta(minutes=1), source="s")
    store.fail("claim-1", [Failure(f.id, "it is broken") for f in files])
    with hook_server() as hook:
        tell(load({**project.env, "ALERT_WEBHOOK_URL": hook.url}))
    (text,) = hook.texts
    assert text.splitlines()[0] == "saft_pipeline: 0 files in, 40 failed"
    assert text.splitlines()[-1] == "• and 20 more: saft status --state failed"


def test_whose_a_file_is_is_told_where_there_are_several_sources() -> None:
    overview = {
        "hours": [],
        "attention": [{**file("f.xml", 0), "source": "porto"}, {**file("f.xml", 3), "source": "x"}],
        "sources": {"porto": {"failed": 1}, "x": {"failed": 1}},
        "empty": 0,
    }
    text = digest(overview, 1, NOW).text
    assert "• porto: f.xml: broken" in text
    assert "• x: f.xml: broken" in text


def test_it_runs_at_the_hour_of_the_settings_if_there_is_somebody_to_tell() -> None:
    given = {"ALERT_DIGEST_AT": "06:05", "ALERT_WEBHOOK_URL": "https://hooks.example.test/x"}
    schedule = build_defs(load(given)).get_schedule_def(DIGEST)
    running = dg.DefaultScheduleStatus.RUNNING
    assert (schedule.cron_schedule, schedule.default_status) == ("5 6 * * *", running)
    quiet = build_defs(load({"ALERT_DIGEST_AT": "06:05"})).get_schedule_def(DIGEST)
    assert quiet.default_status == dg.DefaultScheduleStatus.STOPPED


@pytest.mark.parametrize("value", ["7", "24:00", "07:60", "noon"])
def test_an_hour_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="ALERT_DIGEST_AT"):
        load({"ALERT_DIGEST_AT": value})
