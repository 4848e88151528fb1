"""The API over real uvicorn, a real client of it, and Dagster's daemon a beat at a time."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import httpx
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._daemon.types import DaemonHeartbeat

from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.dagster_runtime.instance import open_instance
from saft_pipeline.dagster_runtime.location import Location
from saft_pipeline.dagster_runtime.submission import loaded
from saft_pipeline.dagster_runtime.waiting_runs import WaitingRuns
from saft_pipeline.settings import Settings
from saft_pipeline.web.app import build
from saft_pipeline.web.services import Services, services
from saft_pipeline_tests.fixtures import in_thread


class Daemon:
    """The daemon's own functions, with runs executed in this process."""

    def __init__(
        self, settings: Settings, instance: dg.DagsterInstance, workspace: WorkspaceProcessContext
    ) -> None:
        self.instance = instance
        self._workspace = workspace
        self._runs = LocalRuns(settings, instance, Location(), workspace)

    def beat(self) -> None:
        """What it does every five seconds: tick the sensors that are due."""
        logger = logging.getLogger("test")
        errors = [e for e in execute_sensor_iteration(self._workspace, logger, None, None) if e]
        assert not errors

    def work(self, *run_ids: str) -> None:
        """Take these runs out of the queue and execute them."""
        for run_id in run_ids:
            self.instance.launch_run(run_id, self._workspace.create_request_context())
        assert set(self._runs.run_waiting()) == set(run_ids)

    def poll(self) -> None:
        """A beat, and the runs of the tick that it made."""
        self.beat()
        (state,) = self.instance.all_instigator_state()
        origin, selector = state.instigator_origin_id, state.selector_id
        self.work(*self.instance.get_ticks(origin, selector, limit=1)[0].run_ids)

    def show_life(self) -> None:
        """Write the heartbeats that a running daemon writes."""
        for kind in ("SENSOR", "QUEUED_RUN_COORDINATOR"):
            self.instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), kind, "test", []))


@dataclass(frozen=True)
class Api:
    """A client of a running API, and what is behind it."""

    client: httpx.Client
    services: Services
    daemon: Daemon

    def get(self, path: str, status: int = 200) -> Any:
        """The answer to a GET, which must have this status."""
        return self._json(self.client.get(path), status)

    def post(self, path: str, status: int = 202, body: object = None) -> Any:
        """The answer to a POST, which must have this status."""
        return self._json(self.client.post(path, json=body), status)

    def task(self, task_id: str) -> Any:
        """How far a task is."""
        return self.get(f"/api/task-status/{task_id}")

    @staticmethod
    def _json(answer: httpx.Response, status: int) -> Any:
        assert answer.status_code == status, answer.text
        return answer.json()


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[Api]:
    """Run the API of an installation on a free port of the loopback."""
    launcher = {"module": WaitingRuns.__module__, "class": WaitingRuns.__name__}
    token = settings.api_token
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    with (
        open_instance(settings, {"run_launcher": launcher}) as instance,
        loaded(instance) as workspace,
        services(settings) as opened,
        in_thread.listening(uvicorn.Server(uvicorn.Config(build(opened), log_config=None))) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as client,
    ):
        yield Api(client, opened, Daemon(settings, instance, workspace))
