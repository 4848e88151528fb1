"""The assets of a file, from its bytes to the tables, and the one step that makes them.

One step, because a step costs more than the work on a tiny file; its outputs can't be subset,
because the rows of a file are published together or not at all. The outputs are skippable and the
step reports each file itself, so that in a run over many files each has its own success or failure.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta

import dagster as dg

from saft_pipeline import cards, checks, partitions
from saft_pipeline.events import FileEvents, output_context
from saft_pipeline.io_managers import LINKS, PUBLISHING, GroupRows, TablesIOManager
from saft_pipeline.leases import kept_alive
from saft_pipeline.loading import TABLES, Group, Load, Loader, groups, overlapped
from saft_pipeline.polling import AFTER_ALL, CANCELLED
from saft_pipeline.resources import Pipeline
from saft_pipeline.run_tags import CommonTags
from saft_pipeline.sftp.errors import PermanentSftpError
from saft_pipeline.store.errors import TransientStoreError
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.store import Store

CLAIM_TAG = "saft/claim"
GROUP = "saft"

# The folder on the server, observed by the sensor of the same name.
FOLDER = "sftp_folder"

_UPSTREAM: dict[str, tuple[str, ...]] = {
    "raw_xml": (FOLDER,),
    "parsed_json": ("raw_xml",),
    "companies": ("parsed_json",),
    "customers": ("parsed_json",),
    "invoices": ("parsed_json",),
    "invoice_lines": ("parsed_json",),
    LINKS: ("invoices",),
    PUBLISHING: ("companies", "customers", "invoice_lines", LINKS),
}
# Those of the tables are their comments in the database: see lineage.py.
_DESCRIPTIONS = {
    "raw_xml": "The file's bytes as they lay on the server, kept gzipped by their hash.",
    "parsed_json": "What the file says, as `saft parse` prints it: NDJSON, kept gzipped.",
}
ASSETS = tuple(_UPSTREAM)
folder = dg.AssetSpec(
    FOLDER,
    description="The folder on the SFTP server, with the figures of each look at it.",
    group_name=GROUP,
    kinds={"sftp"},
)
_AFTER_READING = ASSETS[1:]


def _out(name: str) -> dg.AssetOut:
    stored = "gzip" if name in ("raw_xml", "parsed_json") else "postgres"
    return dg.AssetOut(
        key=name,
        description=_DESCRIPTIONS.get(name),
        group_name=GROUP,
        kinds={stored, {"raw_xml": "xml", "parsed_json": "json"}.get(name, "table")},
        io_manager_key="tables",
        is_required=False,
    )


@checks.evaluated_by_the_step
@dg.multi_asset(
    name="load_files",
    outs={name: _out(name) for name in ASSETS},
    check_specs=checks.SPECS,
    deps=[FOLDER],
    internal_asset_deps={n: {dg.AssetKey(u) for u in up} for n, up in _UPSTREAM.items()},
    partitions_def=partitions.files,
    can_subset=False,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def load_files(context: dg.AssetExecutionContext, pipeline: Pipeline) -> Iterator[dg.Output[None]]:
    """Load the files that this run claimed, group by group; fail at the end if one failed."""
    checks.silence(context.log)
    store, settings = pipeline.store, pipeline.settings
    lease = timedelta(seconds=settings.lease_seconds)
    owner, files = _claimed(context, store, lease)
    reader = pipeline.reader
    reader.expect(len(files))
    loader = Loader(settings, store, reader, owner=owner, run_id=context.run.run_id)
    report = _Report(context, settings.block_on)
    try:
        with kept_alive(lambda: store.renew(owner, lease), settings.lease_seconds / 3):
            overlapped(
                groups(files),
                loader.begin,
                lambda group: _publish(context, loader, group, report),
            )
    except PermanentSftpError as error:
        store.release(owner)
        raise dg.Failure(str(error), allow_retries=False) from None
    except dg.DagsterExecutionInterruptedError:
        _interrupted(context, store, loader, owner)
        raise
    except BaseException as error:
        reason = f"the run ended early: {type(error).__name__}: {error}".rstrip(": ")
        passing = isinstance(error, TransientStoreError | OSError)
        loader.abandon(reason if passing else f"{reason}; {AFTER_ALL}", passing=passing)
        raise
    finally:
        loader.close()
    pipeline.count()
    report.finish()
    yield from ()


def _claimed(
    context: dg.AssetExecutionContext, store: Store, lease: timedelta
) -> tuple[str, list[LedgerFile]]:
    """The files of this run: those of the sensor's claim, or those of the run's partitions."""
    owner = context.run.tags.get(CLAIM_TAG, "")
    files = store.claimed(owner) if owner else []
    if files or not (context.has_partition_key or context.has_partition_key_range):
        return owner, files
    wanted = {partitions.file_key(p): p for p in context.partition_keys}
    known = store.files(keys=list(wanted))
    if missing := wanted.keys() - {f.key for f in known}:
        names = ", ".join(wanted[k] for k in sorted(missing))
        raise dg.Failure(
            f"no file in the ledger for {names}; the sensor or `saft ingest` adds files",
            allow_retries=False,
        )
    owner = f"run-{context.run.run_id}"
    return owner, store.claim(owner, lease=lease, ids=[f.id for f in known])


def _interrupted(
    context: dg.AssetExecutionContext, store: Store, loader: Loader, owner: str
) -> None:
    """Who cancels a run gives its files up; who stops the program only puts them off."""
    run = context.instance.get_run_by_id(context.run.run_id)
    if run and run.status == dg.DagsterRunStatus.CANCELING:
        loader.abandon(CANCELLED)
    else:
        store.release(owner)


def _publish(
    context: dg.AssetExecutionContext,
    loader: Loader,
    group: Group,
    report: "_Report",
) -> None:
    tables: TablesIOManager = context.resources.tables
    loads = loader.finish_reading(group)
    try:
        rows = GroupRows(loads, loader)
        for table in (*TABLES, LINKS, PUBLISHING):
            tables.handle_output(output_context(context, table), rows)
        report.add(loads, loader)
    finally:
        loader.discard(loads)


class _Report:
    """Tells Dagster what became of each file, group by group."""

    def __init__(self, context: dg.AssetExecutionContext, block_on: Collection[str]) -> None:
        self._context = context
        alone = context.has_partition_key
        self._checks = checks.Evaluations(context.instance, block_on, alone=alone)
        self._events = FileEvents(context)
        self._failed: list[Load] = []
        self._tags = CommonTags()
        self._loaded = 0
        self._total = 0

    def add(self, loads: Sequence[Load], loader: Loader) -> None:
        """Materialize the good files' partitions; mark failed ones as meant but not made.

        A file that is still being uploaded is no failure: it comes again.
        """
        fetched = [load for load in loads if load.fetched]
        good = [load for load in loads if load.loaded]
        rest = [load for load in loads if not load.loaded]
        bad = [x for x in rest if x.refusal and x.refusal.state != "incomplete"]
        keys = {load.file.id: _partition(load) for load in loads}
        for asset in ASSETS:
            made = fetched if asset == "raw_xml" else good
            self._events.materialized(
                asset, [(keys[load.file.id], cards.card(asset, load, loader)) for load in made]
            )
        if not self._context.has_partition_key:
            unfetched = [keys[load.file.id] for load in bad if not load.fetched]
            self._events.planned(_AFTER_READING, [keys[load.file.id] for load in bad])
            self._events.planned(["raw_xml"], unfetched)
        self._events.observed(
            PUBLISHING, [(keys[load.file.id], cards.failure(load)) for load in rest]
        )
        self._events.checked(self._checks.of([(keys[load.file.id], load) for load in loads]))
        self._events.store()
        for load in loads:
            self._tags.add(load)
        self._failed += bad
        self._loaded += len(good)
        self._total += len(loads)

    def finish(self) -> None:
        """Tag the run; end it as failed if a file failed, naming each with its reason."""
        if tags := self._tags.tags:
            self._context.instance.add_run_tags(self._context.run.run_id, tags)
        self._events.checked(self._checks.finish())
        self._events.store()
        total = self._total
        self._context.log.info(f"{self._loaded} of {total} files loaded")
        if self._failed:
            reasons = "\n".join(map(_reason, self._failed[:20]))
            raise dg.Failure(
                f"{len(self._failed)} of {total} files not loaded; `saft status` has them all\n"
                f"{reasons}",
                metadata={"failed": cards.failures(self._failed)},
                allow_retries=False,
            )


def _reason(load: Load) -> str:
    """Why a file failed; what reading says begins with its path already."""
    path, reason = load.file.path, load.error or "unknown"
    return reason if reason.startswith(path) else f"{path}: {reason}"


def _partition(load: Load) -> str:
    return partitions.partition_key(load.file.path, load.file.key)
