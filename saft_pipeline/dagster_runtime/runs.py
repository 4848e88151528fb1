"""Runs of the instance: what is under way, why one failed, ending one, noting those that died.

Nothing is executed here. A run that waits is taken out of the queue; one that works is told to stop
through the code server that started it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, islice

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.execution.plan.active import CONCURRENCY_CLAIM_MESSAGE_INTERVAL
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster_shared.error import SerializableErrorInfo

from saft_pipeline.dagster_runtime.late_events import tell_of_loaded
from saft_pipeline.dagster_runtime.location import REPOSITORY_TAG, Location
from saft_pipeline.dagster_runtime.names import (
    CLAIM_TAG,
    FAILED_TAG,
    FILES_TAG,
    SOURCE_TAG,
    UNTOLD_TAG,
)
from saft_pipeline.dagster_runtime.redis_queue import TASK_TAG
from saft_pipeline.dagster_runtime.run_process import is_gone
from saft_pipeline.dagster_runtime.waiting_runs import WaitingRuns
from saft_pipeline.store.errors import StoreError
from saft_pipeline.store.store import Store

WAITING = (dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED)
WORKING = (
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
UNFINISHED = (*WAITING, *WORKING)
_OURS = re.compile(r"saft_pipeline\.")
_LATE_TAG = "saft/late"
"""Of a run that did not tell of all that it did: what was told of it afterwards."""
_RECENT = timedelta(days=7)  # a sensor may have been off over a holiday
_MOST_ENDED, _MOST_SETTLED = 1_000, 50  # of them a tick looks at, and does something for
_SHOWN = 8  # characters of a run's id on Dagster's page


class UnknownRunError(Exception):
    """No run has this id."""


class NotCancelledError(Exception):
    """The run can't be ended from here; the message says why and what to do."""


def unfinished(
    instance: dg.DagsterInstance,
    location: Location,
    statuses: Sequence[dg.DagsterRunStatus] = UNFINISHED,
) -> list[dg.RunRecord]:
    """Our runs that wait or work, oldest first."""
    found = instance.get_run_records(dg.RunsFilter(statuses=list(statuses)), ascending=True)
    return [record for record in found if location.owns(record.dagster_run)]


def records(
    instance: dg.DagsterInstance, location: Location, run_ids: Sequence[str]
) -> list[dg.RunRecord]:
    """Those of the runs that are in the history and ours, oldest first."""
    if not run_ids:
        return []
    found = instance.get_run_records(dg.RunsFilter(run_ids=list(run_ids)), ascending=True)
    return [record for record in found if location.owns(record.dagster_run)]


def began_of_last(instance: dg.DagsterInstance, check: dg.AssetCheckKey) -> float:
    """When the run began (seconds of the epoch) that evaluated a check last; 0 if none has."""
    newest = instance.event_log_storage.get_latest_asset_check_execution_by_key([check])
    if check not in newest or newest[check].status is AssetCheckExecutionRecordStatus.PLANNED:
        return 0.0
    run = instance.get_run_record_by_id(newest[check].run_id)
    return (run and run.start_time) or 0.0


def ahead(instance: dg.DagsterInstance, location: Location, source: str) -> int:
    """How many of our runs of one source a new one would come behind: those in the queue.

    Where there is no queue each run has a process at once: all that have not ended. `saft poll`
    executes its own one after the other.
    """
    if isinstance(instance.run_launcher, WaitingRuns):
        return 0
    has_queue = isinstance(instance.run_coordinator, dg.QueuedRunCoordinator)
    statuses = [dg.DagsterRunStatus.QUEUED] if has_queue else list(UNFINISHED)
    tags = {SOURCE_TAG: source, REPOSITORY_TAG: location.label}
    return instance.get_runs_count(dg.RunsFilter(statuses=statuses, tags=tags))


def waits(run: dg.DagsterRun) -> bool:
    """Whether a run has yet to begin, in Dagster's queue or in that of the workers.

    Others that are starting have a process of their own, or of a `saft` command, which may be gone.
    """
    return run.status in WAITING or _waits_for_worker(run)


def _waits_for_worker(run: dg.DagsterRun) -> bool:
    return run.status == dg.DagsterRunStatus.STARTING and TASK_TAG in run.tags


