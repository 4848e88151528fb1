"""Which process executes a run, and whether it is certainly gone: see store/owners."""

from __future__ import annotations

import os

import dagster as dg

from saft_pipeline.dagster_runtime.names import CLAIM_TAG, JOB
from saft_pipeline.store.owners import has_ended, is_left, process_name

_TAG = "saft/process"
_ONCE_TAG = "dagster/retry_on_asset_or_op_failure"


def note(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Tag a run of our job, all of which is executed in one process, with this one.

    And any run as one that `run_retries` of an instance must not execute again for its failed
    files: when these are taken again the ledger knows.
    """
    tags = {_ONCE_TAG: "false"}
    if run.job_name == JOB and (here := process_name(os.getpid())):
        # A run that is executed again begins with its parent's tags.
        tags[_TAG] = f"{run.run_id} {here}"
    instance.add_run_tags(run.run_id, tags)


def is_gone(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether the process that began a run, or alone could, has ended without an end of the run.

    False where that can't be known.
    """
    of_run, _, began = run.tags.get(_TAG, "").partition(" ")
    if of_run == run.run_id:
        has_gone = has_ended(began)
    else:  # it had not begun; one that is executed again has its parent's claim
        has_gone = run.parent_run_id is None and is_left(run.tags.get(CLAIM_TAG, ""))
    if not has_gone:
        return False
    now = instance.get_run_by_id(run.run_id)  # it may have ended while we looked
    return now is not None and not now.is_finished
