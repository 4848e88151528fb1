"""The shape of Dagster's Helm chart, as processes: daemon and web server that lack this package.

Dagster's own Postgres storage; our code served by `dagster code-server start` under another name;
each run a process. What Kubernetes adds is where the processes are. The daemon's loops wait less.
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

from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline_tests.fixtures.sshd import free_port

PATIENCE = 150.0
WITHOUT_US = """
import runpy, sys
sys.modules["saft_pipeline"] = None
sys.argv = sys.argv[1:]
"""
RUN = """
runpy.run_module(sys.argv[0], run_name="__main__")
"""
PROMPT = """
from dagster._daemon import controller, sensor
sensor.MIN_INTERVAL_LOOP_TIME = 1
controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 1
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
        time.sleep(0.2)


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
    ours = {**there, **env, "POLL_INTERVAL_SECONDS": "1"}
    bare = {k: v for k, v in there.items() if k not in env}
    serve = ["-m", "dagster", "code-server", "start", "-m", "saft_pipeline.definitions"]
    where = ["-w", str(workspace)]
    daemon = ["-c", WITHOUT_US + PROMPT + RUN, "dagster._daemon", "run", *where]
    web = ["-c", WITHOUT_US + RUN, "dagster_webserver", "-h", "127.0.0.1", "-p", str(page), *where]
    with (
        running([*serve, "-p", str(code)], ours, folder / "code.log"),
        running(daemon, bare, folder / "daemon.log"),
        running(web, bare, folder / "web.log"),
    ):
        yield page


def asked(page: int, query: str, **variables: object) -> Any:
    """What the web server answers to a query."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{page}/graphql", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["data"]
