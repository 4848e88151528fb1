"""Runs on several machines: real Redis, real workers, a history that all of them reach."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.errors import DagsterUserCodeUnreachableError

from saft_pipeline import worker
from saft_pipeline.artifacts.remote import artifacts_of
from saft_pipeline.dagster_runtime import runs
from saft_pipeline.dagster_runtime.instance import open_instance
from saft_pipeline.dagster_runtime.location import Location
from saft_pipeline.dagster_runtime.redis_queue import require_answer
from saft_pipeline.dagster_runtime.runs import end_dead_runs
from saft_pipeline.dagster_runtime.submission import Launcher, loaded
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.defs.sensors import tick
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.loading.sources import enter_local
from saft_pipeline.settings import load
from saft_pipeline.store.model import LedgerFile, SeenFile
from saft_pipeline.store.opening import open_store
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures import celery
from saft_pipeline_tests.fixtures.postgres import empty
from saft_pipeline_tests.fixtures.project import one_invoice
from saft_pipeline_tests.fixtures.sshd import free_port
from saft_pipeline_tests.fixtures.waiting import wait_for

OWNER = "claim-of-the-test"
LEASE = timedelta(minutes=2)
NOW = {
    "run_coordinator": {
        "module": "dagster.core.run_coordinator",
        "class": "DefaultRunCoordinator",
    }
}


@dataclass
class Machines:
    """What the machine that polls has open; `env` is what all machines are told."""

    env: dict[str, str]
    instance: dg.DagsterInstance
    launcher: Launcher
    store: Store

    def launch(self, file: LedgerFile) -> str:
        """Claim a file and put its run into the queue."""
        self.store.claim(OWNER, lease=LEASE, ids=[file.id])
        return self.launcher.submit(OWNER, [file])

    def run(self, run_id: str) -> dg.DagsterRun:
        found = self.instance.get_run_by_id(run_id)
        assert found
        return found

    def wait_for(self, run_id: str, status: dg.DagsterRunStatus) -> None:
        wait_for(lambda: self.run(run_id).status == status)


@pytest.fixture(scope="module")
def history_url(postgres_server: EmbeddedPostgres) -> str:
    return postgres_server.url(f"history_{uuid.uuid4().hex}")


@pytest.fixture
def env(redis_url: str, history_url: str, tables_url: str, tmp_path: Path) -> dict[str, str]:
    """What all machines are told, here the one that polls."""
    empty(history_url)
    return {
        "REDIS_URL": redis_url,
        "DAGSTER_DB_URL": history_url,
        "SUPABASE_DB_URL": tables_url,
        "SAFT_ARTIFACTS_URL": f"file://{tmp_path}/artifacts",
        "SAFT_HOME": str(tmp_path / "home"),
        "SFTP_HOST": "127.0.0.1",
        "SFTP_USERNAME": "pos",
        "SFTP_PASSWORD": "unasked",
    }


@pytest.fixture
def machines(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    settings = load(env)
    store = open_store(settings)
    with open_instance(settings, NOW) as instance, loaded(instance) as workspace:
        yield Machines(env, instance, Launcher(instance, workspace, settings), store)
    store.close()


def local_file(machines: Machines, folder: Path) -> LedgerFile:
    path = folder / "f.xml"
    path.write_text(one_invoice("FT W/1"))
    return enter_local(machines.store, path)


def test_a_worker_with_a_home_of_its_own_loads_the_file(machines: Machines, tmp_path: Path) -> None:
    file = local_file(machines, tmp_path)
    with celery.worker(machines.env, tmp_path / "elsewhere"):
        run_id = machines.launch(file)
        machines.wait_for(run_id, dg.DagsterRunStatus.SUCCESS)
    (done,) = machines.store.files()
    assert (done.status, done.run_id) == ("loaded", run_id)
    assert artifacts_of(load(machines.env)).has("parsed", done.sha256 or "")


@dataclass
class Slow:
    """A file whose server never says a word."""

    file: LedgerFile
    server: socket.socket
    taken: socket.socket | None = None

    def wait_for_a_run(self) -> None:
        """Until one is at work on the file."""
        self.taken, _ = self.server.accept()


@pytest.fixture
def slow(machines: Machines) -> Iterator[Slow]:
    """A file on an SFTP server that takes connections, and no more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(90)
        machines.env["SFTP_PORT"] = str(server.getsockname()[1])
        source = load(machines.env).sources[0].source
        seen = SeenFile("f.xml", "f.xml", None, 10, datetime(2026, 1, 1, tzinfo=UTC))
        machines.store.observe(source, [seen], whole=False)
        yield Slow(machines.store.files(source=source)[0], server)


