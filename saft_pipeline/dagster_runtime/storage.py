"""Dagster's own history (runs, events, ticks) in Postgres, the embedded one or another, cheaply.

Stock dagster-postgres opens a connection for every statement (NullPool): 245 a run, which is most
of the price of a run. One pre-pinged pool shared by the three storages takes that away. It also
compiles an insert anew for every batch of events: one statement with arrays takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from dagster import AssetKey, DagsterEventType, EventLogEntry, serialize_value
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.migration import ASSET_KEY_INDEX_COLS
from dagster._serdes import ConfigurableClassData
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.storage import DagsterPostgresStorage
from dagster_postgres.utils import create_pg_engine
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import ArgumentError

from saft_pipeline import settings
from saft_pipeline.dagster_runtime.compact_json import compact, compact_alike
from saft_pipeline.dagster_runtime.environment import undo_dotenv
from saft_pipeline.dagster_runtime.event_json import (
    CHECKED,
    PLANNED,
    CheckEvent,
    FileEvent,
    Serializer,
    Step,
)
from saft_pipeline.dagster_runtime.home import make_private
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.settings import Settings, SettingsError
from saft_pipeline.store.postgres import is_here

DAGSTER_DATABASE = "dagster"
_DRIVER = "postgresql+psycopg2"

_CHECKS_PLANNED = DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
_PASSED = AssetCheckExecutionRecordStatus.SUCCEEDED
_FAILED = AssetCheckExecutionRecordStatus.FAILED

_TYPES = {
    "run_id": "text",
    "event": "text",
    "dagster_event_type": "text",
    "timestamp": "timestamp",
    "step_key": "text",
    "asset_key": "text",
    "partition": "text",
}
_CHECK_TYPES = {
    "asset_key": "text",
    "check_name": "text",
    "partition": "text",
    "run_id": "text",
    "execution_status": "text",
    "evaluation_event": "text",
    "evaluation_event_timestamp": "timestamp",
    "evaluation_event_storage_id": "bigint",
}

_ASSET_TYPES = {
    "asset_key": "text",
    "last_materialization": "text",
    "last_run_id": "text",
    "last_materialization_timestamp": "timestamptz",
}


def _insert(table: str, types: Mapping[str, str]) -> str:
    columns = ", ".join(f"cast(:{name} as {kind}[])" for name, kind in types.items())
    return f"insert into {table} ({', '.join(types)}) select * from unnest({columns})"  # noqa: S608


_INSERT = text(f"{_insert('event_logs', _TYPES)} returning id")

# Eight events a file: of one text a column the server makes rows in two thirds of the time that it
# takes for an array of literals. Nothing of ours holds the character between them.
_BETWEEN = "\x1f"
_INSERT_OF_FILES = text(
    "insert into event_logs (run_id, event, dagster_event_type, timestamp, asset_key, partition) "
    "select :run_id, * from unnest("
    "string_to_array(:event, :between), string_to_array(:kind, :between), "
    "cast(string_to_array(:timestamp, :between) as timestamp[]), "
    "string_to_array(:asset_key, :between), string_to_array(:partition, :between)) returning id"
)
_INSERT_CHECKS = text(f"{_insert('asset_check_executions', _CHECK_TYPES)} on conflict do nothing")

_INSERT_PARTITIONS = text(
    "insert into dynamic_partitions (partitions_def_name, partition) "
    "select :name, key from unnest(cast(:keys as text[])) as key on conflict do nothing"
)
_INSERT_ASSETS = text(
    f"{_insert('asset_keys', _ASSET_TYPES)} on conflict (asset_key) do update set "
    + ", ".join(f"{c} = coalesce(excluded.{c}, asset_keys.{c})" for c in [*_ASSET_TYPES][1:])
)


# Dagster's indexes are a third of a file's history. Theirs that no query needs are not made; others
# are made of less, by the same names.
_INDEXES = """
-- Each query for a step, or for a check, names what begins another index: the run, the asset.
drop index if exists idx_step_key;
drop index if exists idx_asset_check_executions;
-- Nobody asks for these of all assets and runs at once, and they are most of the rows.
drop index if exists idx_event_type;
create index if not exists idx_event_type on event_logs (dagster_event_type, id)
where dagster_event_type not in (
  'ASSET_MATERIALIZATION', 'ASSET_MATERIALIZATION_PLANNED', 'ASSET_CHECK_EVALUATION');
