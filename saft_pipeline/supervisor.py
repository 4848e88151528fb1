"""Dagster's daemon, web server and one code server as children that start and stop together."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

import yaml

from saft_pipeline.instance import environment
from saft_pipeline.settings import Settings

LOCATION = "saft_pipeline.definitions"
STOP_WITHIN = 25.0
_START_WITHIN = 120.0


class ChildDiedError(Exception):
    """A process that should run on has ended; the message says which, and where its log is."""


@dataclass
class Child:
    """One process that the supervisor started."""

    name: str
    process: subprocess.Popen[bytes]


class Supervisor:
    """Starts the processes, watches them, stops them in the opposite order."""

    def __init__(self, settings: Settings, port: int, *, logs: Path | None = None) -> None:
        self._settings = settings
        self._logs = logs
        self._children: list[Child] = []
        # A Unix socket's path may have 107 bytes at most, and SAFT_HOME may lie deep.
        self._folder = Path(tempfile.mkdtemp(prefix="saft-", dir="/tmp"))
        self.url = f"http://127.0.0.1:{port}"
        self._port = port

    def start(self) -> None:
        """Start code server, daemon and web server, and wait until the page answers.

        Raises:
            ChildDiedError: one of them ended.
        """
        env = environment(self._settings)
        code = self._folder / "code.sock"
        workspace = self._workspace(code)
        python = [sys.executable, "-m"]
        serve = ["dagster", "api", "grpc", "-m", LOCATION, "--socket", str(code)]
        where = ["-w", str(workspace)]
        web = ["dagster_webserver", "-h", "127.0.0.1", "-p", str(self._port), *where]
        self._spawn("code-server", [*python, *serve, "--location-name", LOCATION], env)
        self._wait(code.exists)
        self._spawn("daemon", [*python, "dagster._daemon", "run", *where], env)
        self._spawn("web-server", [*python, *web], env)
        self._wait(self._answers)

    def _workspace(self, code: Path) -> Path:
        path = self._folder / "workspace.yaml"
        server = {"socket": str(code), "location_name": LOCATION}
        path.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
        return path

    def _spawn(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> None:
        with self._log(name) as log:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                command, env=dict(env), stdout=log, stderr=log, start_new_session=True
            )
        self._children.append(Child(name, process))

    @contextmanager
    def _log(self, name: str) -> Iterator[IO[bytes] | None]:
        if self._logs is None:
            yield None
            return
        self._logs.mkdir(parents=True, exist_ok=True)
        with (self._logs / f"{name}.log").open("ab") as log:
            yield log

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/server_info", timeout=5):  # noqa: S310
                return True
        except OSError:
            return False

    def _wait(self, ready: object) -> None:
        assert callable(ready)
        deadline = time.monotonic() + _START_WITHIN
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise ChildDiedError(f"not up after {_START_WITHIN:.0f} s{self._hint()}")
            time.sleep(0.1)

    def check(self) -> None:
        """Raise `ChildDiedError` if a process has ended."""
        for child in self._children:
            if (status := child.process.poll()) is not None:
                raise ChildDiedError(f"{child.name} ended with status {status}{self._hint()}")

    def _hint(self) -> str:
        return f"; see {self._logs}" if self._logs else ""

    def stop(self) -> None:
        """SIGTERM to all, SIGKILL to what is left after 25 s; then nothing of them remains."""
        for child in reversed(self._children):
            _signal_group(child.process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_WITHIN
        for child in reversed(self._children):
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.1, deadline - time.monotonic()))
            _signal_group(child.process, signal.SIGKILL)
            child.process.wait()
        self._children.clear()
        shutil.rmtree(self._folder, ignore_errors=True)


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


@contextmanager
def running(settings: Settings, port: int, *, logs: Path | None = None) -> Iterator[Supervisor]:
    """A started supervisor, stopped when the block ends."""
    supervisor = Supervisor(settings, port, logs=logs)
    try:
        supervisor.start()
        yield supervisor
    finally:
        supervisor.stop()


class Stop:
    """Turns SIGTERM and SIGINT into a flag while it is in use."""

    def __enter__(self) -> Stop:
        self.asked = False
        self._before = {n: signal.signal(n, self._ask) for n in (signal.SIGTERM, signal.SIGINT)}
        return self

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def free_port(wanted: int) -> int:
    """`wanted`, or the next port above it that nobody listens on."""
    for port in range(wanted, wanted + 100):
        if is_free(port):
            return port
    raise ChildDiedError(f"no free port from {wanted} to {wanted + 99}; set DAGSTER_PORT")


def is_free(port: int) -> bool:
    """Whether a server can listen on this port of the loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
