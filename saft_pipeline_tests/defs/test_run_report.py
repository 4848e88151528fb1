"""Whatever keeps Dagster from being told, the rows are in the tables and the run does not fail."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from saft_pipeline.dagster_runtime import partitions
from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.dagster_runtime.names import FILE_ASSETS
from saft_pipeline.dagster_runtime.storage import BatchedEventLog
from saft_pipeline.defs import file_metadata
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Project, one_invoice, partition_of


def fail(*_: object, **__: object) -> None:
    raise AttributeError("of another version")


def loaded(project: Project, runs: LocalRuns, patch: pytest.MonkeyPatch) -> list[str]:
    """One shared run over two good files, which ends well; its warnings."""
    patch.setenv("RUN_PER_FILE_UP_TO", "0")
    for number in (1, 2):
        project.put(f"{number}.xml", one_invoice(f"FT W/{number}"))
    runs.tick()
    (run_id,) = runs.run_waiting()
    run = runs.instance.get_run_by_id(run_id)
    assert run
    assert run.status == DagsterRunStatus.SUCCESS
    return [e.user_message for e in runs.instance.all_logs(run_id) if e.level == 30]


@pytest.mark.parametrize("broken", ["store_file_events", "store_check_events"])
def test_if_batches_break_events_go_the_documented_way_with_one_warning(
    project: Project, runs: LocalRuns, store: Store, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.setattr(BatchedEventLog, broken, fail)
    (warning,) = loaded(project, runs, monkeypatch)
    assert "one by one" in warning
    keys = [partition_of(file) for file in store.files(state="loaded")]
    for asset in FILE_ASSETS:
        found = runs.instance.get_status_by_partition(dg.AssetKey(asset), keys, partitions.files)
        assert found
        assert {k: v and v.value for k, v in found.items()} == dict.fromkeys(keys, "MATERIALIZED")


def test_if_nothing_can_be_told_the_files_are_loaded_and_it_is_said(
    project: Project, runs: LocalRuns, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_metadata, "of_asset", fail)
    assert any("saft status" in warning for warning in loaded(project, runs, monkeypatch))
    assert store.counts() == {"loaded": 2}