-- Most of an asset's events are of one type; the newest of two types are found in order, too.
drop index if exists idx_events_by_asset;
create index if not exists idx_events_by_asset on event_logs (asset_key, id)
where asset_key is not null;
-- A partition has a dozen events, and of rows with one key an index holds the key once.
drop index if exists idx_events_by_asset_partition;
create index if not exists idx_events_by_asset_partition on event_logs (partition)
where partition is not null
"""


class BatchedEventLog(PostgresEventLogStorage):
    """The event log, with a cheaper way in for the many events of a run over many files."""

    def _init_db(self) -> None:
        """Make the tables where there are none, which then are ours alone."""
        super()._init_db()
        with self._connect() as connection:
            connection.execute(text(_INDEXES))

    def store_file_events(
        self, events: Sequence[FileEvent], step: Step, serializer: Serializer
    ) -> None:
        """Store events of one step, of any assets and kinds, in one statement."""
        if not events:
            return
        names = {asset: AssetKey(asset).to_string() for asset in {e.asset for e in events}}
        columns = {
            "event": [serializer.text(event) for event in events],
            "kind": [event.kind.value for event in events],
            "timestamp": [_naive_utc(event.timestamp).isoformat() for event in events],
            "asset_key": [names[event.asset] for event in events],
            "partition": [event.partition for event in events],
        }
        joined = {name: _BETWEEN.join(values) for name, values in columns.items()}
        of_all = {"run_id": step.run_id, "between": _BETWEEN}
        with self.index_transaction() as connection:
            rows = connection.execute(_INSERT_OF_FILES, {**joined, **of_all})
            ids = [int(found[0]) for found in rows]
            numbered = zip(events, ids, strict=True)
            newest = {(event.asset, event.kind): (n, event) for event, n in numbered}
            said = sorted(newest.values(), key=itemgetter(0))
            self._store_assets(connection, [(n, names[e.asset], e.entry(step)) for n, e in said])

    def _store_assets(
        self, connection: Connection, events: Sequence[tuple[int, str, EventLogEntry]]
    ) -> None:
        """The table of assets keeps something of the newest event of each kind: in one statement.

        Each event with its id and the name of its asset, in the order of ids.
        """
        has_columns = self.has_secondary_index(ASSET_KEY_INDEX_COLS)
        kept: dict[str, dict[str, Any]] = {}
        for event_id, name, event in events:
            values = self._get_asset_entry_values(event, event_id, has_columns)
            kept.setdefault(name, {}).update(values)
        rows = [{"asset_key": name, **kept[name]} for name in sorted(kept)]
        columns = {column: [row.get(column) for row in rows] for column in _ASSET_TYPES}
        connection.execute(_INSERT_ASSETS, columns)

    def store_check_events(
        self, events: Sequence[CheckEvent], step: Step, serializer: Serializer
    ) -> None:
        """Store what checks found, in two statements."""
        if not events:
            return
        texts = [serializer.text(event) for event in events]
        times = [_naive_utc(event.timestamp) for event in events]
        found = [event.evaluation for event in events]
        none, run_ids = [None] * len(events), [step.run_id] * len(events)
        columns = {
            "run_id": run_ids,
            "event": texts,
            "dagster_event_type": [CHECKED.value] * len(events),
            "timestamp": times,
            "step_key": none,
            "asset_key": none,
            "partition": none,
        }
        checks = {
            "asset_key": [each.asset_key.to_string() for each in found],
            "check_name": [each.check_name for each in found],
            "partition": [each.partition for each in found],
            "run_id": run_ids,
            "execution_status": [(_PASSED if each.passed else _FAILED).value for each in found],
            "evaluation_event": texts,
            "evaluation_event_timestamp": times,
        }
        with self.index_transaction() as connection:
            ids = [int(found[0]) for found in connection.execute(_INSERT, columns)]
            connection.execute(_INSERT_CHECKS, {**checks, "evaluation_event_storage_id": ids})

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """What a run means to make, thousands of partitions in a backfill, in one statement.

        Dagster hands events over in batches where `DAGSTER_EVENT_BATCH_SIZE` is set, but stores
        those of this kind one by one.
        """
        planned = [event for event in events if event.dagster_event_type is PLANNED]
        rest = [e for e in events if e.dagster_event_type not in (PLANNED, _CHECKS_PLANNED)]
        if rest:
            super().store_event_batch(rest)
        if planned:
            self._store_planned(planned)

    def _store_planned(self, events: Sequence[EventLogEntry]) -> None:
        known = [(event, event.get_dagster_event()) for event in events]
        keys = [said.asset_key.to_string() if said.asset_key else None for _, said in known]
        columns = {
            "run_id": [event.run_id for event in events],
            "event": [compact_alike(serialize_value(event)) for event in events],
            "dagster_event_type": [PLANNED.value] * len(events),
            "timestamp": [_naive_utc(event.timestamp) for event in events],
            "step_key": [said.step_key for _, said in known],
            "asset_key": keys,
            "partition": [said.partition for _, said in known],
        }
        with self.index_transaction() as connection:
            ids = [int(found[0]) for found in connection.execute(_INSERT, columns)]
            newest = {key: (n, event) for n, event, key in zip(ids, events, keys, strict=True)}
            for event_id, event in sorted(newest.values(), key=itemgetter(0)):
                self._store_asset_event(connection, event, event_id)

    def _event_to_row(self, event: EventLogEntry) -> dict[str, Any]:
        row = super()._event_to_row(event)
        return {**row, "event": compact(row["event"])}

    def store_event(self, event: EventLogEntry) -> None:
        """Leave out that a run means to evaluate each check: it says nothing, and is not free."""
        if event.dagster_event_type is not _CHECKS_PLANNED:
            super().store_event(event)

    def add_dynamic_partitions(
        self, partitions_def_name: str, partition_keys: Sequence[str]
    ) -> None:
        """Add those that are new, thousands at once, in one statement."""
        self._check_partitions_table()
        with self.index_connection() as connection:
            named = {"name": partitions_def_name, "keys": list(partition_keys)}
            connection.execute(_INSERT_PARTITIONS, named)

    def dispose(self) -> None:
        """Close the connections, too: a pool holds some, which Dagster's own storage doesn't."""
        super().dispose()
        self._engine.dispose()


class PooledPostgresStorage(DagsterPostgresStorage):
    """`storage: custom:` of dagster.yaml."""

    def __init__(self, url: str, inst_data: ConfigurableClassData | None = None) -> None:
        events = BatchedEventLog(url)  # before Dagster's own, so that ours makes the tables
        super().__init__(url, inst_data=inst_data)
        self._event_log_storage = events
        engine = create_pg_engine(
            url, isolation_level="AUTOCOMMIT", pool_size=2, max_overflow=18, pool_pre_ping=True
        )
        for storage in (self._run_storage, self._event_log_storage, self._schedule_storage):
            storage._engine = engine

    @classmethod
    def config_type(cls) -> Any:
        """No configuration: the settings say where the server is."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> PooledPostgresStorage:
        """Called by Dagster when it loads dagster.yaml."""
        undo_dotenv()
        given = settings.load()
        make_private(given.home)
        return cls(history_url(given), inst_data)


def history_url(given: Settings) -> str:
    """`DAGSTER_DB_URL`, or the Postgres of `SAFT_HOME`, started if nobody has yet; for SQLAlchemy.

    TLS is required unless the server is on this machine. Raises SettingsError.
    """
    if given.dagster_db_url is None:
        embedded = EmbeddedPostgres(given.home).url(DAGSTER_DATABASE)
        return embedded.replace("postgresql://", f"{_DRIVER}://", 1)
    try:
        url = make_url(given.dagster_db_url.get_secret_value()).set(drivername=_DRIVER)
    except (ArgumentError, ValueError):  # its message would show the password
        raise SettingsError(
            "DAGSTER_DB_URL is not an address of a database; it looks like "
            "postgresql://USER:PASSWORD@HOST:PORT/dagster"
        ) from None
    if not is_here(url.host or "") and "sslmode" not in url.query:
        url = url.update_query_dict({"sslmode": "require"})
    return url.render_as_string(hide_password=False)


def _naive_utc(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC).replace(tzinfo=None)
