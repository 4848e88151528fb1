"""What is stored in one statement is what dagster-postgres stores event by event."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import psycopg
import pytest
from dagster._core.events.log import EventLogEntry
from dagster._serdes import deserialize_value
from dagster_postgres.event_log import PostgresEventLogStorage
from psycopg import sql
from psycopg.rows import dict_row
from sqlalchemy import event as database_event

from saft_pipeline.dagster_runtime.event_json import (
    MATERIALIZED,
    OBSERVED,
    PLANNED,
    CheckEvent,
    FileEvent,
    Serializer,
    Step,
)
from saft_pipeline.dagster_runtime.storage import (
    BatchedEventLog,
    PooledPostgresStorage,
    history_url,
)
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.settings import load
from saft_pipeline_tests.fixtures.project import Polled

STEP = Step("00000000-0000-4000-8000-000000000001", "load_files_job", "load_files")
TABLES = {
    "event_logs": "id",
    "asset_keys": "asset_key",
    "asset_event_tags": "event_id",
    "asset_check_executions": "id",
}
OF_ITSELF = ("id", "create_timestamp")
GOOD = [
    FileEvent(MATERIALIZED, (asset,), partition, {"dagster/row_count": 3}, 1_750_000_000.25)
    for asset in ("invoices", "invoice_files")
    for partition in ("a~1", "b~2")
]
MEANT = [
    FileEvent(PLANNED, (asset,), "c~3", {}, 1_750_000_001.5)
    for asset in ("invoices", "invoice_files")
]
SEEN = [FileEvent(OBSERVED, ("invoice_files",), "c~3", {"reason": "broken"}, 1_750_000_002.75)]

INVOICES = dg.AssetKey("invoices")
TABLE = dg.MetadataValue.table([dg.TableRecord({"file": "f.xml", "line": 1})])
FOUND: dict[str, Any] = {"findings": 3, "first findings": TABLE}
CHECKED = [
    CheckEvent(evaluation, 1_750_000_003.5)
    for evaluation in (
        dg.AssetCheckEvaluation(INVOICES, "hash", passed=False, metadata=FOUND, partition="a~1"),
        dg.AssetCheckEvaluation(INVOICES, "hash", passed=True, partition="b~2"),
        dg.AssetCheckEvaluation(INVOICES, "hash", passed=False, metadata=FOUND, description="3"),
        dg.AssetCheckEvaluation(INVOICES, "nif", passed=True, blocking=True),
    )
]


class Kept(NamedTuple):
    """A storage, and the database where it keeps its events."""

    storage: PostgresEventLogStorage
    url: str

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """All that is in its tables, events as Dagster reads them, without when it was written."""
        found = {}
        with psycopg.connect(self.url, row_factory=dict_row) as connection:
            for table, order in TABLES.items():
                rows = connection.execute(sql.SQL(f"select * from {table} order by {order}"))
                found[table] = [
                    {k: _read(k, v) for k, v in row.items() if k not in OF_ITSELF} for row in rows
                ]
        return found

    def clear(self) -> None:
        """Begin anew, with the first event's number, too."""
        with psycopg.connect(self.url) as connection:
            connection.execute(sql.SQL(f"truncate {', '.join(TABLES)} restart identity cascade"))


def _read(column: str, value: Any) -> Any:
    is_event = column in ("event", "evaluation_event")
    return deserialize_value(value, EventLogEntry) if is_event else value


@pytest.fixture(scope="module")
def dagsters(postgres_server: EmbeddedPostgres) -> Kept:
    url = postgres_server.url("events_of_dagster")
    return Kept(PostgresEventLogStorage(as_dagster_wants_it(url)), url)


@pytest.fixture(scope="module")
def ours(postgres_server: EmbeddedPostgres) -> Kept:
    url = postgres_server.url("events_of_ours")
    return Kept(BatchedEventLog(as_dagster_wants_it(url)), url)


