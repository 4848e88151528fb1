"""Which files a run takes: its claim's, its partitions', or what its parent left."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.events import RunFailureReason
from dagster._core.execution.api import execute_run
from dagster._core.execution.retries import auto_reexecution_should_retry_run

from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.dagster_runtime.names import FILES_TAG, RUN_CONFIG
from saft_pipeline.dagster_runtime.runs import reason
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Project, broken, one_invoice, partition_of

LEASE = timedelta(minutes=2)


@pytest.fixture
def parent(
    project: Project, runs: LocalRuns, store: Store, monkeypatch: pytest.MonkeyPatch
) -> dg.DagsterRun:
    """A shared run of a good file and of one that is broken until it ends."""
    monkeypatch.setenv("RUN_PER_FILE_UP_TO", "0")
    project.put("good.xml", one_invoice("FT P/1"), modified_at=1_750_000_000)
    project.put("bad.xml", broken("FT P/2"), modified_at=1_750_000_001)
    runs.tick()
    (run_id,) = runs.run_waiting()
    project.put("bad.xml", one_invoice("FT P/2"), modified_at=1_750_000_002)
    return run_of(runs, run_id)


def run_of(runs: LocalRuns, run_id: str) -> dg.DagsterRun:
    run = runs.instance.get_run_by_id(run_id)
    assert run
    return run


def again(runs: LocalRuns, parent: dg.DagsterRun) -> dg.DagsterRun:
    """Execute a run again, as the page does: with the tags of its parent."""
    job = runs._job()
    run = runs.instance.create_run_for_job(
        job.get_definition(),
        run_config=RUN_CONFIG,
        tags=parent.tags,
        parent_run_id=parent.run_id,
        root_run_id=parent.root_run_id or parent.run_id,
    )
    execute_run(job, run, runs.instance)
    return run_of(runs, run.run_id)


def states(store: Store) -> dict[str, str]:
    return {f.path: f.status for f in store.files() if f.is_current}


def test_executed_again_a_shared_run_takes_what_it_did_not_load(
    runs: LocalRuns, store: Store, parent: dg.DagsterRun
) -> None:
    run = again(runs, parent)
    assert (run.status, run.tags[FILES_TAG]) == (DagsterRunStatus.SUCCESS, "1")
    assert states(store) == {"good.xml": "loaded", "bad.xml": "loaded"}


def test_executed_twice_again_a_run_finds_all_loaded(
    runs: LocalRuns, store: Store, parent: dg.DagsterRun
) -> None:
    run = again(runs, again(runs, parent))
    assert (run.status, run.tags[FILES_TAG]) == (DagsterRunStatus.SUCCESS, "0")


def test_executed_again_a_run_whose_files_another_holds_fails(
    runs: LocalRuns, store: Store, parent: dg.DagsterRun
) -> None:
    store.claim("another", lease=LEASE, ids=[f.id for f in store.files()])
    run = again(runs, parent)
    assert run.status == DagsterRunStatus.FAILURE
    assert "another run" in reason(runs.instance, run.run_id)


def test_executed_again_a_run_that_never_began_its_files_says_where_they_are(
    project: Project, runs: LocalRuns, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUN_PER_FILE_UP_TO", "0")
    project.put("a.xml", one_invoice("FT P/1"))
    project.put("b.xml", one_invoice("FT P/2"))
    runs.tick()
    store.release(str(store.files()[0].claimed_by))
    (run_id,) = runs.run_waiting()
    run = again(runs, run_of(runs, run_id))
    assert run.status == DagsterRunStatus.FAILURE
    assert "2 of the 2 files" in reason(runs.instance, run.run_id)


def test_a_partition_whose_file_another_holds_is_not_said_to_be_loaded(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    project.put("f.xml", one_invoice("FT P/1"))
    runs.tick()
    (file,) = store.files()
    run_id = runs.execute(dg.RunRequest(partition_key=partition_of(file)))
    assert run_of(runs, run_id).status == DagsterRunStatus.FAILURE


def test_what_failed_is_not_executed_again_by_an_instance_that_retries_runs(
    runs: LocalRuns, store: Store, parent: dg.DagsterRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dg.DagsterInstance, "run_retries_max_retries", 2)
    (file,) = store.files(path="good.xml", state="loaded")
    run_id = runs.execute(dg.RunRequest(partition_key=partition_of(file)))
    by_hand = run_of(runs, run_id)._replace(status=DagsterRunStatus.FAILURE)
    for run in (parent, by_hand):
        again = auto_reexecution_should_retry_run(runs.instance, run, RunFailureReason.STEP_FAILURE)
        assert not again
    assert auto_reexecution_should_retry_run(runs.instance, parent, RunFailureReason.RUN_EXCEPTION)


def test_a_run_of_partitions_is_tagged_with_how_many_files_it_has(
    runs: LocalRuns, store: Store, parent: dg.DagsterRun
) -> None:
    (file,) = store.files(path="good.xml")
    run_id = runs.execute(dg.RunRequest(partition_key=partition_of(file)))
    assert run_of(runs, run_id).tags[FILES_TAG] == "1"
