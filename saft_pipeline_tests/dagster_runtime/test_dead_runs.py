"""Runs whose process is gone are ended; others are left alone."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.dagster_runtime.names import CLAIM_TAG, JOB
from saft_pipeline.dagster_runtime.runs import end_dead_runs
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Project, one_invoice

OWNER = "claim-of-a-dead-run"


@pytest.fixture
def run(runs: LocalRuns) -> dg.DagsterRun:
    """A run that began, and of which nothing was heard since."""
    started = dg.DagsterRunStatus.STARTED
    tags = {CLAIM_TAG: OWNER}
    made: dg.DagsterRun = create_run_for_test(runs.instance, JOB, status=started, tags=tags)
    return made


def status(runs: LocalRuns, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    found = runs.instance.get_run_by_id(run.run_id)
    assert found
    return found.status


def test_a_run_that_is_silent_and_holds_no_lease_is_ended(
    runs: LocalRuns, store: Store, run: dg.DagsterRun
) -> None:
    assert run.run_id in end_dead_runs(runs.instance, store, 0)
    assert status(runs, run) == dg.DagsterRunStatus.FAILURE


def test_a_run_that_was_heard_of_lately_goes_on(
    runs: LocalRuns, store: Store, run: dg.DagsterRun
) -> None:
    assert run.run_id not in end_dead_runs(runs.instance, store, 60)
    assert status(runs, run) == dg.DagsterRunStatus.STARTED


def test_a_run_whose_lease_is_alive_goes_on(
    project: Project, runs: LocalRuns, store: Store, run: dg.DagsterRun
) -> None:
    project.put("f.xml", one_invoice("FT D/1"))
    runs.tick()
    ids = [file.id for file in store.files()]
    store.release(store.files()[0].claimed_by or "")
    store.claim(OWNER, lease=timedelta(minutes=1), ids=ids)
    assert run.run_id not in end_dead_runs(runs.instance, store, 0)
