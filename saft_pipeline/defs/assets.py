"""The assets of a file, from its bytes to the tables, and the one step that makes them.

One step, because a step costs more than the work on a tiny file; its outputs can't be subset,
because the rows of a file are published together or not at all. The outputs are skippable and the
step reports each file itself, so that in a run over many files each has its own success or failure.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import dagster as dg

from saft_pipeline.dagster_runtime import partitions, run_process
from saft_pipeline.dagster_runtime.names import (
    FILE_ASSETS,
    FOLDER,
    LINKS,
    LOADING_STEP,
    POOL,
    PUBLISHING,
    TABLES_IO_MANAGER,
    UPSTREAM,
)
from saft_pipeline.dagster_runtime.runs import owner_of
from saft_pipeline.dagster_runtime.step_outputs import (
    evaluated_by_the_step,
    output_context,
    silence,
)
from saft_pipeline.dagster_runtime.waiting_runs import next_run
from saft_pipeline.defs import file_checks, run_files
from saft_pipeline.defs.io_managers import TablesIOManager
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.defs.run_report import RunReport
from saft_pipeline.loading.ahead import Begun
from saft_pipeline.loading.errors import SourceError
from saft_pipeline.loading.file_load import Arrived, Group, GroupRows
from saft_pipeline.loading.lease_renewal import lease_renewed
from saft_pipeline.loading.loader import Loader
from saft_pipeline.loading.stages import in_stages
from saft_pipeline.settings.addresses import page_url
from saft_pipeline.store.errors import TransientStoreError
from saft_pipeline.store.model import AFTER_ALL, LedgerFile
from saft_pipeline.store.spool import SPOOLED_TABLES
from saft_pipeline.store.store import Store

FILES_GROUP = "saft"

# Those of the tables are their comments in the database: see asset_specs.py.
_DESCRIPTIONS = {
    "raw_xml": "The file's bytes as they lay on the server, kept gzipped by their hash.",
    "parsed_json": "What the file says, as `saft parse` prints it: NDJSON, kept gzipped.",
}
folder = dg.AssetSpec(
    FOLDER,
    description="The folder on the SFTP server, with the figures of each look at it.",
    group_name=FILES_GROUP,
    kinds={"sftp"},
)


def _out(name: str) -> dg.AssetOut:
    stored = "gzip" if name in ("raw_xml", "parsed_json") else "postgres"
    return dg.AssetOut(
        key=name,
        description=_DESCRIPTIONS.get(name),
        group_name=FILES_GROUP,
        kinds={stored, {"raw_xml": "xml", "parsed_json": "json"}.get(name, "table")},
        io_manager_key=TABLES_IO_MANAGER,
        is_required=False,
    )


@evaluated_by_the_step
@dg.multi_asset(
    name=LOADING_STEP,
    outs={name: _out(name) for name in FILE_ASSETS},
    check_specs=file_checks.SPECS,
    deps=[FOLDER],
    internal_asset_deps={n: {dg.AssetKey(u) for u in up} for n, up in UPSTREAM.items()},
    partitions_def=partitions.files,
    can_subset=False,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool=POOL,
)
def load_files(context: dg.AssetExecutionContext, saft: Pipeline) -> Iterator[dg.Output[None]]:
    """Load the files that this run claimed, group by group; fail at the end if one failed."""
    silence(context.log)
    run_process.note(context.instance, context.run)
    store, settings = saft.store, saft.settings
    claim, run_id = owner_of(context.run), context.run.run_id
    artifacts = saft.reader.artifacts
    report = RunReport(context, settings.block_on, artifacts, _prefix(context), page_url(settings))
    begun = saft.ahead.take(claim, run_id) or _begin(context, saft)
    owner, loader = begun.owner, begun.loader

    def fetch(item: Group | Arrived | Sequence[LedgerFile]) -> Group | Arrived:
        return item if isinstance(item, Group | Arrived) else loader.fetch(item)

    def read(item: Group | Arrived) -> Group:
        return item if isinstance(item, Group) else loader.read(item)

    def publish(group: Group) -> GroupRows:
        return _publish(context, GroupRows(owner, loader.finish_reading(group)))

    def tell(rows: GroupRows) -> None:
        loader.settle(rows)
        report.add(rows.group)
        loader.discard(rows.group)

    def stop() -> None:
        saft.ahead.drop()
        loader.abort()

    with (
        _early_end_noted(context, store, begun),
        lease_renewed(lambda: store.renew(owner, settings.lease), settings.lease_seconds / 3),
    ):
        items = _with_next(context, saft, begun)
        in_stages(items, fetch, read, publish, tell, at_signal=stop)
    report.finish()
    yield from ()


@contextmanager
def _early_end_noted(
    context: dg.AssetExecutionContext, store: Store, begun: Begun
) -> Iterator[None]:
    """What the run still holds when it ends early is given back, or has failed with the reason."""
    try:
        yield
    except SourceError as error:
        store.release(begun.owner)
        raise dg.Failure(str(error), allow_retries=False) from None
    except dg.DagsterExecutionInterruptedError:
        _interrupted(context, store, begun)
        raise
    except BaseException as error:
        reason = f"the run ended early: {type(error).__name__}: {error}".rstrip(": ")
        transient = isinstance(error, TransientStoreError | OSError)
        reason = reason if transient else f"{reason}; {AFTER_ALL}"
        begun.loader.abandon(reason, transient=transient)
        raise
    finally:
        begun.loader.close()


def _begin(context: dg.AssetExecutionContext, saft: Pipeline) -> Begun:
    """Take the run's files; none is fetched yet."""
    owner, files = run_files.take(context, saft.store, saft.settings.lease)
    saft.reader.expect(files)
    loader = Loader(saft.settings, saft.store, saft.reader, owner=owner, run_id=context.run.run_id)
    return Begun(owner, loader, files)


def _with_next(
    context: dg.AssetExecutionContext, saft: Pipeline, begun: Begun
) -> Iterator[Group | Arrived | Sequence[LedgerFile]]:
    """The run's groups; after the first one begin with the run that this process executes next."""
    for number, item in enumerate(begun.items):
        run = next_run(context.instance) if number == 1 else None
        if run and run_files.is_of_claim(run):
            owner = owner_of(run)
            saft.ahead.begin({owner: ()}, begun.loader.next(owner))
        yield item


def _prefix(context: dg.AssetExecutionContext) -> Sequence[str]:
    """What the keys of our assets begin with in the definitions that this is part of."""
    key: dg.AssetKey = context.assets_def.keys_by_output_name[PUBLISHING]
    return key.path[:-1]


def _interrupted(context: dg.AssetExecutionContext, store: Store, begun: Begun) -> None:
    """Who cancels a run gives its files up; who stops the program only puts them off."""
    run = context.instance.get_run_by_id(context.run.run_id)
    if run and run.status == dg.DagsterRunStatus.CANCELING:
        begun.loader.give_up()
    else:
        store.release(begun.owner)


def _publish(context: dg.AssetExecutionContext, rows: GroupRows) -> GroupRows:
    """Hand a group's rows to the IO manager, table by table, which publishes them."""
    tables: TablesIOManager = context.resources.saft_tables
    for table in (*SPOOLED_TABLES, LINKS, PUBLISHING):
        tables.handle_output(output_context(context, table), rows)
    return rows
