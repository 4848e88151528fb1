"""Ticks and runs in this process leave what Dagster's own daemon and launcher leave."""

from __future__ import annotations

import logging

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import InstigatorTick, SensorInstigatorData, TickStatus
from dagster._daemon.sensor import execute_sensor_iteration

from saft_pipeline.dagster_runtime.in_process import LocalRuns, TickFailedError, local_runs
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Polled, Project, one_invoice


def tick_of_the_daemon(runs: LocalRuns) -> None:
    """What the sensor daemon does each few seconds, whenever the last tick was."""
    (state,) = runs.instance.all_instigator_state()
    data = state.instigator_data
    assert isinstance(data, SensorInstigatorData)
    never = data._replace(last_tick_timestamp=None, last_tick_start_timestamp=None)
    runs.instance.update_instigator_state(state.with_data(never))
    iteration = execute_sensor_iteration(runs._workspace, logging.getLogger("test"), None, None)
    assert not [error for error in iteration if error]


def ticks(runs: LocalRuns, count: int) -> list[InstigatorTick]:
    """The newest ticks of the sensor, newest first."""
    (state,) = runs.instance.all_instigator_state()
    return list(runs.instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=count))


def runs_of(runs: LocalRuns, tick: InstigatorTick) -> list[dg.DagsterRun]:
    found = [runs.instance.get_run_by_id(run_id) for run_id in tick.run_ids]
    return [run for run in found if run]


@pytest.fixture
def both(project: Project, runs: LocalRuns) -> tuple[InstigatorTick, InstigatorTick]:
    """A tick of ours and one of the daemon's, each with a run for one new file."""
    project.put("ours.xml", one_invoice("FT D/1"))
    known = runs.tick().run_ids
    project.put("theirs.xml", one_invoice("FT D/2"))
    tick_of_the_daemon(runs)
    theirs, ours = ticks(runs, 2)
    assert ours.run_ids == known
    return ours, theirs


def test_the_tick_is_recorded_as_the_daemons(both: tuple[InstigatorTick, InstigatorTick]) -> None:
    ours, theirs = both
    same = ("instigator_origin_id", "selector_id", "instigator_name", "status", "skip_reason")
    assert [getattr(ours, n) for n in same] == [getattr(theirs, n) for n in same]


def test_the_run_bears_the_tags_of_the_daemons(
    runs: LocalRuns, both: tuple[InstigatorTick, InstigatorTick]
) -> None:
    (ours,), (theirs,) = (runs_of(runs, tick) for tick in both)
    assert set(ours.tags) == set(theirs.tags)


def test_the_run_is_of_the_same_job_assets_and_code(
    runs: LocalRuns, both: tuple[InstigatorTick, InstigatorTick]
) -> None:
    (ours,), (theirs,) = (runs_of(runs, tick) for tick in both)
    same = ("job_name", "run_config", "asset_selection", "remote_job_origin", "status")
    assert [getattr(ours, n) for n in same] == [getattr(theirs, n) for n in same]


def test_a_tick_launches_nothing_by_itself(project: Project, runs: LocalRuns, store: Store) -> None:
    project.put("f.xml", one_invoice("FT D/1"))
    runs.tick()
    assert store.files()[0].status == "running"


def test_what_was_made_with_other_settings_in_this_process_is_not_used(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []
    for level in ("critical", "info"):
        project.put(f"{level}.xml", one_invoice(f"FT {level}/1"))
        settings = project.settings.model_copy(update={"log_level": level})
        with local_runs(settings) as runs:
            runs.tick()
            list(runs.run_waiting())
        said.append(capsys.readouterr().err.count(f"loaded {level}.xml"))
    assert said == [0, 1]


def test_waiting_runs_are_executed_to_their_end(polled: Polled) -> None:
    assert polled.run.is_finished


def test_runs_that_are_done_wait_no_more(polled: Polled) -> None:
    assert list(polled.runs.run_waiting()) == []


def test_a_failed_tick_raises_the_sensors_own_error(
    project: Project, runs: LocalRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFTP_REMOTE_DIR", "/no/such/folder")
    with pytest.raises(TickFailedError, match=r"^the folder .* check SFTP_REMOTE_DIR"):
        runs.tick()


def test_a_failed_tick_is_recorded_as_failed(
    project: Project, runs: LocalRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFTP_REMOTE_DIR", "/no/such/folder")
    with pytest.raises(Exception, match="check SFTP_REMOTE_DIR"):
        runs.tick()
    (tick,) = ticks(runs, 1)
    assert tick.status == TickStatus.FAILURE


def test_an_interrupt_of_dagsters_while_it_is_loaded_is_one_of_the_command(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise dg.DagsterExecutionInterruptedError

    monkeypatch.setattr("saft_pipeline.dagster_runtime.in_process.find_location", interrupted)
    with pytest.raises(KeyboardInterrupt), local_runs(project.settings):
        pass