def test_a_killed_worker_s_run_is_found_dead_and_its_file_comes_back(
    machines: Machines, slow: Slow, tmp_path: Path
) -> None:
    with celery.worker(machines.env, tmp_path / "elsewhere") as process:
        run_id = machines.launch(slow.file)
        slow.wait_for_a_run()
        assert end_dead_runs(machines.instance, Location(), machines.store, 0) == []
        celery.kill(process)
    machines.store.renew(OWNER, timedelta(seconds=-1))
    assert end_dead_runs(machines.instance, Location(), machines.store, 0) == [run_id]
    again = machines.store.claim("next", lease=LEASE, source=slow.file.source)
    assert [f.id for f in again] == [slow.file.id]


def test_a_run_is_cancelled_on_the_machine_where_it_works(
    machines: Machines, slow: Slow, tmp_path: Path
) -> None:
    with celery.worker(machines.env, tmp_path / "elsewhere"):
        run_id = machines.launch(slow.file)
        slow.wait_for_a_run()
        assert "told to stop" in runs.cancel(machines.instance, Location(), machines.store, run_id)
        machines.wait_for(run_id, dg.DagsterRunStatus.CANCELED)
    (file,) = machines.store.files(source=slow.file.source)
    assert (file.status, "cancelled" in (file.error or "")) == ("failed", True)


def test_a_run_that_waits_for_a_worker_is_not_dead(machines: Machines, tmp_path: Path) -> None:
    run_id = machines.launch(local_file(machines, tmp_path))
    machines.store.renew(OWNER, timedelta(seconds=-1))
    assert machines.run(run_id).status == dg.DagsterRunStatus.STARTING
    assert end_dead_runs(machines.instance, Location(), machines.store, 0) == []


def test_a_run_that_waits_for_a_worker_can_be_cancelled(machines: Machines, tmp_path: Path) -> None:
    run_id = machines.launch(local_file(machines, tmp_path))
    assert (
        runs.cancel(machines.instance, Location(), machines.store, run_id)
        == "taken out of the queue"
    )
    assert machines.run(run_id).status == dg.DagsterRunStatus.CANCELED
    assert [f.status for f in machines.store.files()] == ["failed"]


@pytest.fixture
def no_redis(env: dict[str, str]) -> None:
    """Nobody listens where Redis should."""
    env["REDIS_URL"] = f"redis://:hunter2@127.0.0.1:{free_port()}/0"


@pytest.mark.usefixtures("no_redis")
def test_without_redis_a_tick_claims_nothing_and_says_why(machines: Machines) -> None:
    context = dg.build_sensor_context(instance=machines.instance)
    said = tick(context, Pipeline(), Location()).skip_reason
    assert said
    assert "Redis at 127.0.0.1" in str(said)
    assert "hunter2" not in str(said)


@pytest.mark.usefixtures("no_redis")
def test_without_redis_a_run_is_put_off_with_the_cure(machines: Machines, tmp_path: Path) -> None:
    with pytest.raises(DagsterUserCodeUnreachableError, match="mend REDIS_URL"):
        machines.launch(local_file(machines, tmp_path))


def test_redis_that_answers_is_well(redis_url: str) -> None:
    require_answer(redis_url)


def test_a_worker_without_its_queue_says_what_is_missing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="2"):
        _ = worker.app
    assert "REDIS_URL: missing" in capsys.readouterr().err