def as_dagster_wants_it(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg2://", 1)


@pytest.mark.parametrize(
    "batches",
    [
        [GOOD],
        [GOOD + MEANT],
        [GOOD + SEEN],
        [GOOD + MEANT + SEEN],
        [MEANT + SEEN],
        [GOOD, MEANT + SEEN],
        [MEANT, GOOD],
        [[]],
    ],
    ids=[
        "good files",
        "good and failed files",
        "good files and a finding",
        "all kinds",
        "failed files",
        "good, then failed files",
        "failed, then good files",
        "none",
    ],
)
def test_events_are_stored_as_dagster_stores_them(
    dagsters: Kept, ours: Kept, batches: list[list[FileEvent]]
) -> None:
    assert isinstance(ours.storage, BatchedEventLog)
    for kept in (dagsters, ours):
        kept.clear()
    for batch in batches:
        ours.storage.store_file_events(batch, STEP, Serializer(STEP))
        for event in batch:
            dagsters.storage.store_event(event.entry(STEP))
    assert ours.rows() == dagsters.rows()


def test_evaluations_are_stored_as_dagster_stores_them(dagsters: Kept, ours: Kept) -> None:
    assert isinstance(ours.storage, BatchedEventLog)
    for kept in (dagsters, ours):
        kept.clear()
    ours.storage.store_check_events(CHECKED, STEP, Serializer(STEP))
    for event in CHECKED:
        dagsters.storage.store_event(event.entry(STEP))
    assert ours.rows() == dagsters.rows()


def test_no_evaluations_are_nothing_to_store(ours: Kept) -> None:
    assert isinstance(ours.storage, BatchedEventLog)
    ours.clear()
    ours.storage.store_check_events([], STEP, Serializer(STEP))
    assert not any(ours.rows().values())


def test_the_three_storages_share_one_engine(polled: Polled) -> None:
    instance = polled.runs.instance
    storages = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
    assert len({id(storage._engine) for storage in storages}) == 1  # type: ignore[union-attr]


def test_connections_are_kept_for_the_next_statement(saft_home: Path) -> None:
    storage = PooledPostgresStorage(history_url(load({"SAFT_HOME": str(saft_home)})))
    engine = storage.event_log_storage._engine  # type: ignore[attr-defined]
    for _ in range(5):
        with engine.connect():
            pass
    assert engine.pool.checkedin() == 1
    engine.dispose()


def test_a_storage_that_is_closed_keeps_no_connection(postgres_server: EmbeddedPostgres) -> None:
    storage = PooledPostgresStorage(as_dagster_wants_it(postgres_server.url("closed_history")))
    engine = storage.event_log_storage._engine  # type: ignore[attr-defined]
    with engine.connect():
        pass
    storage.event_log_storage.dispose()
    assert engine.pool.checkedin() == 0


def test_the_events_of_a_run_are_in_the_log_that_batches(polled: Polled) -> None:
    assert isinstance(polled.runs.instance.event_log_storage, BatchedEventLog)


OF_TYPE = "select id from event_logs where dagster_event_type = %(kind)s order by id desc limit 1"


@pytest.mark.parametrize(
    ("kind", "index"),
    [("PIPELINE_FAILURE", "idx_event_type"), ("ASSET_MATERIALIZATION", "event_logs_pkey")],
)
def test_what_happens_once_a_run_is_found_by_its_kind_and_what_each_file_says_is_not(
    ours: Kept, kind: str, index: str
) -> None:
    assert f"using {index}" in planned(ours, OF_TYPE, {"kind": kind})


def planned(kept: Kept, statement: str, parameters: Any) -> str:
    """How the server would answer if it had so many rows that indexes paid."""
    with kept.storage.index_transaction() as connection:
        connection.exec_driver_sql("set local enable_seqscan = off")
        connection.exec_driver_sql("set local random_page_cost = 1")
        plan = connection.exec_driver_sql(f"explain {statement}", parameters)
        return "\n".join(line for (line,) in plan)


FOR_ASSET = dg.AssetRecordsFilter(INVOICES)
FOR_PARTITION = dg.AssetRecordsFilter(INVOICES, asset_partitions=["p~0-1"])
HASH = dg.AssetCheckKey(INVOICES, "hash")
ASKED: dict[str, tuple[str, Callable[[PostgresEventLogStorage], object]]] = {
    "the newest of an asset": (
        "idx_events_by_asset",
        lambda storage: storage.fetch_materializations(FOR_ASSET, limit=5),
    ),
    "all partitions of an asset": (
        "idx_events_by_asset",
        lambda storage: storage.get_materialized_partitions(INVOICES),
    ),
    "the newest of a partition": (
        "idx_events_by_asset_partition",
        lambda storage: storage.fetch_materializations(FOR_PARTITION, limit=1),
    ),
    "the newest of some partitions": (
        "idx_events_by_asset_partition",
        lambda storage: storage.get_latest_storage_id_by_partition(
            INVOICES, MATERIALIZED, {"p~0-1"}
        ),
    ),
    "a run": (
        "idx_events_by_run_id",
        lambda storage: storage.get_records_for_run(STEP.run_id, limit=5),
    ),
    "a step of a run": (
        "idx_events_by_run_id",
        lambda storage: storage.get_step_stats_for_run(STEP.run_id, [STEP.step_key]),
    ),
    "the newest of a check": (
        "idx_asset_check_executions_unique",
        lambda storage: storage.get_latest_asset_check_execution_by_key([HASH]),
    ),
}


@pytest.fixture(scope="module")
def crowded(postgres_server: EmbeddedPostgres) -> Kept:
    """Our tables with runs of which one made what is asked for, and the server knows of it."""
    url = postgres_server.url("events_of_many")
    storage = BatchedEventLog(as_dagster_wants_it(url))
    for number in range(20):
        step = Step(f"{number}{STEP.run_id[1:]}", STEP.job_name, STEP.step_key)
        assets = ("companies",) if number else ("companies", "invoices")
        of = [(asset, f"p~{number}-{file}") for asset in assets for file in range(200)]
        events = [FileEvent(MATERIALIZED, (asset,), key, {}, 1.5) for asset, key in of]
        storage.store_file_events(events, step, Serializer(step))
    with psycopg.connect(url) as connection:
        connection.execute("analyze")
    return Kept(storage, url)


@pytest.mark.parametrize(("index", "ask"), ASKED.values(), ids=ASKED)
def test_what_pages_ask_for_is_found_by_an_index(
    crowded: Kept, index: str, ask: Callable[[PostgresEventLogStorage], object]
) -> None:
    asked: list[tuple[str, Any]] = []

    def executed(_connection: object, _cursor: object, said: str, values: Any, *_: object) -> None:
        asked.append((said, values))

    database_event.listen(crowded.storage._engine, "before_cursor_execute", executed)
    ask(crowded.storage)
    database_event.remove(crowded.storage._engine, "before_cursor_execute", executed)
    (plan,) = (
        planned(crowded, *each) for each in asked if re.search("FROM .*(logs|exec)", each[0])
    )
    assert re.search(rf"{index}\b", plan), plan


def test_rows_are_in_no_index_that_nothing_needs(ours: Kept) -> None:
    query = "select indexname from pg_indexes where tablename = any(%s)"
    with psycopg.connect(ours.url) as connection:
        found = {
            n for (n,) in connection.execute(query, [["event_logs", "asset_check_executions"]])
        }
    primary = {"event_logs_pkey", "asset_check_executions_pkey"}
    assert found == primary | {"idx_event_type", *(index for index, _ in ASKED.values())}


PLANS = [meant.entry(STEP) for meant in MEANT * 50]


def test_what_a_backfill_means_to_make_is_stored_as_dagster_stores_it(
    dagsters: Kept, ours: Kept
) -> None:
    for kept in (dagsters, ours):
        kept.clear()
        kept.storage.store_event_batch(PLANS)
    assert ours.rows() == dagsters.rows()


def test_what_a_backfill_means_to_make_goes_in_one_statement(ours: Kept) -> None:
    statements: list[str] = []

    def executed(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    database_event.listen(ours.storage._engine, "before_cursor_execute", executed)
    ours.storage.store_event_batch(PLANS)
    assert sum(said.startswith("insert into event_logs") for said in statements) == 1
