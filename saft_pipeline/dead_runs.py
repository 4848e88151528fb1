"""Runs whose process is gone: found by what the ledger and the event log show, and ended.

Dagster's default launcher can't tell: after a kill -9 of the whole tree its runs stay STARTED for
ever. A run that works renews its lease or writes events; one that does neither any more is dead.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import dagster as dg

from saft_pipeline.assets import CLAIM_TAG
from saft_pipeline.jobs import JOB
from saft_pipeline.runs import waits
from saft_pipeline.store.store import Store

_WORKING = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def end_dead_runs(instance: dg.DagsterInstance, store: Store, lease_seconds: int) -> list[str]:
    """Report dead runs as failed; their ids. Their files come back when their leases end."""
    dead = list(_dead(instance, store, silent_since=time.time() - 2 * lease_seconds))
    for run in dead:
        instance.report_run_failed(run, "its process is gone; the files it held are taken again")
    return [run.run_id for run in dead]


def _dead(
    instance: dg.DagsterInstance, store: Store, silent_since: float
) -> Iterator[dg.DagsterRun]:
    for record in instance.get_run_records(dg.RunsFilter(job_name=JOB, statuses=_WORKING)):
        run = record.dagster_run
        if record.update_timestamp.timestamp() > silent_since or waits(run):
            continue
        held = store.claimed(run.tags.get(CLAIM_TAG, f"run-{run.run_id}"))
        leases = [f.lease_expires_at.timestamp() for f in held if f.lease_expires_at]
        if max(leases, default=0.0) < time.time() and _last_event(instance, run) < silent_since:
            yield run


def _last_event(instance: dg.DagsterInstance, run: dg.DagsterRun) -> float:
    found = instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
    return found[0].event_log_entry.timestamp if found else 0.0
