"""Ticks of the real sensor on the real instance: what they launch, skip and say."""

from __future__ import annotations

import contextlib
import json
import uuid
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from saft_pipeline.dagster_runtime import partitions, sensor_ticks
from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.dagster_runtime.location import Location
from saft_pipeline.dagster_runtime.names import CLAIM_TAG, SENSOR
from saft_pipeline.dagster_runtime.sensor_ticks import Tick
from saft_pipeline.definitions import build_defs
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.defs.sensors import build_sensor, tick
from saft_pipeline.store.owners import new_owner
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Polled, Project, one_invoice, partition_of
from saft_pipeline_tests.fixtures.sshd import free_port, start_sshd


def drop(project: Project, count: int) -> None:
    """So many files, each a second younger than the one before."""
    for number in range(count):
        name = f"{number}.xml"
        project.put(name, one_invoice(f"FT C/{number}"), modified_at=1_750_000_000 + number)


def requested(runs: LocalRuns) -> list[dg.DagsterRun]:
    """The runs that one tick asks for."""
    found = [runs.instance.get_run_by_id(run_id) for run_id in runs.tick().run_ids]
    return [run for run in found if run]


def last_tick(runs: LocalRuns) -> Tick:
    """The newest tick that the instance has."""
    tick = sensor_ticks.newest(runs.instance, Location())
    assert tick
    return tick


def test_it_polls_as_often_as_the_settings_say() -> None:
    assert build_sensor(42).minimum_interval_seconds == 42


def test_it_runs_unless_it_is_switched_off() -> None:
    sensor = build_defs().get_sensor_def(SENSOR)
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING


