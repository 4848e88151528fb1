"""Runs of the instance for who looks from outside: what is under way, why one failed, ending one.

Nothing is executed here. A run that waits is taken out of the queue; one that works is told to stop
through the code server that started it. The names used of Dagster are private; all uses are here
and tested.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster_shared.error import SerializableErrorInfo

from saft_pipeline.assets import CLAIM_TAG
from saft_pipeline.broker import TASK_TAG
from saft_pipeline.polling import CANCELLED
from saft_pipeline.store.model import Failure
from saft_pipeline.store.store import Store

WAITING = (dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED)
UNFINISHED = (
    *WAITING,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


class UnknownRunError(Exception):
    """No run has this id."""


class NotCancelledError(Exception):
    """The run can't be ended from here; the message says why and what to do."""


def unfinished(instance: dg.DagsterInstance) -> Sequence[dg.RunRecord]:
    """The runs that wait or work, oldest first."""
    return instance.get_run_records(dg.RunsFilter(statuses=list(UNFINISHED)), ascending=True)


def records(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> Sequence[dg.RunRecord]:
    """Those of the runs that are in the history, oldest first."""
    if not run_ids:
        return []
    return instance.get_run_records(dg.RunsFilter(run_ids=list(run_ids)), ascending=True)


def waits(run: dg.DagsterRun) -> bool:
    """Whether a run has yet to begin, in Dagster's queue or in that of the workers.

    Others that are starting have a process of their own, or of a `saft` command, which may be gone.
    """
    return run.status in WAITING or _waits_for_worker(run)


def _waits_for_worker(run: dg.DagsterRun) -> bool:
    return run.status == dg.DagsterRunStatus.STARTING and TASK_TAG in run.tags


def files_of(run: dg.DagsterRun) -> int:
    """How many files the run was launched for."""
    return int(run.tags.get("saft/files", "1"))


def reason(instance: dg.DagsterInstance, run_id: str) -> str:
    """Why a run failed, in one sentence or a few, without a traceback."""
    wanted = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    for entry in instance.all_logs(run_id, of_type=wanted):
        event = entry.get_dagster_event()
        if event.event_type == dg.DagsterEventType.STEP_FAILURE:
            error = event.step_failure_data.error
        else:
            error = event.job_failure_data.error
        if error:
            return plain(error)
    return "it ended without a word: its process was killed, or never began"


def plain(error: SerializableErrorInfo) -> str:
    """What an error of ours says, else the root of all, without class and without a traceback."""
    chain = [error]
    while chain[-1].cause:
        chain.append(chain[-1].cause)
    told = next((each for each in chain if each.message.startswith("saft_pipeline.")), chain[-1])
    return re.sub(r"^[\w.]+: ", "", told.message.strip())


def cancel(instance: dg.DagsterInstance, store: Store, run_id: str) -> str:
    """End a run; what it had claimed and not loaded is failed, as cancelled. What was done.

    Raises:
        UnknownRunError: no run has this id.
        NotCancelledError: it has ended, or a `saft` command executes it itself.
    """
    run = instance.get_run_by_id(run_id)
    if run is None:
        raise UnknownRunError(f"no run is called {run_id}; `saft active` lists those under way")
    if run.is_finished:
        raise NotCancelledError(f"run {run_id} has ended already: {run.status.value.lower()}")
    if run.status == dg.DagsterRunStatus.QUEUED or _waits_for_worker(run):
        instance.run_coordinator.cancel_run(run_id)
        if _waits_for_worker(run):
            instance.report_run_canceled(run)
        _give_up(store, run)
        return "taken out of the queue"
    if {GRPC_INFO_TAG, TASK_TAG} & run.tags.keys() and _told_to_stop(instance, run_id):
        return "told to stop; it ends within seconds"
    if _shows_life(store, run):
        raise NotCancelledError(
            f"run {run_id} is executed by another `saft` command (poll or ingest), or has lost its "
            "code server: end that process (Ctrl-C), or try again when its lease has ended "
            "(LEASE_SECONDS)"
        )
    instance.report_run_canceled(run, message="its process shows no sign of life")
    _give_up(store, run)
    return "noted as cancelled; its process was gone"


def _told_to_stop(instance: dg.DagsterInstance, run_id: str) -> bool:
    try:
        return instance.run_coordinator.cancel_run(run_id)
    except DagsterUserCodeUnreachableError:
        return False


def _shows_life(store: Store, run: dg.DagsterRun) -> bool:
    """Whether the run's claim is kept alive."""
    now = datetime.now(UTC)
    held = store.claimed(_owner(run))
    return any(f.lease_expires_at and f.lease_expires_at > now for f in held)


def _give_up(store: Store, run: dg.DagsterRun) -> None:
    failures = [Failure(f.id, CANCELLED) for f in store.claimed(_owner(run))]
    store.fail(_owner(run), failures, run_id=run.run_id)


def _owner(run: dg.DagsterRun) -> str:
    """How the ledger knows the run's claim."""
    return run.tags.get(CLAIM_TAG, f"run-{run.run_id}")
