"""What Dagster learns of a run that was killed between loading its files and telling of them."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import Mock

import dagster as dg
import pytest

from saft_pipeline.dagster_runtime import runs as runs_module
from saft_pipeline.dagster_runtime.file_events import FileEvents
from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.dagster_runtime.late_events import tell_of_loaded
from saft_pipeline.dagster_runtime.location import Location
from saft_pipeline.dagster_runtime.names import CLAIM_TAG, FILE_ASSETS
from saft_pipeline.defs.run_report import RunReport
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Project, broken, one_invoice, partition_of


@pytest.fixture
def untold(project: Project, runs: LocalRuns, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterRun:
    """A run that loaded a file and told of nothing."""
    project.put("f.xml", one_invoice("FT L/1"))
    with monkeypatch.context() as patch:
        patch.setattr(RunReport, "add", lambda *_: None)
        runs.tick()
        (run_id,) = runs.run_waiting()
    run = runs.instance.get_run_by_id(run_id)
    assert run
    return run


def made(instance: dg.DagsterInstance, asset: str, partition: str) -> int:
    key = dg.AssetKey(asset)
    wanted = dg.AssetRecordsFilter(key, asset_partitions=[partition])
    return len(instance.fetch_materializations(wanted, limit=10).records)


def test_every_asset_of_a_file_that_was_loaded_is_materialized_once(
    runs: LocalRuns, store: Store, untold: dg.DagsterRun
) -> None:
    (file,) = store.files()
    told = [tell_of_loaded(runs.instance, Location(), store, untold) for _ in range(2)]
    assert told == [1, 0]
    assert {made(runs.instance, asset, partition_of(file)) for asset in FILE_ASSETS} == {1}


def test_what_a_run_had_loaded_that_dagster_s_monitoring_failed_is_told_once(
    runs: LocalRuns, store: Store, untold: dg.DagsterRun
) -> None:
    (file,) = store.files()
    runs.instance.report_run_failed(untold, "its pod is gone")
    for _ in range(2):
        runs_module.end_dead_runs(runs.instance, Location(), store, 60)
        assert made(runs.instance, "invoices", partition_of(file)) == 1
    run = runs.instance.get_run_by_id(untold.run_id)
    assert run
    assert run.tags["saft/late"] == "files that it had loaded and not told of: 1"


@pytest.mark.parametrize(
    "others", [{}, {"g.xml": broken("FT L/2")}], ids=["well", "with-a-failure"]
)
def test_what_a_run_could_not_tell_of_while_the_history_was_away_is_told_at_the_next_tick(
    project: Project,
    runs: LocalRuns,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    others: dict[str, str],
) -> None:
    monkeypatch.setenv("RUN_PER_FILE_UP_TO", "0")
    for name, text in {"f.xml": one_invoice("FT L/1"), **others}.items():
        project.put(name, text)
    with monkeypatch.context() as patch:
        patch.setattr(FileEvents, "store", Mock(side_effect=ConnectionError("away")))
        runs.tick()
        (run_id,) = runs.run_waiting()
    runs_module.end_dead_runs(runs.instance, Location(), store, 60)
    (file,) = store.files(path="f.xml")
    assert made(runs.instance, "invoices", partition_of(file)) == 1
    run = runs.instance.get_run_by_id(run_id)
    assert run
    assert run.tags["saft/late"] == "files that it had loaded and not told of: 1"


def test_a_run_that_was_failed_and_may_be_alive_is_waited_for(
    project: Project, runs: LocalRuns, store: Store, untold: dg.DagsterRun
) -> None:
    project.put("g.xml", one_invoice("FT L/2"))
    runs.tick()
    (other,) = store.files(path="g.xml")
    held = {untold.tags[CLAIM_TAG]: [other.id]}
    store.hand_over(other.claimed_by or "", held, timedelta(minutes=1))
    runs.instance.report_run_failed(untold, "its pod does not answer")
    runs_module.end_dead_runs(runs.instance, Location(), store, 60)
    (file,) = store.files(path="f.xml")
    assert made(runs.instance, "invoices", partition_of(file)) == 0


def test_it_is_told_where_dagster_has_storage_of_its_own(
    store: Store, untold: dg.DagsterRun
) -> None:
    (file,) = store.files()
    with dg.instance_for_test() as stock:
        stock.add_run(dg.DagsterRun(untold.job_name, untold.run_id))
        assert tell_of_loaded(stock, Location(), store, untold) == 1
        assert made(stock, "invoices", partition_of(file)) == 1


def test_what_a_run_told_of_by_itself_is_not_told_again(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    project.put("f.xml", one_invoice("FT L/1"))
    runs.tick()
    (run_id,) = runs.run_waiting()
    run = runs.instance.get_run_by_id(run_id)
    assert run
    assert tell_of_loaded(runs.instance, Location(), store, run) == 0


def test_a_version_that_another_run_is_to_load_is_not_told_of(
    project: Project, runs: LocalRuns, store: Store, untold: dg.DagsterRun
) -> None:
    project.put("f.xml", one_invoice("FT L/1", "11.00"), modified_at=1_750_000_000)
    runs.tick()
    assert tell_of_loaded(runs.instance, Location(), store, untold) == 0


def test_a_history_that_can_t_be_read_keeps_no_dead_run_alive(
    runs: LocalRuns, store: Store, untold: dg.DagsterRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> int:
        raise ValueError("an event of another version")

    monkeypatch.setattr(runs_module, "tell_of_loaded", unreadable)
    monkeypatch.setattr(runs_module, "_dead", lambda *_, **__: [untold])
    assert runs_module.end_dead_runs(runs.instance, Location(), store, 60) == [untold.run_id]
    assert "an event of another version" in runs_module.reason(runs.instance, untold.run_id)