def test_a_few_files_have_a_run_each_for_their_partition(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    drop(project, 2)
    found = {run.tags["dagster/partition"] for run in requested(runs)}
    assert found == {partition_of(file) for file in store.files()}


def test_many_files_share_a_run(
    project: Project, runs: LocalRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUN_PER_FILE_UP_TO", "2")
    drop(project, 3)
    (run,) = requested(runs)
    assert "dagster/partition" not in run.tags
    assert run.tags["saft/files"] == "3"


def test_a_run_bears_the_claim_that_the_ledger_knows(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    drop(project, 1)
    (run,) = requested(runs)
    assert [f.path for f in store.claimed(run.tags[CLAIM_TAG])] == ["0.xml"]


def test_a_run_bears_the_name_of_the_sensor(project: Project, runs: LocalRuns) -> None:
    drop(project, 1)
    (run,) = requested(runs)
    assert run.tags["dagster/sensor_name"] == SENSOR


def test_every_file_that_is_taken_has_its_partition(polled: Polled) -> None:
    known = polled.runs.instance.get_dynamic_partitions(str(partitions.files.name))
    assert set(known) >= {polled.partition(path) for path in ("good.xml", "sub/warned.xml")}


def test_a_tick_with_runs_keeps_its_figures(polled: Polled) -> None:
    figures = json.loads(polled.tick.cursor or "")
    assert (figures["listed"], figures["taken"]) == (6, 6)


def test_a_tick_that_leaves_files_waiting_says_how_long_they_wait(
    project: Project, runs: LocalRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_FILES_PER_BATCH", "1")
    drop(project, 3)
    assert "the rest in 2 more polls (about 10 min)" in (runs.tick().cursor or "")


def test_a_tick_with_nothing_new_is_skipped_with_the_summary(
    project: Project, runs: LocalRuns
) -> None:
    tick = runs.tick()
    assert (tick.status, tick.skip_reason) == (
        "skipped",
        "0 listed, 0 loaded, 0 taken, 0 waiting",
    )


def test_every_look_is_an_observation_of_the_folder(project: Project, runs: LocalRuns) -> None:
    drop(project, 1)
    runs.tick()
    record = runs.instance.fetch_observations(dg.AssetKey(SENSOR), limit=1).records[0]
    assert record.asset_observation
    assert record.asset_observation.metadata["listed"].value == 1


@pytest.mark.usefixtures("no_waiting")
def test_a_server_that_is_down_skips_the_tick(
    project: Project, runs: LocalRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFTP_PORT", str(free_port()))
    tick = runs.tick()
    assert tick.status == "skipped"
    assert (tick.skip_reason or "").startswith("tried again at the next tick: 127.0.0.1:")


@pytest.mark.usefixtures("no_waiting")
def test_a_database_that_is_down_skips_the_tick(
    project: Project, runs: LocalRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql://saft@127.0.0.1:{free_port()}/saft"
    monkeypatch.setenv("SUPABASE_DB_URL", url)
    tick = runs.tick()
    assert (tick.skip_reason or "").startswith("tried again at the next tick: ")


def test_missing_settings_skip_the_tick_with_their_names(
    project: Project, runs: LocalRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SFTP_HOST")
    monkeypatch.delenv("SFTP_PRIVATE_KEY_PATH")
    reason = runs.tick().skip_reason or ""
    assert "SFTP_HOST: missing" in reason
    assert "SFTP_PASSWORD or SFTP_PRIVATE_KEY_PATH: missing" in reason


OTHER_KEY = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.mark.parametrize(
    ("settings", "cure"),
    [
        ({"SFTP_PRIVATE_KEY_PATH": "/no/such/key"}, "correct SFTP_PRIVATE_KEY_PATH"),
        (
            {"SFTP_KNOWN_HOSTS_PATH": "", "SFTP_HOST_KEY_FINGERPRINTS": OTHER_KEY},
            "SFTP_HOST_KEY_FINGERPRINTS",
        ),
        ({"SFTP_REMOTE_DIR": "/no/such/folder"}, "check SFTP_REMOTE_DIR"),
    ],
    ids=["missing key", "unknown host key", "missing folder"],
)
def test_a_fault_that_stays_fails_the_tick_with_its_cure(
    project: Project,
    runs: LocalRuns,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    cure: str,
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with contextlib.suppress(Exception):  # what is raised is proved with LocalRuns
        runs.tick()
    assert last_tick(runs).status == "failure"
    assert cure in (last_tick(runs).error or "")


def test_a_wrong_password_fails_the_tick_with_its_cure(
    project: Project, runs: LocalRuns, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with start_sshd(tmp_path / "other", settings=["PasswordAuthentication yes"]) as server:
        monkeypatch.setenv("SFTP_PORT", str(server.port))
        monkeypatch.setenv("SFTP_KNOWN_HOSTS_PATH", str(server.known_hosts_path))
        monkeypatch.setenv("SFTP_PRIVATE_KEY_PATH", "")
        monkeypatch.setenv("SFTP_PASSWORD", "not-this-one")
        with contextlib.suppress(Exception):
            runs.tick()
    assert last_tick(runs).status == "failure"
    assert "check SFTP_USERNAME and SFTP_PASSWORD" in (last_tick(runs).error or "")


def test_a_claim_whose_run_waits_in_the_queue_is_not_given_to_another(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    drop(project, 1)
    claimed_by_run(runs, store, dg.DagsterRunStatus.QUEUED)
    assert runs.tick().run_ids == []


def test_a_claim_whose_process_was_killed_before_its_run_was_launched_is_taken_again(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    drop(project, 1)
    (run,) = requested(runs)
    left = f"{new_owner(of_this=True)}0"
    store.hand_over(run.tags[CLAIM_TAG], {left: [f.id for f in store.files()]}, timedelta(-1))
    other = run.with_status(dg.DagsterRunStatus.NOT_STARTED).with_tags({CLAIM_TAG: left})
    runs.instance.add_run(other._replace(run_id=str(uuid.uuid4())))
    assert len(requested(runs)) == 1


def test_a_file_whose_run_was_cancelled_before_it_began_is_not_taken_again(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    """As Dagster's page cancels it, which knows nothing of files."""
    drop(project, 1)
    claimed_by_run(runs, store, dg.DagsterRunStatus.CANCELED)
    assert runs.tick().run_ids == []
    assert [f.status for f in store.files()] == ["failed"]


def test_a_file_whose_run_was_cancelled_before_it_began_is_given_up_at_once(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    drop(project, 1)
    claimed_by_run(runs, store, dg.DagsterRunStatus.CANCELED, timedelta(minutes=1))
    runs.tick()
    assert [f.status for f in store.files()] == ["failed"]


def claimed_by_run(
    runs: LocalRuns,
    store: Store,
    status: dg.DagsterRunStatus,
    lease: timedelta = timedelta(seconds=-1),
) -> None:
    """A claim, whose lease has ended unless a test wants another, and its run."""
    (run,) = requested(runs)
    other = run.with_status(status)._replace(run_id=str(uuid.uuid4()))
    runs.instance.add_run(other)
    store.renew(run.tags[CLAIM_TAG], lease)


def test_where_others_execute_the_runs_nothing_is_begun_by_the_tick(
    project: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[object] = []
    monkeypatch.setattr(Pipeline, "begin", lambda _, claims: begun.append(claims))
    drop(project, 2)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance)
        found = tick(context, Pipeline(), Location())
    assert (len(found.run_requests or ()), begun) == (2, [])
