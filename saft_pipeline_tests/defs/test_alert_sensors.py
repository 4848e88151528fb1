"""What the sensor tells of, once, on each channel; and that what was not sent is sent later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import JobFailureData
from dagster_shared.error import SerializableErrorInfo

from saft_pipeline.dagster_runtime.in_process import LocalRuns, TickFailedError
from saft_pipeline.dagster_runtime.names import CLAIM_TAG, LOCATION
from saft_pipeline.definitions import build_defs, defs
from saft_pipeline.defs import alert_sensors
from saft_pipeline.defs.alert_sensors import build_alert_sensor
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.store.model import Failure, SeenFile
from saft_pipeline.store.store import Store
from saft_pipeline_tests.alerts.hook_server import Hook, hook_server
from saft_pipeline_tests.alerts.mail_server import mail_server
from saft_pipeline_tests.dagster_runtime.neighbours import run_of_theirs
from saft_pipeline_tests.fixtures.project import Project, broken, half, one_invoice


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    with hook_server() as hook:
        monkeypatch.setenv("ALERT_WEBHOOK_URL", hook.url)
        yield hook


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A history in which nothing happened."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def tick(instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult:
    resources = {"saft": Pipeline()}
    with dg.build_sensor_context(instance, cursor, resources=resources) as context:
        result = build_alert_sensor(wanted=True)(context)
    assert isinstance(result, dg.SensorResult)
    return result


def said(result: dg.SensorResult) -> str:
    """What the tick shows as its reason."""
    assert result.skip_reason
    return result.skip_reason.skip_message or ""


def failed(store: Store, *paths: str) -> None:
    """Have files fail, with the reason that they are broken."""
    seen = [SeenFile(p, p, None, 1, datetime.now(UTC)) for p in paths]
    store.observe("s", seen, whole=False)
    files = store.claim("claim-1", lease=timedelta(minutes=1), source="s")
    store.fail("claim-1", [Failure(f.id, "it is broken") for f in files])


def test_it_runs_if_there_is_somebody_to_tell(
    monkeypatch: pytest.MonkeyPatch, project: Project
) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK_URL", "https://hooks.example.test/x")
    sensor = defs().get_sensor_def("alerts")
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    silent = build_defs(project.settings).get_sensor_def("alerts")
    assert silent.default_status == dg.DefaultSensorStatus.STOPPED


def test_without_a_channel_it_says_what_to_set(
    project: Project, instance: dg.DagsterInstance
) -> None:
    assert said(tick(instance)) == ("nobody to tell: set ALERT_WEBHOOK_URL or ALERT_SMTP_URL")


def test_files_that_failed_are_told_of_in_one_message(
    hook: Hook, store: Store, instance: dg.DagsterInstance
) -> None:
    failed(store, "a.xml", "b.xml")
    assert said(tick(instance)) == "webhook: told of 2"
    assert hook.texts == [
        "saft_pipeline: 2 files failed\n• a.xml: it is broken\n• b.xml: it is broken"
    ]


def test_a_file_is_told_of_once_however_often_it_is_tried(
    hook: Hook, store: Store, instance: dg.DagsterInstance
) -> None:
    for _ in range(3):
        failed(store, "a.xml")
        tick(instance)
        store.retry(paths=["a.xml"])
        tick(instance)
    assert len(hook.texts) == 1


def test_no_news_is_no_message(hook: Hook, store: Store, instance: dg.DagsterInstance) -> None:
    assert said(tick(instance)) == "no news"
    assert hook.texts == []


def test_a_message_that_did_not_go_out_goes_out_later(
    hook: Hook, store: Store, instance: dg.DagsterInstance
) -> None:
    failed(store, "a.xml")
    hook.status = 500
    assert said(tick(instance)) == (
        "webhook: it answered 500; check ALERT_WEBHOOK_URL; tried again at the next tick"
    )
    hook.status = 200
    tick(instance)
    assert len(hook.texts) == 1


def test_a_channel_that_is_dead_keeps_no_other_from_telling(
    hook: Hook, store: Store, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed(store, "a.xml")
    hook.status = 500
    with mail_server(None) as box:
        monkeypatch.setenv("ALERT_SMTP_URL", f"smtp://localhost:{box.port}")
        monkeypatch.setenv("ALERT_EMAIL_FROM", "saft@example.test")
        monkeypatch.setenv("ALERT_EMAIL_TO", "it@example.test")
        tick(instance)
        hook.status = 200
        tick(instance)
    assert (len(hook.texts), len(box.mails)) == (1, 1)


def test_loading_goes_on_while_nobody_can_be_told(
    hook: Hook, project: Project, runs: LocalRuns, store: Store
) -> None:
    hook.status = 500
    project.put("broken.xml", broken("FT A/1"))
    runs.tick()
    list(runs.run_waiting())
    tick(runs.instance)
    project.put("good.xml", one_invoice("FT A/2"))
    runs.tick()
    list(runs.run_waiting())
    assert store.counts() == {"failed": 1, "loaded": 1}


@pytest.mark.parametrize("name", ["half.xml", "good.xml"])
def test_a_file_on_its_way_is_no_news(
    hook: Hook, project: Project, runs: LocalRuns, name: str
) -> None:
    project.put(name, (half if name == "half.xml" else one_invoice)("FT A/1"))
    runs.tick()
    tick(runs.instance)
    list(runs.run_waiting())
    tick(runs.instance)
    assert hook.texts == []


def test_the_run_of_a_broken_file_is_not_told_of_beside_the_file(
    hook: Hook, project: Project, runs: LocalRuns
) -> None:
    project.put("broken.xml", broken("FT A/1"))
    runs.tick()
    (run_id,) = runs.run_waiting()
    tick(runs.instance)
    (told,) = hook.texts
    assert told.startswith("saft_pipeline: 1 file failed\n")
    assert run_id not in told


def dead_run(instance: dg.DagsterInstance, run_id: str, why: str = "out of memory") -> None:
    """A run that failed, but not because of its files."""
    tags = {CLAIM_TAG: "claim-1"}
    started = dg.DagsterRun("load_files_job", run_id, status=dg.DagsterRunStatus.STARTED, tags=tags)
    error = SerializableErrorInfo(f"RuntimeError: {why}\n", [], "RuntimeError")
    failure = JobFailureData(error=error, failure_reason=None)
    instance.report_run_failed(instance.add_run(started), job_failure_data=failure)


def test_a_run_that_failed_is_told_of_with_its_reason(
    hook: Hook, store: Store, instance: dg.DagsterInstance
) -> None:
    dead_run(instance, "1" * 36)
    tick(instance)
    assert hook.texts == [
        f"saft_pipeline: 1 run failed\n• load_files_job, run {'1' * 36}: out of memory"
    ]


def test_a_run_that_was_failed_from_outside_is_told_of_with_what_was_said_of_it(
    hook: Hook, store: Store, instance: dg.DagsterInstance
) -> None:
    dead_run(instance, "1" * 36)
    status, tags = dg.DagsterRunStatus.STARTED, {CLAIM_TAG: "claim-2"}
    started = dg.DagsterRun("load_files_job", "2" * 36, status=status, tags=tags)
    instance.report_run_failed(instance.add_run(started), "its process is gone")
    tick(instance)
    (told,) = hook.texts
    assert told.splitlines()[1:] == [
        f"• load_files_job, run {'2' * 36}: its process is gone",
        f"• load_files_job, run {'1' * 36}: out of memory",
    ]


def test_a_run_of_another_team_is_not_told_of(
    hook: Hook, store: Store, instance: dg.DagsterInstance
) -> None:
    run_of_theirs(instance, "load_files_job", "their_asset")
    assert said(tick(instance)) == "no news"


def test_runs_of_another_team_hide_none_of_ours(
    hook: Hook, store: Store, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_sensors, "_MOST_LOOKED_AT", 2)
    ours = run_of_theirs(instance, "load_files_job", location=LOCATION)
    for _ in range(3):
        run_of_theirs(instance)
    tick(instance)
    (told,) = hook.texts
    assert ours in told


def test_a_run_that_can_t_be_read_keeps_no_other_from_being_told_of(
    hook: Hook,
    store: Store,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = instance.all_logs

    def all_logs(run_id: str, **given: Any) -> Any:
        if run_id == "2" * 36:
            raise ValueError("an event of another version")
        return real(run_id, **given)

    for number in (1, 2):
        dead_run(instance, f"{number}" * 36)
    monkeypatch.setattr(instance, "all_logs", all_logs)
    tick(instance)
    (told,) = hook.texts
    assert "an event of another version" in told
    assert "out of memory" in told


def test_runs_that_fail_in_the_same_way_are_told_of_once(
    hook: Hook, store: Store, instance: dg.DagsterInstance
) -> None:
    for number in range(3):
        dead_run(instance, f"{number}" * 36)
        tick(instance)
    dead_run(instance, "4" * 36, "the disk is full")
    tick(instance)
    assert [told.rpartition(": ")[2] for told in hook.texts] == [
        "out of memory",
        "the disk is full",
    ]


def test_a_poll_that_failed_is_told_of_once_while_it_fails(
    hook: Hook, project: Project, runs: LocalRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.folder / "a.xml").touch()
    with monkeypatch.context() as patch:
        patch.setenv("SFTP_REMOTE_DIR", "/there/is/none")
        for _ in range(2):
            with pytest.raises(TickFailedError):
                runs.tick()
            tick(runs.instance)
        (told,) = hook.texts
        assert "the SFTP folder can't be polled" in told
        assert "/there/is/none" in told
    runs.tick()
    tick(runs.instance)
    assert len(hook.texts) == 1


def test_it_is_told_that_no_poll_has_worked_for_long(
    hook: Hook, project: Project, runs: LocalRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.tick()
    monkeypatch.setenv("ALERT_PENDING_AFTER", "0s")
    tick(runs.instance)
    (told,) = hook.texts
    assert "can't be polled" in told
    assert "not since 20" in told


def test_a_database_that_is_down_is_told_of_once(
    hook: Hook, project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", "postgresql://u:hunter2@127.0.0.1:1/none")
    first = tick(instance)
    second = tick(instance, first.cursor)
    (told,) = hook.texts
    assert told.startswith("saft_pipeline: the database can't be reached\n")
    assert "hunter2" not in told + said(first)
    assert json.loads(second.cursor or "") == ["webhook"]


def test_a_database_that_is_down_again_is_told_of_again(
    hook: Hook, project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = None
    for url in ("postgresql://127.0.0.1:1/none", project.env["SUPABASE_DB_URL"]) * 2:
        monkeypatch.setenv("SUPABASE_DB_URL", url)
        cursor = tick(instance, cursor).cursor
    assert len(hook.texts) == 2


def test_a_dead_channel_learns_later_that_the_database_is_down(
    hook: Hook, project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", "postgresql://127.0.0.1:1/none")
    hook.status = 500
    cursor = tick(instance).cursor
    hook.status = 200
    tick(instance, cursor)
    assert len(hook.texts) == 1


def test_no_secret_is_in_what_a_tick_says(
    hook: Hook, store: Store, instance: dg.DagsterInstance
) -> None:
    failed(store, "a.xml")
    hook.status = 404
    assert "s3cret" not in said(tick(instance))
