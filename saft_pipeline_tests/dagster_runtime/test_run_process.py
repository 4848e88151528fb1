"""A run whose process was killed is known to be dead at once, and no other is taken for dead."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from saft_pipeline.dagster_runtime import run_process
from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.dagster_runtime.location import Location
from saft_pipeline.dagster_runtime.names import CLAIM_TAG, JOB
from saft_pipeline.dagster_runtime.runs import end_dead_runs
from saft_pipeline.loading.local_files import local_files
from saft_pipeline.loading.sources import LOCAL
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.owners import new_owner
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.own_home import stock_home
from saft_pipeline_tests.fixtures.project import Command, Project, one_invoice

OWNER = "claim-of-the-test"
LEASE = 300
BEGIN = """
import sys, time
import dagster as dg
from saft_pipeline.dagster_runtime import run_process
with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    run_process.note(instance, instance.get_run_by_id(sys.argv[2]))
print("noted", flush=True)
time.sleep(300)
"""


@pytest.fixture
def stock() -> Iterator[dg.DagsterInstance]:
    """An instance with Dagster's own storage, which another process opens, too."""
    with stock_home() as home:
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        with dg.DagsterInstance.from_config(str(home)) as instance:
            yield instance


def begun(instance: dg.DagsterInstance, job: str = JOB) -> dg.DagsterRun:
    made: dg.DagsterRun = create_run_for_test(
        instance, job, status=dg.DagsterRunStatus.STARTED, tags={CLAIM_TAG: OWNER}
    )
    run_process.note(instance, made)
    return again(instance, made)


def killed(instance: dg.DagsterInstance, store: Store, file: LedgerFile) -> dg.DagsterRun:
    """A run that holds this file and whose process is gone."""
    store.claim(OWNER, lease=timedelta(seconds=LEASE), ids=[file.id])
    run = begun(instance)
    instance.add_run_tags(run.run_id, {"saft/process": f"{run.tags['saft/process']}0"})
    return run


def again(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRun:
    found = instance.get_run_by_id(run.run_id)
    assert found
    return found


def test_a_killed_process_is_gone(stock: dg.DagsterInstance) -> None:
    run = create_run_for_test(stock, JOB, status=dg.DagsterRunStatus.STARTED)
    command = [sys.executable, "-c", BEGIN, stock.root_directory, run.run_id]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"noted\n"
    assert not run_process.is_gone(stock, again(stock, run))
    process.kill()  # not waited for: it is a zombie now
    process.stdout.read()
    while not run_process.is_gone(stock, again(stock, run)):
        pass
    process.wait()
    assert run_process.is_gone(stock, again(stock, run))


def test_the_next_process_of_that_number_is_another(
    stock: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(stock)
    assert not run_process.is_gone(stock, run)
    tag = run.tags["saft/process"]
    stock.add_run_tags(run.run_id, {"saft/process": f"{tag}0"})
    assert run_process.is_gone(stock, again(stock, run))


def test_of_another_machine_nothing_is_known(stock: dg.DagsterInstance) -> None:
    run = begun(stock)
    stock.add_run_tags(run.run_id, {"saft/process": f"{run.run_id} another:1/2@3"})
    assert not run_process.is_gone(stock, again(stock, run))


def test_a_run_that_is_executed_again_is_not_judged_by_its_parents_process(
    stock: dg.DagsterInstance,
) -> None:
    tag = begun(stock).tags["saft/process"]
    child = create_run_for_test(
        stock, JOB, status=dg.DagsterRunStatus.STARTED, tags={"saft/process": f"{tag}0"}
    )
    assert not run_process.is_gone(stock, child)


def test_a_run_that_ended_meanwhile_is_not_dead(stock: dg.DagsterInstance) -> None:
    run = begun(stock)
    stock.add_run_tags(run.run_id, {"saft/process": f"{run.tags['saft/process']}0"})
    before = again(stock, run)
    stock.report_run_failed(run)
    assert not run_process.is_gone(stock, before)


def left_claim() -> str:
    """That of a process which executes its runs itself, and has ended."""
    return f"{new_owner(of_this=True)}0"


def test_a_run_that_a_killed_process_was_to_execute_is_gone(stock: dg.DagsterInstance) -> None:
    status = dg.DagsterRunStatus.STARTING
    run = create_run_for_test(stock, JOB, status=status, tags={CLAIM_TAG: left_claim()})
    assert run_process.is_gone(stock, run)


def test_a_run_that_another_process_took_over_is_judged_by_that(stock: dg.DagsterInstance) -> None:
    status = dg.DagsterRunStatus.STARTED
    run = create_run_for_test(stock, JOB, status=status, tags={CLAIM_TAG: left_claim()})
    run_process.note(stock, run)
    assert not run_process.is_gone(stock, again(stock, run))


def test_runs_that_may_have_more_processes_are_not_judged(stock: dg.DagsterInstance) -> None:
    assert "saft/process" not in begun(stock, "__ASSET_JOB").tags


def test_the_files_of_a_dead_run_may_be_taken_at_once(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    project.put("f.xml", one_invoice("FT D/1"))
    runs.tick()
    (file,) = store.files()
    store.release(file.claimed_by or "")
    run = killed(runs.instance, store, file)
    assert end_dead_runs(runs.instance, Location(), store, LEASE) == [run.run_id]
    (taken,) = store.claim("another", lease=timedelta(seconds=LEASE), source=file.source)
    assert (taken.id, taken.attempts) == (file.id, 2)


def test_ingest_takes_what_a_killed_one_held(
    project: Project, runs: LocalRuns, store: Store, saft: Command, tmp_path: Path
) -> None:
    path = tmp_path / "f.xml"
    path.write_text(one_invoice("FT D/1"))
    store.observe(LOCAL, local_files(path), whole=False)
    (file,) = store.files()
    killed(runs.instance, store, file)
    assert saft("ingest", path).status == 0
