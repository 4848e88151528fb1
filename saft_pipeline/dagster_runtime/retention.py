"""What of the past is deleted when it is older than it is useful: Dagster's history, artifacts.

Dagster keeps every run, event and tick for ever. The ledger and the rows always stay, and a file
that comes again has its partition registered again. The tables named here are Dagster's own
(`dagster._core.storage`, the `schema` modules); all uses of them are here and tested. Everything is
deleted in small transactions, which lock nothing but the rows that go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import dagster as dg
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from sqlalchemy import Connection, text

from saft_pipeline.artifacts.local import ArtifactKind, Artifacts, Kept
from saft_pipeline.artifacts.remote import artifacts_of
from saft_pipeline.dagster_runtime import partitions
from saft_pipeline.dagster_runtime.location import (
    ASSET_JOB,
    REPOSITORY_TAG,
    NoLocationError,
    find_location,
    require_own_keys,
)
from saft_pipeline.dagster_runtime.names import (
    ALERTS,
    CLAIM_TAG,
    CONTINUITY_JOB,
    CONTINUITY_SCHEDULE,
    JOB,
    MONTHLY_JOB,
    MONTHLY_SCHEDULE,
    PRUNE_JOB,
    PRUNE_SCHEDULE,
    REPORTS_SENSOR,
    SENSOR,
)
from saft_pipeline.dagster_runtime.runs import UNFINISHED
from saft_pipeline.settings import Settings
from saft_pipeline.store.alerts import Watch

_ROWS = 10_000
"""Rows a transaction."""
_RUNS = 100
"""Runs a transaction; their events are gone by then."""
_HASHES = 1_000
"""Artifacts that the ledger is asked for at once."""

MOST_PARTITIONS = 100_000
"""As many as Dagster advises; the oldest beyond go, however young they are."""
# Ids are counted up one by one: mostly their range alone says that there are no more than that.
_TOO_MANY = (
    "(select max(id) - min(id) from dynamic_partitions) >= :most "
    "and partitions_def_name = :partitions and not right(partition, 12) = any(:open) and id <= ("
    "select id from dynamic_partitions where partitions_def_name = :partitions "
    "order by id desc offset :most limit 1)"
)
# The runs of our jobs, and those of `__ASSET_JOB` that touched our assets and no others: Dagster
# tags each run that it launched with the code location. The rest is not ours to delete.
_OLD_RUNS = (
    "status = any(:finished) and update_timestamp < :before and not exists ("
    "select from run_tags t where t.run_id = runs.run_id and t.key = :location_tag "
    "and t.value <> :location) and (pipeline_name = any(:jobs) and exists ("
    "select from run_tags t where t.run_id = runs.run_id and t.key = any(:tags)) "
    "or starts_with(pipeline_name, :asset_job) and exists ("
    "select from event_logs e where e.run_id = runs.run_id and e.asset_key = any(:assets)) "
    "and not exists (select from event_logs e where e.run_id = runs.run_id "
    "and e.asset_key is not null and not e.asset_key = any(:assets)))"
)
# Events without a run are what sensors observe and check. What is left over from runs that somebody
# else deleted goes with the rest.
_OLD = {
    "job_ticks": "selector_id = any(:instigators) and timestamp < :before and status <> 'STARTED'",
    "event_logs": "run_id = '' and timestamp < :before and (asset_key = any(:assets) or id in ("
    "select c.evaluation_event_storage_id from asset_check_executions c "
    "where c.run_id = '' and c.asset_key = any(:assets)))",
    "asset_event_tags": "asset_key = any(:assets) and event_timestamp < :before and not exists ("
    "select from event_logs e where e.id = event_id)",
    "asset_check_executions": "asset_key = any(:assets) and create_timestamp < :before "
    "and not exists (select from runs r where r.run_id = asset_check_executions.run_id)",
    # Ids rise with time: what comes after the first young one is not looked at.
    "dynamic_partitions": "partitions_def_name = :partitions and create_timestamp < :before "
    "and id < coalesce((select y.id from dynamic_partitions y where y.create_timestamp >= :before "
    "order by y.id limit 1), (select max(y.id) + 1 from dynamic_partitions y)) "
    "and not right(partition, 12) = any(:open) and not exists ("
    "select from event_logs e where e.asset_key = any(:assets) "
    "and e.dagster_event_type = any(:kinds) and e.partition = dynamic_partitions.partition "
    "and e.timestamp >= :before)",
}
_KINDS = [
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    dg.DagsterEventType.ASSET_OBSERVATION,
]


@dataclass
class Pruned:
    """How much went, or with a dry run, would go."""

    runs: int = 0
    events: int = 0
    ticks: int = 0
    partitions: int = 0
    artifacts: int = 0
    artifact_bytes: int = 0
    beyond: int = 0
    """Partitions that went though they are young: there are more than Dagster can show."""
    kept: str | None = None
    """Why nothing of Dagster's history went: it is not where we can tell ours from others'."""

    def summary(self) -> str:
        """`12 runs, 3,400 events, …`."""
        young = f" ({self.beyond:,} beyond the {MOST_PARTITIONS:,} that Dagster advises)"
        return (
            f"{self.runs:,} runs, {self.events:,} events, {self.ticks:,} ticks, "
            f"{self.partitions:,} partitions{young if self.beyond else ''}, "
            f"{self.artifacts:,} artifacts "
            f"({self.artifact_bytes / 1e6:,.1f} MB){f'; {self.kept}' if self.kept else ''}"
        )


def prune(
    instance: dg.DagsterInstance,
    watch: Watch,
    settings: Settings,
    before: datetime,
    *,
    dry_run: bool = False,
) -> Pruned:
    """Delete what ended before then, of what is ours.

    Raises:
        StoreError: the ledger can't be asked what is still in use; nothing was deleted.
    """
    open_keys = watch.open_keys()
    pruned = Pruned()
    try:
        ours = _ours(instance, settings)
        with _history(instance) as connection:
            parameters = {**ours, **_parameters(before, open_keys)}
            if dry_run:
                _count(connection, parameters, pruned)
            else:
                _delete(connection, parameters, pruned)
                # Dagster remembers which partitions it saw materialized.
                instance.wipe_asset_cached_status(find_location(instance, settings).keys)
    except _NotPrunableError as error:
        pruned.kept = f"Dagster's history stays as it is: {error}"
    artifacts = artifacts_of(settings)
    for old in _old_artifacts(artifacts, settings, watch, before):
        pruned.artifacts += len(old)
        pruned.artifact_bytes += sum(one.size for one in old)
        if not dry_run:
            artifacts.remove(old)
    return pruned


def _parameters(before: datetime, open_keys: list[str]) -> dict[str, Any]:
    return {
        "before": before.astimezone(UTC).replace(tzinfo=None),
        "finished": [s.value for s in dg.DagsterRunStatus if s not in UNFINISHED],
        "most": MOST_PARTITIONS,
        "open": open_keys,
        "kinds": [kind.value for kind in _KINDS],
    }


def _ours(instance: dg.DagsterInstance, settings: Settings) -> dict[str, Any]:
    """What tells our part of an instance from that of others."""
    try:
        location = find_location(instance, settings)
        require_own_keys(instance, location, settings)
    except NoLocationError as error:
        raise _NotPrunableError(str(error)) from None
    schedules = (PRUNE_SCHEDULE, MONTHLY_SCHEDULE, CONTINUITY_SCHEDULE)
    instigators = (SENSOR, ALERTS, REPORTS_SENSOR, *schedules)
    return {
        "location_tag": REPOSITORY_TAG,
        "location": location.label,
        "tags": [REPOSITORY_TAG, *([] if location.prefix else [CLAIM_TAG])],
        "partitions": str(partitions.file_partitions(location.prefix).name),
        "jobs": [JOB, PRUNE_JOB, MONTHLY_JOB, CONTINUITY_JOB],
        "asset_job": ASSET_JOB,
        "assets": [key.to_string() for key in location.keys],
        "instigators": [location.selector_id(name) for name in instigators],
    }


class _NotPrunableError(Exception):
    """The history is not where we can prune it; the message says why."""


@contextmanager
def _history(instance: dg.DagsterInstance) -> Iterator[Connection]:
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        raise _NotPrunableError("it is in no database")
    with storage.index_connection() as connection:
        if connection.dialect.name != "postgresql":
            raise _NotPrunableError(
                f"it is in {connection.dialect.name}, and only Postgres is pruned"
            )
        if not connection.execute(text("select to_regclass('runs')")).scalar_one():
            raise _NotPrunableError("events and runs are in different databases")
        yield connection


def _count(connection: Connection, parameters: Mapping[str, Any], pruned: Pruned) -> None:
    def count(table: str, condition: str) -> int:
        statement = f"select count(*) from {table} where {condition}"  # noqa: S608 - constants
        return _number(connection, statement, parameters)

    of_runs = f"run_id in (select run_id from runs where {_OLD_RUNS})"  # noqa: S608 - constants
    pruned.runs = count("runs", _OLD_RUNS)
    pruned.events = count("event_logs", of_runs) + count("event_logs", _OLD["event_logs"])
    pruned.ticks = count("job_ticks", _OLD["job_ticks"])
    young = f"{_TOO_MANY} and not ({_OLD['dynamic_partitions']})"
    pruned.beyond = count("dynamic_partitions", young)
    pruned.partitions = pruned.beyond + count("dynamic_partitions", _OLD["dynamic_partitions"])


def _delete(connection: Connection, parameters: Mapping[str, Any], pruned: Pruned) -> None:
    _delete_runs(connection, parameters, pruned)
    gone = {
        table: _delete_rows(connection, table, where, parameters) for table, where in _OLD.items()
    }
    pruned.events += gone["event_logs"]
    pruned.ticks = gone["job_ticks"]
    pruned.beyond = _delete_rows(connection, "dynamic_partitions", _TOO_MANY, parameters)
    pruned.partitions = gone["dynamic_partitions"] + pruned.beyond
    gone |= {"runs": pruned.runs, "event_logs": pruned.events}
    gone["dynamic_partitions"] = pruned.partitions
    for table in (table for table, rows in gone.items() if rows):
        # Else the pages go on walking over what was deleted until autovacuum comes by.
        connection.execute(text(f"vacuum (analyze) {table}"))


def _delete_runs(connection: Connection, parameters: Mapping[str, Any], pruned: Pruned) -> None:
    """Delete old runs and their events; a run goes last, so that it is found again if we die."""
    oldest = text(f"select run_id from runs where {_OLD_RUNS} order by id limit {_RUNS}")  # noqa: S608
    while runs := [row[0] for row in connection.execute(oldest, parameters)]:
        of_runs = {"runs": runs}
        pruned.events += _delete_rows(connection, "event_logs", "run_id = any(:runs)", of_runs)
        pruned.runs += _delete_rows(connection, "runs", "run_id = any(:runs)", of_runs)


def _delete_rows(
    connection: Connection, table: str, condition: str, parameters: Mapping[str, Any]
) -> int:
    statement = (
        f"with gone as (delete from {table} where id = any(array("  # noqa: S608 - constants
        f"select id from {table} where {condition} limit {_ROWS})) returning id) "
        "select count(*) from gone"
    )
    total = 0
    while gone := _number(connection, statement, parameters):
        total += gone
    return total


def _number(connection: Connection, statement: str, parameters: Mapping[str, Any]) -> int:
    return int(connection.execute(text(statement), dict(parameters)).scalar_one())


def _old_artifacts(
    artifacts: Artifacts, settings: Settings, watch: Watch, before: datetime
) -> Iterator[list[Kept]]:
    """Artifacts written before then, of bytes that nothing newer in the ledger has; some at once.

    What was read from a file can be read again. Its bytes can't once we deleted it on the server:
    with AFTER_LOAD=delete they stay.
    """
    kinds: tuple[ArtifactKind, ...] = (
        ("parsed",) if settings.after_load == "delete" else ("parsed", "raw")
    )
    for kind in kinds:
        for packs, recent in ((False, watch.recent_hashes), (True, watch.recent_packs)):
            old = artifacts.older(kind, before, packs=packs)
            while some := list(islice(old, _HASHES)):
                used = recent([one.name for one in some], before)
                yield [one for one in some if one.name not in used]
