"""Runs and ticks of Dagster in the words of Celery's tasks, as the old program's clients read them.

A task is a run, named by its id, or a poll: `poll-N` is the first tick of the sensor after tick N,
with its runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import dagster as dg

from saft_pipeline.dagster_runtime import runs, sensor_ticks
from saft_pipeline.dagster_runtime.runs import UnknownRunError
from saft_pipeline.dagster_runtime.sensor_ticks import Tick
from saft_pipeline.store.operations import LedgerRow
from saft_pipeline.web.models import (
    ActiveTask,
    FileLoaded,
    FileNotLoaded,
    FileResult,
    TaskState,
    TaskStatus,
)
from saft_pipeline.web.services import Services

_POLL = re.compile(r"poll-([0-9]{1,18})")
_STATES: dict[dg.DagsterRunStatus, TaskState] = {
    dg.DagsterRunStatus.SUCCESS: "SUCCESS",
    dg.DagsterRunStatus.FAILURE: "FAILURE",
    dg.DagsterRunStatus.CANCELED: "REVOKED",
}
_WORDS: dict[TaskState, str] = {
    "PENDING": "waiting in the queue",
    "STARTED": "loading",
    "SUCCESS": "done",
    "FAILURE": "not all files were loaded",
    "REVOKED": "cancelled",
}


def poll_id(tick_id: int) -> str:
    """The task of the poll that comes after a tick."""
    return f"poll-{tick_id}"


def status(services: Services, task_id: str) -> TaskStatus:
    """How far a task is.

    Raises:
        UnknownRunError: no task has this id.
    """
    if poll := _POLL.fullmatch(task_id):
        return _poll_status(
            services, sensor_ticks.after(services.instance, services.location, int(poll[1]))
        )
    records = runs.records(services.instance, services.location, [task_id])
    if not records:
        raise UnknownRunError(f"no task is called {task_id}")
    answer = _runs_status(services, records)
    if isinstance(answer.result, list) and runs.number_of_files(records[0].dagster_run) == 1:
        answer.result = answer.result[0] if answer.result else None
    return answer


def run_ids(services: Services, task_id: str) -> list[str]:
    """The runs of a task that have not ended; a task that is a run is named even if it has.

    Raises:
        UnknownRunError: the task is a poll that has launched nothing that could be ended.
    """
    poll = _POLL.fullmatch(task_id)
    if not poll:
        return [task_id]
    tick = sensor_ticks.after(services.instance, services.location, int(poll[1]))
    records = runs.records(services.instance, services.location, tick.run_ids if tick else [])
    if found := [r.dagster_run.run_id for r in records if not r.dagster_run.is_finished]:
        return found
    raise UnknownRunError(f"{task_id} has no run under way")


def active(record: dg.RunRecord) -> ActiveTask:
    """A run that waits or works, as Celery lists its tasks."""
    run = record.dagster_run
    partition = run.tags.get("dagster/partition")
    return ActiveTask(
        id=run.run_id,
        name=run.job_name,
        args=[partition] if partition else [],
        time_start=record.start_time,
        state=_state(run),
        total=runs.number_of_files(run),
    )


def _poll_status(services: Services, tick: Tick | None) -> TaskStatus:
    if tick is None:
        return _task("PENDING", "waiting for Dagster's daemon to look", total=1)
    if tick.status == "started":
        return _task("STARTED", "looking at the SFTP folder", total=1)
    if tick.status == "failure":
        return _task("FAILURE", tick.error or "the tick failed")
    if not tick.run_ids:
        return _skipped(tick)
    return _runs_status(services, runs.records(services.instance, services.location, tick.run_ids))


def _skipped(tick: Tick) -> TaskStatus:
    """A look that found nothing says what it saw; one that could not look says why."""
    said = tick.skip_reason or "the tick was interrupted; poll again"
    saw = json.loads(tick.cursor)["summary"] if tick.cursor else None
    return _task("SUCCESS" if said == saw else "FAILURE", said)


def _task(state: TaskState, words: str, *, total: int = 0) -> TaskStatus:
    result: list[FileResult] | None = [] if state in ("SUCCESS", "FAILURE") else None
    return TaskStatus(state=state, current=0, total=total, status=words, result=result)


def _runs_status(services: Services, records: Sequence[dg.RunRecord]) -> TaskStatus:
    all_runs = [record.dagster_run for record in records]
    rows = services.ledger.operations.run_files([run.run_id for run in all_runs])
    state = _together([_state(run) for run in all_runs])
    results = [_result(row) for row in rows]
    total = sum(runs.number_of_files(run) for run in all_runs)
    if state in ("PENDING", "STARTED"):
        words = f"{_WORDS[state]}; {len(rows)} of {total} files settled"
        return TaskStatus(state=state, current=len(rows), total=total, status=words, result=None)
    results += _unsettled(services.instance, all_runs, {row["run_id"] for row in rows})
    return TaskStatus(
        state=state,
        current=len(rows),
        total=total,
        status=next((r.message for r in results if isinstance(r, FileNotLoaded)), _WORDS[state]),
        result=results,
    )


def _together(states: Sequence[TaskState]) -> TaskState:
    """The state of several runs: under way while one is; then the worst."""
    if set(states) == {"PENDING"}:
        return "PENDING"
    order: tuple[TaskState, ...] = ("STARTED", "PENDING", "FAILURE", "REVOKED")
    found: TaskState = next((state for state in order if state in states), "SUCCESS")
    return "STARTED" if found == "PENDING" else found


def _state(run: dg.DagsterRun) -> TaskState:
    return "PENDING" if runs.waits(run) else _STATES.get(run.status, "STARTED")


def _result(row: LedgerRow) -> FileResult:
    if row["status"] == "loaded" and row["error"] is None:
        return FileLoaded(file=row["path"], total_faturas=row["total_invoices"] or 0)
    return FileNotLoaded(file=row["path"], message=row["error"] or row["status"])


def _unsettled(
    instance: dg.DagsterInstance, ended: Sequence[dg.DagsterRun], settled: set[str]
) -> list[FileResult]:
    """Runs that ended before they came to a file: a wrong login, a kill."""
    return [
        FileNotLoaded(
            file=run.tags.get("dagster/partition", f"run {run.run_id}"),
            message=runs.reason(instance, run.run_id) if run.is_failure else _WORDS[_state(run)],
        )
        for run in ended
        if run.run_id not in settled and not run.is_success
    ]
