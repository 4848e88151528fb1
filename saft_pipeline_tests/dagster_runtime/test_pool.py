"""A run whose step waits for a place in its pool is alive, and keeps its files."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest

from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.dagster_runtime.location import Location
from saft_pipeline.dagster_runtime.names import POOL
from saft_pipeline.dagster_runtime.runs import end_dead_runs, waits_for_pool
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Project, one_invoice
from saft_pipeline_tests.fixtures.waiting import wait_for

EXPIRED = timedelta(seconds=-1)


@pytest.fixture
def blocked(project: Project, runs: LocalRuns, store: Store) -> Iterator[LedgerFile]:
    """A file whose run has begun and waits for its pool; its lease has ended meanwhile."""
    project.put("f.xml", one_invoice("FT P/1"))
    (run_id,) = runs.tick().run_ids
    (file,) = store.files()
    places = runs.instance.event_log_storage
    places.set_concurrency_slots(POOL, 1)
    places.claim_concurrency_slot(POOL, "somebody", "step")
    thread = threading.Thread(target=lambda: list(runs.run_waiting()))
    thread.start()
    try:
        _wait_until_blocked(runs.instance, run_id)
        store.renew(file.claimed_by or "", EXPIRED)
        yield file
    finally:
        places.free_concurrency_slot_for_step("somebody", "step")
        thread.join()
        places.delete_concurrency_limit(POOL)


def _wait_until_blocked(instance: dg.DagsterInstance, run_id: str) -> None:
    run = instance.get_run_by_id(run_id)
    assert run
    wait_for(lambda: waits_for_pool(instance, run))


def test_it_is_not_taken_for_dead(runs: LocalRuns, store: Store, blocked: LedgerFile) -> None:
    assert end_dead_runs(runs.instance, Location(), store, 0) == []


def test_its_files_are_not_given_to_another(
    runs: LocalRuns, store: Store, blocked: LedgerFile
) -> None:
    assert runs.tick().run_ids == []
    (file,) = store.files()
    assert (file.claimed_by, file.attempts) == (blocked.claimed_by, 1)
