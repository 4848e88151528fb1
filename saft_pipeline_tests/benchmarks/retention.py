"""Dagster's page of an asset after 100,000 files, before and after `saft prune`."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster_graphql.test.utils import execute_dagster_graphql
from sqlalchemy import text

from saft_pipeline.dagster_runtime import partitions, retention
from saft_pipeline.dagster_runtime.event_json import (
    MATERIALIZED,
    FileEvent,
    Metadata,
    Serializer,
    Step,
)
from saft_pipeline.dagster_runtime.instance import open_instance
from saft_pipeline.dagster_runtime.names import FILE_ASSETS
from saft_pipeline.dagster_runtime.storage import BatchedEventLog
from saft_pipeline.dagster_runtime.submission import loaded
from saft_pipeline.settings import Settings, load
from saft_pipeline.store.opening import open_watch
from saft_pipeline_tests.benchmarks.report import Ratio, seconds
from saft_pipeline_tests.fixtures.own_home import execute, own_home

_FILES = 100_000
_FILES_A_RUN = 50
_OLD_RUNS = 1_900  # of 2,000
_AGE = timedelta(days=60)
_KEPT = timedelta(days=30)
_WANTED_SECONDS = 2.0
# What the page of an asset asks for its partitions.
_PAGE = """query Page($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
    partitionKeysByDimension { partitionKeys }
    assetPartitionStatuses { ... on DefaultPartitionStatuses {
        materializedPartitions failedPartitions materializingPartitions unmaterializedPartitions
    } } } } }"""
_SHA256 = "a" * 64
_CARDS: dict[str, Metadata] = {
    "raw_xml": {
        "path": "exports/2026/FR202Y2025_7-Gramido.xml",
        "bytes": 6_000,
        "modified_at": dg.MetadataValue.timestamp(1_750_000_000.0),
        "sha256": _SHA256,
        "artifact": dg.MetadataValue.path(f"/var/lib/saft/artifacts/raw/aa/{_SHA256}.xml.gz"),
    },
    "invoice_files": {"path": "exports/2026/FR202Y2025_7-Gramido.xml", "version": 1},
}


def run() -> Iterable[Ratio]:
    """The events of the files are stored as runs store them, without loading the files."""
    with _opened() as (settings, instance, workspace):
        empty = _bytes(instance)
        for number in range(_FILES // _FILES_A_RUN):
            _load(instance, number, old=number < _OLD_RUNS)
        execute(instance, "vacuum analyze")
        yield Ratio("history of a file", (_bytes(instance) - empty) / _FILES / 1e3, unit="KB")
        before = seconds(lambda: _page(workspace))
        pruning = seconds(lambda: _prune(settings, instance))
        after = seconds(lambda: _page(workspace))
        note = f"{before:.2f} s, then {after:.2f} s; pruning took {pruning:.1f} s"
        yield Ratio("page of an asset, faster once pruned", before / after, 1, note=note)
        yield Ratio("page of an asset, once pruned", after, _WANTED_SECONDS, "s", most=True)


@contextmanager
def _opened() -> Iterator[tuple[Settings, dg.DagsterInstance, WorkspaceProcessContext]]:
    with own_home() as home:
        os.environ.update({"SAFT_HOME": str(home), "SUPABASE_DB_URL": ""})
        settings = load()
        with open_instance(settings) as instance, loaded(instance) as workspace:
            _page(workspace)  # what is loaded once is not the page's
            yield settings, instance, workspace


def _load(instance: dg.DagsterInstance, number: int, *, old: bool) -> None:
    """What a run over many files leaves, now or long ago."""
    when = datetime.now(UTC) - (_AGE if old else timedelta(0))
    stamp = when.timestamp()
    step = Step(str(uuid.uuid4()), "load_files_job", "load_files")
    keys = [_partition(f"{number} {place}") for place in range(_FILES_A_RUN)]
    events = [
        FileEvent(MATERIALIZED, (asset,), key, _CARDS.get(asset, {"dagster/row_count": 3}), stamp)
        for asset in FILE_ASSETS
        for key in keys
    ]
    instance.add_dynamic_partitions(str(partitions.files.name), keys)
    assert isinstance(instance.event_log_storage, BatchedEventLog)
    instance.event_log_storage.store_file_events(events, step, Serializer(step))
    success = dg.DagsterRunStatus.SUCCESS
    instance.add_run(dg.DagsterRun("load_files_job", step.run_id, status=success))
    if old:
        _backdate(instance, step.run_id, keys, when)


def _backdate(instance: dg.DagsterInstance, run_id: str, keys: list[str], when: datetime) -> None:
    then = f"{when:%F %T}"
    times = f"create_timestamp = '{then}'"
    execute(
        instance, f"update runs set {times}, update_timestamp = '{then}' where run_id = '{run_id}'"
    )
    listed = ", ".join(f"'{key}'" for key in keys)
    execute(instance, f"update dynamic_partitions set {times} where partition in ({listed})")


def _partition(name: str) -> str:
    digest = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:12]
    return f"exports-2026-FR202Y2025_7-Gramido-{name.replace(' ', '-')}~{digest}"


def _page(workspace: WorkspaceProcessContext) -> None:
    context, variables = workspace.create_request_context(), {"key": {"path": ["invoices"]}}
    answer = execute_dagster_graphql(context, _PAGE, variables)
    assert answer.data["assetNodeOrError"]["assetPartitionStatuses"]


def _prune(settings: Settings, instance: dg.DagsterInstance) -> None:
    watch = open_watch(settings)
    retention.prune(instance, watch, settings, datetime.now(UTC) - _KEPT)
    watch.close()


def _bytes(instance: dg.DagsterInstance) -> int:
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
        size = text("select pg_database_size(current_database())")
        return int(connection.execute(size).scalar_one())