def waits_for_pool(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether a run that began waits for a place in its pool, and said so lately."""
    last = _last_entry(instance, run)
    return last is not None and _is_blocked(last)


def number_of_files(run: dg.DagsterRun) -> int:
    """How many files the run was launched for; people may give a run tags of their own."""
    count = run.tags.get(FILES_TAG, "")
    return int(count) if count.isdecimal() else 1


def owner_of(run: dg.DagsterRun) -> str:
    """How the ledger knows the run's claim."""
    return run.tags.get(CLAIM_TAG, f"run-{run.run_id}")


def partitions_of(instance: dg.DagsterInstance, run_id: str) -> set[str]:
    """The partitions of the files that a run began, as its events have them."""
    kinds = {
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.ASSET_OBSERVATION,
        dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    }
    events = (entry.get_dagster_event() for entry in instance.all_logs(run_id, of_type=kinds))
    return {event.partition for event in events if event.partition}


def reason(instance: dg.DagsterInstance, run_id: str) -> str:
    """Why a run failed, in one sentence or a few, without a traceback.

    A run that was failed from outside (its process was gone, it could not be started) has a message
    and no error.
    """
    wanted = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    for entry in instance.all_logs(run_id, of_type=wanted):
        event = entry.get_dagster_event()
        if error := getattr(event.event_specific_data, "error", None):
            return plain_reason(error)
        if event.message:
            return event.message
    return "it ended without a word: its process was killed, or never began"


def plain_reason(error: SerializableErrorInfo) -> str:
    """What an error of ours says, else the root of all, without class and without a traceback."""
    chain = _chain(error)
    cause = next((each for each in chain if _OURS.match(each.message)), chain[-1])
    return re.sub(r"^[\w.]+: ", "", cause.message.strip())


def is_own(error: SerializableErrorInfo) -> bool:
    """Whether we raised it with a reason, rather than that something is wrong in a program."""
    return any(_OURS.match(each.message) or each.cls_name == "Failure" for each in _chain(error))


def _chain(error: SerializableErrorInfo) -> list[SerializableErrorInfo]:
    chain = [error]
    while chain[-1].cause:
        chain.append(chain[-1].cause)
    return chain


def cancel(instance: dg.DagsterInstance, location: Location, store: Store, run_id: str) -> str:
    """End a run; what it had claimed and not loaded is failed, as cancelled. What was done.

    `run_id` may be the 8 characters that Dagster's page shows of a run under way.

    Raises:
        UnknownRunError: no run has this id.
        NotCancelledError: it has ended, or a `saft` command executes it itself.
    """
    run = instance.get_run_by_id(run_id) or _shown_as(instance, location, run_id)
    if run is None or not location.owns(run):
        raise UnknownRunError(f"no run is called {run_id}; `saft active` lists those under way")
    run_id = run.run_id
    if run.is_finished:
        raise NotCancelledError(f"run {run_id} has ended already: {run.status.value.lower()}")
    if run.status == dg.DagsterRunStatus.QUEUED or _waits_for_worker(run):
        instance.run_coordinator.cancel_run(run_id)
        if _waits_for_worker(run):
            instance.report_run_canceled(run)
        store.give_up(owner_of(run), run_id=run.run_id)
        return "taken out of the queue"
    if {GRPC_INFO_TAG, TASK_TAG} & run.tags.keys() and _told_to_stop(instance, run_id):
        # At once: a process that has not come to its files yet ends without a word of them.
        store.give_up(owner_of(run), run_id=run.run_id)
        return "told to stop; it ends within seconds"
    if _shows_life(store, run):
        raise NotCancelledError(
            f"run {run_id} is executed by another `saft` command (poll or ingest), or has lost its "
            "code server: end that process (Ctrl-C), or try again when its lease has ended "
            "(LEASE_SECONDS)"
        )
    instance.report_run_canceled(run, message="its process shows no sign of life")
    store.give_up(owner_of(run), run_id=run.run_id)
    return "noted as cancelled; its process was gone"


def _shown_as(instance: dg.DagsterInstance, location: Location, short: str) -> dg.DagsterRun | None:
    found = [record.dagster_run for record in unfinished(instance, location)]
    found = [run for run in found if len(short) == _SHOWN and run.run_id.startswith(short)]
    if len(found) > 1:
        raise NotCancelledError(f"{len(found)} runs begin with {short}; name one in full")
    return found[0] if found else None


def _told_to_stop(instance: dg.DagsterInstance, run_id: str) -> bool:
    try:
        return instance.run_coordinator.cancel_run(run_id)
    except DagsterUserCodeUnreachableError:
        return False


def _shows_life(store: Store, run: dg.DagsterRun) -> bool:
    """Whether the run's claim is kept alive."""
    now = datetime.now(UTC)
    held = store.claimed(owner_of(run))
    return any(f.lease_expires_at and f.lease_expires_at > now for f in held)


def end_dead_runs(
    instance: dg.DagsterInstance, location: Location, store: Store, lease_seconds: int
) -> list[str]:
    """Report our runs whose process is gone as failed; their ids. Their files may be taken again.

    Dagster's default launcher can't tell: after a kill -9 of the whole tree its runs stay STARTED
    for ever, each in a place of those that may work at once. A run that works renews its lease or
    writes events, one that waits for its pool says so every five minutes; one that does neither is
    dead, as is one whose process is seen to be gone.
    """
    dead = list(_dead(instance, location, store, silent_since=time.time() - 2 * lease_seconds))
    for run in dead:
        late = _told_late(instance, location, store, run)
        words = "its process is gone; the files it held are taken again"
        instance.report_run_failed(run, f"{words}; {late}" if late else words)
        store.renew(owner_of(run), timedelta(0))
    _settle_ended(instance, location, store)
    return [run.run_id for run in dead]


def _settle_ended(instance: dg.DagsterInstance, location: Location, store: Store) -> None:
    """Do for runs that have ended what the step could not.

    Others ended them (Dagster's monitoring, a person: who cancels a run gives its files up), or
    Dagster's history was away. One whose step came to its end and told of all has said so.
    """
    ours = {REPOSITORY_TAG: location.label}
    ended = [
        _ended(instance, ours, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED),
        _ended(instance, {**ours, UNTOLD_TAG: "yes"}, dg.DagsterRunStatus.SUCCESS),
    ]
    open_ones = (run for run in chain(*ended) if location.owns(run) and not _is_settled(run))
    for run in islice(open_ones, _MOST_SETTLED):
        if run.status is dg.DagsterRunStatus.CANCELED:
            store.give_up(owner_of(run), run_id=run.run_id)
        elif _shows_life(store, run):
            continue
        late = _told_late(instance, location, store, run)
        instance.add_run_tags(run.run_id, {_LATE_TAG: late or "nothing"})


def _ended(
    instance: dg.DagsterInstance, tags: dict[str, str], *statuses: dg.DagsterRunStatus
) -> list[dg.DagsterRun]:
    recent = dg.RunsFilter(statuses=statuses, tags=tags, updated_after=datetime.now(UTC) - _RECENT)
    return [each.dagster_run for each in instance.get_run_records(recent, limit=_MOST_ENDED)]


def _is_settled(run: dg.DagsterRun) -> bool:
    return _LATE_TAG in run.tags or (FAILED_TAG in run.tags and UNTOLD_TAG not in run.tags)


def _told_late(
    instance: dg.DagsterInstance, location: Location, store: Store, run: dg.DagsterRun
) -> str:
    """What is said of the files that a run had loaded; a fault of Dagster's ends nothing."""
    try:
        told = tell_of_loaded(instance, location, store, run)
    except StoreError:
        raise
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        return f"what it had loaded the ledger tells alone (saft status): {why}"
    return f"files that it had loaded and not told of: {told:,}" if told else ""


def _dead(
    instance: dg.DagsterInstance, location: Location, store: Store, silent_since: float
) -> Iterator[dg.DagsterRun]:
    for record in unfinished(instance, location, WORKING):
        run = record.dagster_run
        if is_gone(instance, run):
            yield run
            continue
        if record.update_timestamp.timestamp() > silent_since or waits(run):
            continue
        held = store.claimed(owner_of(run))
        leases = [f.lease_expires_at.timestamp() for f in held if f.lease_expires_at]
        if max(leases, default=0.0) < time.time() and _is_silent(instance, run, silent_since):
            yield run


def _is_silent(instance: dg.DagsterInstance, run: dg.DagsterRun, since: float) -> bool:
    last = _last_entry(instance, run)
    return last is None or not (last.timestamp > since or _is_blocked(last))


def _is_blocked(said: dg.EventLogEntry) -> bool:
    """Whether it is what the executor says, time and again, of a step that waits for its pool."""
    event = said.dagster_event
    return (
        event is not None
        and event.is_engine_event
        and "pool" in event.engine_event_data.metadata
        and said.timestamp > time.time() - 2 * CONCURRENCY_CLAIM_MESSAGE_INTERVAL
    )


def _last_entry(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.EventLogEntry | None:
    """What a run said last; one whose events can't be read is judged by its lease."""
    try:
        found = instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
    except Exception:
        return None
    return found[0].event_log_entry if found else None
