"""What is old goes from Dagster's history and the artifacts; ledger, rows and the rest stay."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import text

from saft_pipeline.artifacts.local import KINDS, LocalArtifacts
from saft_pipeline.dagster_runtime import partitions, retention
from saft_pipeline.dagster_runtime.event_json import MATERIALIZED, FileEvent, Serializer, Step
from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.dagster_runtime.instance import open_instance
from saft_pipeline.dagster_runtime.location import Location
from saft_pipeline.dagster_runtime.names import SENSOR
from saft_pipeline.dagster_runtime.retention import Pruned
from saft_pipeline.dagster_runtime.storage import BatchedEventLog
from saft_pipeline.settings import load
from saft_pipeline.store.alerts import Watch
from saft_pipeline.store.errors import StoreError
from saft_pipeline.store.opening import open_watch
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.store import Store
from saft_pipeline_tests.dagster_runtime.neighbours import seen_by_daemon
from saft_pipeline_tests.fixtures.own_home import HISTORY, empty_history, execute, own_home
from saft_pipeline_tests.fixtures.project import Project, one_invoice, partition_of
from saft_pipeline_tests.store.looking import content

DAY = timedelta(days=1)
FILES = str(partitions.files.name)
INVOICES = dg.AssetKey("invoices")
PARTITION = "a~0123456789ab"


@pytest.fixture(scope="module")
def saft_home() -> Iterator[Path]:
    """Pruning would take away what other tests look at."""
    with own_home() as home:
        yield home


@pytest.fixture(scope="module")
def opened(saft_home: Path) -> Iterator[dg.DagsterInstance]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAFT_HOME", str(saft_home))
        with open_instance(load()) as instance:
            yield instance


@pytest.fixture
def instance(opened: dg.DagsterInstance, saft_home: Path) -> dg.DagsterInstance:
    """The history, with nothing in it."""
    empty_history(saft_home)
    return opened


class NothingInUse(Watch):
    """A ledger that knows no file."""

    def __init__(self) -> None:
        pass

    def open_keys(self) -> list[str]:
        return []

    def recent_hashes(self, hashes: Any, since: datetime) -> set[str]:
        return set()


@pytest.fixture
def watch(project: Project) -> Iterator[Watch]:
    watch = open_watch(project.settings)
    yield watch
    watch.close()


def soon() -> datetime:
    """All that is there now is older."""
    return datetime.now(UTC) + timedelta(hours=1)


def count(instance: dg.DagsterInstance, table: str) -> int:
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
        return int(connection.execute(text(f"select count(*) from {table}")).scalar_one())


def history(instance: dg.DagsterInstance) -> dict[str, int]:
    return {table: count(instance, table) for table in HISTORY}


def ended(instance: dg.DagsterInstance, events: int = 1) -> None:
    """A run over the file of `PARTITION`, with so many events."""
    run_id = str(uuid.uuid4())
    step = Step(run_id, "load_files_job", "load_files")
    made = FileEvent(MATERIALIZED, ("invoices",), PARTITION, {}, time.time())
    instance.add_dynamic_partitions(FILES, [PARTITION])
    assert isinstance(instance.event_log_storage, BatchedEventLog)
    instance.event_log_storage.store_file_events([made] * events, step, Serializer(step))
    tags, failed = {"saft/claim": "claim-1"}, dg.DagsterRunStatus.FAILURE
    instance.add_run(dg.DagsterRun("load_files_job", run_id, status=failed, tags=tags))


def ticked(instance: dg.DagsterInstance, status: str = "SUCCESS") -> None:
    selector = Location().selector_id(SENSOR)
    values = f"('{selector}', 'an origin', '{status}', now() at time zone 'UTC', '{{}}')"
    columns = "(selector_id, job_origin_id, status, timestamp, tick_body)"
    execute(instance, f"insert into job_ticks {columns} values {values}")


def prune(
    instance: dg.DagsterInstance,
    before: datetime,
    watch: Watch | None = None,
    *,
    dry_run: bool = False,
    env: dict[str, str] | None = None,
) -> Pruned:
    settings = load({**os.environ, **(env or {})})
    return retention.prune(instance, watch or NothingInUse(), settings, before, dry_run=dry_run)


def test_runs_events_ticks_and_partitions_of_before_go(instance: dg.DagsterInstance) -> None:
    ended(instance, events=3)
    ticked(instance)
    pruned = prune(instance, soon())
    assert pruned == Pruned(runs=1, events=3, ticks=1, partitions=1)
    assert history(instance) == dict.fromkeys(HISTORY, 0)


def test_what_is_younger_stays(instance: dg.DagsterInstance) -> None:
    ended(instance)
    ticked(instance)
    there = history(instance)
    assert prune(instance, datetime.now(UTC) - DAY) == Pruned()
    assert history(instance) == there


def test_a_dry_run_tells_what_would_go_and_deletes_nothing(instance: dg.DagsterInstance) -> None:
    ended(instance, events=3)
    ticked(instance)
    there = history(instance)
    would = prune(instance, soon(), dry_run=True)
    assert history(instance) == there
    assert prune(instance, soon()) == would


@pytest.mark.parametrize("status", ["NOT_STARTED", "QUEUED", "STARTING", "STARTED", "CANCELING"])
def test_a_run_under_way_stays_with_its_events(instance: dg.DagsterInstance, status: str) -> None:
    ended(instance)
    execute(instance, f"update runs set status = '{status}'")
    prune(instance, soon())
    assert (count(instance, "runs"), count(instance, "event_logs")) == (1, 1)


def test_a_tick_under_way_stays(instance: dg.DagsterInstance) -> None:
    ticked(instance, "STARTED")
    prune(instance, soon())
    assert count(instance, "job_ticks") == 1


def test_an_old_partition_with_young_events_stays(instance: dg.DagsterInstance) -> None:
    ended(instance)
    execute(instance, "update dynamic_partitions set create_timestamp = '2020-01-01'")
    assert prune(instance, datetime.now(UTC) - DAY).partitions == 0


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_oldest_partitions_beyond_what_dagster_advises_go(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, dry_run: bool
) -> None:
    monkeypatch.setattr(retention, "MOST_PARTITIONS", 2)
    names = [f"{letter}~{letter * 12}" for letter in "abc"]
    for name in names:
        instance.add_dynamic_partitions(FILES, [name])
    every = instance.get_dynamic_partitions(FILES)
    pruned = prune(instance, datetime.now(UTC) - 3650 * DAY, dry_run=dry_run)
    assert (pruned.partitions, pruned.beyond) == (len(every) - 2, len(every) - 2)
    assert "beyond the 2 that Dagster advises" in pruned.summary()
    left = instance.get_dynamic_partitions(FILES)
    assert sorted(left) == (sorted(every) if dry_run else names[1:])


def test_partitions_of_others_stay(instance: dg.DagsterInstance) -> None:
    instance.add_dynamic_partitions("shops", ["a"])
    prune(instance, soon())
    assert instance.get_dynamic_partitions("shops") == ["a"]


def test_a_partition_registered_again_is_not_taken_for_materialized(
    instance: dg.DagsterInstance,
) -> None:
    ended(instance)
    before = instance.get_status_by_partition(INVOICES, [PARTITION], partitions.files)
    prune(instance, soon())
    instance.add_dynamic_partitions(FILES, [PARTITION])
    after = instance.get_status_by_partition(INVOICES, [PARTITION], partitions.files)
    assert [str(before), after] == [
        f"{{'{PARTITION}': <AssetPartitionStatus.MATERIALIZED: 'MATERIALIZED'>}}",
        {PARTITION: None},
    ]


def test_events_go_in_many_small_transactions(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(instance, events=9)
    monkeypatch.setattr(retention, "_ROWS", 4)
    assert prune(instance, soon()).events == 9


def test_many_runs_go(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        ended(instance)
    monkeypatch.setattr(retention, "_RUNS", 2)
    assert prune(instance, soon()).runs == 5


def test_only_tables_of_which_something_went_are_vacuumed(instance: dg.DagsterInstance) -> None:
    def vacuumed(table: str) -> int:
        asked = f"select vacuum_count from pg_stat_user_tables where relname = '{table}'"
        with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
            return int(connection.execute(text(asked)).scalar_one())

    ticked(instance)
    before = {table: vacuumed(table) for table in HISTORY}
    assert prune(instance, soon()).ticks == 1
    assert {t for t in HISTORY if vacuumed(t) > before[t]} == {"job_ticks"}


def test_the_daemon_may_write_meanwhile(instance: dg.DagsterInstance) -> None:
    ended(instance)
    with instance.event_log_storage.index_transaction() as daemon:  # type: ignore[attr-defined]
        daemon.execute(text("insert into event_logs (run_id, event) values ('2', '{}')"))
        daemon.execute(text("insert into runs (run_id, status) values ('2', 'STARTED')"))
        daemon.execute(text("insert into job_ticks (timestamp) values (now())"))
        assert prune(instance, soon()).runs == 1
    assert history(instance)["event_logs"] == 1


def test_what_a_sensor_observed_goes_by_its_age(instance: dg.DagsterInstance) -> None:
    for _ in range(2):
        instance.report_runless_asset_event(dg.AssetObservation("sftp_folder"))
    oldest = "(select min(id) from event_logs)"
    execute(instance, f"update event_logs set timestamp = '2020-01-01' where id = {oldest}")
    assert prune(instance, datetime.now(UTC) - DAY).events == 1
    assert count(instance, "event_logs") == 1


def test_checks_and_tags_of_events_that_went_go(instance: dg.DagsterInstance) -> None:
    key = INVOICES.to_string()
    columns = "(asset_key, run_id)"
    execute(instance, f"insert into asset_check_executions {columns} values ('{key}', 'gone')")
    columns = "(event_id, asset_key, key, event_timestamp)"
    values = f"(1, '{key}', 'b', '2020-01-01')"
    execute(instance, f"insert into asset_event_tags {columns} values {values}")
    prune(instance, soon())
    assert count(instance, "asset_check_executions") == count(instance, "asset_event_tags") == 0


def step_of_ours(instance: dg.DagsterInstance) -> None:
    """A run of our job that ended, in an instance whose daemon has seen our sensor."""
    seen_by_daemon(instance, "saft_pipeline.definitions")
    tags = {"saft/claim": "claim-1"}
    ended = dg.DagsterRunStatus.SUCCESS
    instance.add_run(dg.DagsterRun("load_files_job", str(uuid.uuid4()), status=ended, tags=tags))


def test_only_postgres_is_pruned() -> None:
    with dg.instance_for_test() as stock:
        step_of_ours(stock)
        assert "it is in sqlite" in str(prune(stock, soon()).kept)
        assert stock.get_runs_count() == 1


def test_nothing_goes_while_the_ledger_cannot_be_asked(
    instance: dg.DagsterInstance, database_url: str
) -> None:
    ended(instance)
    with pytest.raises(StoreError):
        prune(instance, soon(), Watch(PostgresTransport(database_url)))
    assert count(instance, "runs") == 1


def load_one(project: Project, runs: LocalRuns, number: int) -> None:
    """Drop the file, or another version of it, poll, and load it."""
    project.put("a.xml", one_invoice(f"FT A/{number}", f"{number}.00"))
    runs.tick()
    list(runs.run_waiting())


def test_a_file_that_comes_again_has_its_partition_again(
    project: Project, instance: dg.DagsterInstance, runs: LocalRuns, watch: Watch, store: Store
) -> None:
    load_one(project, runs, 1)
    url = project.env["SUPABASE_DB_URL"]
    rows, files = content(url), store.files()
    prune(instance, soon(), watch)
    assert (content(url), store.files()) == (rows, files)
    assert instance.get_dynamic_partitions(FILES) == []
    load_one(project, runs, 22)
    assert instance.get_dynamic_partitions(FILES) == [partition_of(store.files()[0])]


def test_the_partition_of_a_file_that_waits_stays(
    project: Project, instance: dg.DagsterInstance, runs: LocalRuns, watch: Watch, store: Store
) -> None:
    project.put("a.xml", one_invoice("FT A/1"))
    runs.tick()
    prune(instance, soon(), watch)
    assert instance.get_dynamic_partitions(FILES) == [partition_of(store.files()[0])]


HASHES = ("a" * 64, "b" * 64)


@pytest.fixture
def artifacts(saft_home: Path) -> LocalArtifacts:
    """Those of two files, a year old."""
    artifacts = LocalArtifacts(saft_home / "artifacts")
    shutil.rmtree(saft_home / "artifacts", ignore_errors=True)
    for sha256 in HASHES:
        for path in (artifacts.place("raw", sha256), artifacts.place("parsed", sha256)):
            path.parent.mkdir(parents=True)
            path.write_bytes(b"1234")
            os.utime(path, times=(0, time.time() - 365 * 86_400))
    return artifacts


def kept(home: Path) -> set[Path]:
    return {path for path in (home / "artifacts").rglob("*") if path.is_file()}


def pruned_artifacts(
    instance: dg.DagsterInstance, home: Path, watch: Watch | None = None, **env: str
) -> Pruned:
    return prune(instance, datetime.now(UTC) - DAY, watch, env={"SAFT_HOME": str(home), **env})


def test_old_artifacts_go(
    instance: dg.DagsterInstance, saft_home: Path, artifacts: LocalArtifacts
) -> None:
    assert pruned_artifacts(instance, saft_home) == Pruned(artifacts=4, artifact_bytes=16)
    assert kept(saft_home) == set()


def test_young_artifacts_stay(
    instance: dg.DagsterInstance, saft_home: Path, artifacts: LocalArtifacts
) -> None:
    young = artifacts.place("raw", HASHES[1])
    os.utime(young)
    pruned_artifacts(instance, saft_home)
    assert kept(saft_home) == {young}


def test_old_artifacts_of_bytes_that_came_again_stay(
    instance: dg.DagsterInstance, saft_home: Path, artifacts: LocalArtifacts
) -> None:
    class SecondInUse(NothingInUse):
        def recent_hashes(self, hashes: Any, since: datetime) -> set[str]:
            return {HASHES[1]} & set(hashes)

    pruned_artifacts(instance, saft_home, SecondInUse())
    assert kept(saft_home) == {artifacts.place(kind, HASHES[1]) for kind in KINDS}


def test_the_bytes_of_files_deleted_on_the_server_stay(
    instance: dg.DagsterInstance, saft_home: Path, artifacts: LocalArtifacts
) -> None:
    pruned_artifacts(instance, saft_home, AFTER_LOAD="delete")
    assert kept(saft_home) == {artifacts.place("raw", sha256) for sha256 in HASHES}


def test_many_artifacts_go(
    instance: dg.DagsterInstance,
    saft_home: Path,
    artifacts: LocalArtifacts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "_HASHES", 1)
    assert pruned_artifacts(instance, saft_home).artifacts == 4


def test_a_dry_run_leaves_the_artifacts(
    instance: dg.DagsterInstance, saft_home: Path, artifacts: LocalArtifacts
) -> None:
    would = prune(instance, soon(), dry_run=True, env={"SAFT_HOME": str(saft_home)})
    assert (would.artifacts, len(kept(saft_home))) == (4, 4)
