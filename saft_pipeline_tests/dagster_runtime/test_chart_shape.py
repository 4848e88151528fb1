"""The shape of Dagster's Helm chart, as processes: daemon and web server that lack this package.

Dagster's own Postgres storage; our code served by `dagster code-server start` under another name;
each run a process. What Kubernetes adds is where the processes are.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from saft_pipeline.dagster_runtime.names import FILE_ASSETS
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.settings import load
from saft_pipeline.store.store import Store
from saft_pipeline.web import endpoints
from saft_pipeline.web.models import FilePath, TaskId
from saft_pipeline.web.services import services
from saft_pipeline_tests.fixtures.project import Project, one_invoice, partition_of
from saft_pipeline_tests.fixtures.sshd import free_port

PATIENCE = 150.0
WITHOUT_US = """
import runpy, sys
sys.modules["saft_pipeline"] = None
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__")
"""
BACKFILL = """
mutation($keys: [String!]!, $assets: [AssetKeyInput!]!) {
  launchPartitionBackfill(backfillParams: {assetSelection: $assets, partitionNames: $keys}) {
    __typename
  }
}
"""


@contextlib.contextmanager
def running(command: list[str], env: dict[str, str], log: Path) -> Iterator[None]:
    """A process, and what it started, until the end of the block."""
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, *command], env=env, stdout=said, stderr=said, start_new_session=True
        )
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until(what: Callable[[], bool], logs: Path) -> None:
    """Wait for something; what the processes said if it doesn't come."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > deadline:
            said = [f"{log.name}: {log.read_text()[-1500:]}" for log in logs.glob("*.log")]
            pytest.fail("\n".join(said))
        time.sleep(0.5)


@contextlib.contextmanager
def chart_shape(
    postgres_server: EmbeddedPostgres, env: dict[str, str], folder: Path
) -> Iterator[int]:
    """The port of the web server of an instance in the folder, as the chart makes it."""
    history = postgres_server.url(f"chart_{uuid.uuid4().hex}")
    history = history.replace("postgresql://", "postgresql+psycopg2://", 1)
    instance = {
        "storage": {"postgres": {"postgres_url": history}},
        "telemetry": {"enabled": False},
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": "QueuedRunCoordinator",
            "config": {"dequeue_interval_seconds": 1},
        },
    }
    (folder / "dagster.yaml").write_text(yaml.safe_dump(instance))
    code, page = free_port(), free_port()
    server = {"host": "127.0.0.1", "port": code, "location_name": "finance"}
    workspace = folder / "workspace.yaml"
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
    there = {**os.environ, "DAGSTER_HOME": str(folder)}
    ours = {**there, **env, "POLL_INTERVAL_SECONDS": "5"}
    bare = {k: v for k, v in there.items() if k not in env}
    serve = ["-m", "dagster", "code-server", "start", "-m", "saft_pipeline.definitions"]
    where = ["-w", str(workspace)]
    daemon = ["-c", WITHOUT_US, "dagster._daemon", "run", *where]
    web = ["-c", WITHOUT_US, "dagster_webserver", "-h", "127.0.0.1", "-p", str(page), *where]
    with (
        running([*serve, "-p", str(code)], ours, folder / "code.log"),
        running(daemon, bare, folder / "daemon.log"),
        running(web, bare, folder / "web.log"),
    ):
        yield page


@pytest.fixture
def chart(
    project: Project,
    postgres_server: EmbeddedPostgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[int]:
    """The port of the web server of the project's instance."""
    monkeypatch.setenv("DAGSTER_INSTANCE", str(tmp_path))
    with chart_shape(postgres_server, project.env, tmp_path) as page:
        yield page


def asked(page: int, query: str, **variables: object) -> Any:
    """What the web server answers to a query."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{page}/graphql", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["data"]


@pytest.mark.timeout(600)
def test_all_ways_to_load_work_where_daemon_and_web_server_lack_us(
    project: Project, store: Store, chart: int, tmp_path: Path
) -> None:
    project.put("polled.xml", one_invoice("FT K/1"))
    until(lambda: store.counts().get("loaded") == 1, tmp_path)
    (file,) = store.files(path="polled.xml")
    first = file.run_id

    assets = [{"path": [name]} for name in FILE_ASSETS]
    answer = asked(chart, BACKFILL, keys=[partition_of(file)], assets=assets)
    assert answer["launchPartitionBackfill"]["__typename"] == "LaunchBackfillSuccess"
    until(lambda: store.files(path="polled.xml")[0].run_id != first, tmp_path)

    with services(load()) as opened:
        assert opened.location.name == "finance"
        again = endpoints.process_file(opened, FilePath(file_path="polled.xml")).task_id
        status = TaskId(id=again)
        until(lambda: endpoints.task_status(opened, status).state == "SUCCESS", tmp_path)
