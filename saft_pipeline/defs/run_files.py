"""Which files a run loads: those it was launched for, those of its partitions, or what is left.

A run that somebody executes again has its parent's tags, which name the parent's claim: it
is settled or has expired. Such a run takes what its parent was launched for and did not load.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import dagster as dg

from saft_pipeline.dagster_runtime import partitions
from saft_pipeline.dagster_runtime.names import CLAIM_TAG, FILES_TAG
from saft_pipeline.dagster_runtime.runs import number_of_files, owner_of, partitions_of
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.store import Store


def take(
    context: dg.AssetExecutionContext, store: Store, lease: timedelta
) -> tuple[str, list[LedgerFile]]:
    """The name that the ledger knows the run's claim by, and the files.

    Raises:
        dagster.Failure: a partition stands for no file, or what the parent left can't be had.
    """
    run = context.run
    if is_of_claim(run):
        owner = owner_of(run)
        if files := store.claimed(owner):
            return owner, files
    wanted = _wanted(context, store)
    owner = f"run-{run.run_id}"
    files = store.claim(owner, lease=lease, ids=[f.id for f in wanted])
    if busy := len(wanted) - len(files):
        context.log.warning(f"{busy} of {len(wanted)} files are with another run")
    if busy and not files and (run.parent_run_id or CLAIM_TAG not in run.tags):
        raise dg.Failure("nothing to load: its files are with another run", allow_retries=False)
    if wanted or run.parent_run_id:
        context.instance.add_run_tags(run.run_id, {CLAIM_TAG: owner, FILES_TAG: str(len(files))})
    return owner, files


def is_of_claim(run: dg.DagsterRun) -> bool:
    """Whether a run is for files that were claimed for it, and the first to be."""
    return run.parent_run_id is None and bool(run.tags.get(CLAIM_TAG))


def _wanted(context: dg.AssetExecutionContext, store: Store) -> list[LedgerFile]:
    if context.has_partition_key or context.has_partition_key_range:
        return _of_partitions(context.partition_keys, store)
    if context.run.parent_run_id:
        return _left_by_parents(context, store)
    context.log.warning("nothing to load: the files of its claim are loaded or with another run")
    return []


def _of_partitions(keys: Sequence[str], store: Store) -> list[LedgerFile]:
    wanted = {partitions.ledger_key(p): p for p in keys}
    known = store.files(keys=list(wanted))
    if missing := wanted.keys() - {f.key for f in known}:
        names = ", ".join(wanted[k] for k in sorted(missing))
        raise dg.Failure(
            f"no file in the ledger for {names}; the sensor or `saft ingest` adds files",
            allow_retries=False,
        )
    return known


def _left_by_parents(context: dg.AssetExecutionContext, store: Store) -> list[LedgerFile]:
    """What the runs before this one did not load."""
    launched = 0
    known: dict[str, LedgerFile] = {}
    for run in _parents(context):
        launched = number_of_files(run)  # the first of all was launched for all of them
        held = store.claimed(owner_of(run))
        if run.is_finished:
            store.release(owner_of(run))
        keys = [partitions.ledger_key(p) for p in partitions_of(context.instance, run.run_id)]
        begun = store.files(keys=keys) if keys else []
        noted = [f for f in store.files(run_id=run.run_id) if f.is_current]
        known |= {f.key: f for f in (*begun, *noted, *held)}
    left = [f for f in known.values() if f.status != "loaded"]
    loaded = len(known) - len(left)
    if not left and loaded < launched:
        raise dg.Failure(
            f"nothing to load: {launched - loaded} of the {launched} files that run "
            f"{context.run.root_run_id} was launched for are with the ledger again, unread; the "
            "next poll takes them, and `saft status` shows them",
            allow_retries=False,
        )
    if not left:
        context.log.info(f"nothing to load: all {loaded} files are loaded")
    return left


def _parents(context: dg.AssetExecutionContext) -> Iterator[dg.DagsterRun]:
    """The runs that this one executes again, the newest first."""
    run: dg.DagsterRun | None = context.run
    while run and run.parent_run_id:
        run = context.instance.get_run_by_id(run.parent_run_id)
        if run:
            yield run
