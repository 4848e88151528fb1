"""Dagster's daemon, web server and code server, and the API, as children of one process.

They start and stop together; what dies is started again, the embedded Postgres too. What they say
comes out in one format.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Self

import yaml

from saft_pipeline.dagster_runtime.code_server import is_serving
from saft_pipeline.dagster_runtime.instance import environment, reference
from saft_pipeline.dagster_runtime.names import LOCATION
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres, EmbeddedPostgresError
from saft_pipeline.processes.child_logs import Logs
from saft_pipeline.settings import Settings
from saft_pipeline.settings.addresses import EVERYWHERE, origin

STOP_WITHIN = 25.0
_START_WITHIN = 120.0
_LONGEST_PAUSE = 60.0
_LOOK_AT_POSTGRES_EVERY = 2.0
_CODE_SERVER = "code-server"
_ASK_CODE_SERVER_EVERY = 30.0
_UNANSWERED = 3
# A child that ran so long had started well: its next end is a new fault.
_WELL_AFTER = 300.0


class ChildDiedError(Exception):
    """A process that should run on has ended; the message says which, and where its log is."""


@dataclass
class Child:
    """One process that the supervisor keeps running."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    restart_at: float = 0.0

    @property
    def status(self) -> int | None:
        """The exit status of a child that has ended."""
        return self.process.poll() if self.process else None


@dataclass
class Supervisor:
    """Starts the processes for a block, watches them, stops them in the opposite order.

    `stopping` may end the start early; `environ` and `folder` are the children's, in the place of
    this process's own.
    """

    settings: Settings
    logs: Logs
    api: bool = False
    stopping: Callable[[], bool] = lambda: False
    environ: Mapping[str, str] | None = None
    folder: Path | None = None
    _children: list[Child] = field(default_factory=list)
    _ended: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        # A Unix socket's path may have 107 bytes at most, and SAFT_HOME may lie deep.
        self._folder = Path(tempfile.mkdtemp(prefix="saft-", dir="/tmp"))
        self.url = _address(self.settings)
        self._env = environment(self.settings, self.environ)
        self._postgres = EmbeddedPostgres(self.settings.home) if self.settings.embedded else None
        self._postgres_due = 0.0
        self._code = self._folder / "code.sock"
        self._code_due = time.monotonic() + _START_WITHIN
        self._unanswered = 0

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start all, and wait until the page answers.

        Raises:
            ChildDiedError: one of them ended by itself, or the page doesn't come.
        """
        if self._postgres:
            self._postgres.start()
        code = self._code
        where = ["-w", str(self._workspace(code)), "--instance-ref", reference(self.settings)]
        serve = ["api", "grpc", "-m", LOCATION, "--socket", str(code), "--location-name", LOCATION]
        self._keep(_CODE_SERVER, [sys.executable, "-c", _CODE, *serve])
        self._wait(code.exists)
        self._keep("daemon", [sys.executable, "-c", _DAEMON, "run", *where])
        self._keep("web-server", [sys.executable, "-c", _PAGE, str(code)])
        if self.api:
            self._keep("api", [sys.executable, "-c", _SERVE])
        self._wait(self._answers)

    def _workspace(self, code: Path) -> Path:
        path = self._folder / "workspace.yaml"
        server = {"socket": str(code), "location_name": LOCATION}
        path.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))
        return path

    def _keep(self, name: str, command: Sequence[str]) -> None:
        self._children.append(Child(name, command))
        self._spawn(self._children[-1])

    def _spawn(self, child: Child) -> None:
        with self.logs.of(child.name) as log:
            child.process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                child.command,
                env=self._env,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        child.started = time.monotonic()

    def _answers(self) -> bool:
        # Our own child: whose certificate it shows is no matter, nor that it wants a login.
        anything = ssl._create_unverified_context()  # noqa: S323
        try:
            with urllib.request.urlopen(self.url, timeout=5, context=anything):  # noqa: S310
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def _wait(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_WITHIN
        while not ready():
            for child in self._children:
                if child.status is not None and child.status < 0:
                    self._spawn(child)  # a signal ended it, for want of memory say
            self.check()
            if self.stopping():
                raise KeyboardInterrupt
            if time.monotonic() > deadline:
                raise ChildDiedError(
                    f"Dagster is not up after {_START_WITHIN:.0f} s; {self.logs.where}"
                )
            time.sleep(0.1)

    def check(self) -> None:
        """Raise `ChildDiedError` if a process has ended."""
        for child in self._children:
            if child.status is not None:
                raise ChildDiedError(
                    f"{child.name} ended with status {child.status}; {self.logs.where}"
                )

    def mend(self) -> Iterator[str]:
        """Start again what has ended, after a pause that doubles; says what was found and done."""
        now = time.monotonic()
        yield from self._mend_postgres(now)
        yield from self._mend_code_server(now)
        self._ended = [process for process in self._ended if _group_lives(process)]
        for child in self._children:
            if child.restart_at:
                if now >= child.restart_at:
                    child.restart_at = 0.0
                    self._spawn(child)
                    yield f"{child.name} started again"
            elif child.status is not None:
                yield self._plan_restart(child, now)

    def _mend_postgres(self, now: float) -> Iterator[str]:
        """What the children hold is connections: none of them starts it again."""
        if self._postgres is None or now < self._postgres_due:
            return
        self._postgres_due = now + _LOOK_AT_POSTGRES_EVERY
        try:
            if self._postgres.start():
                yield "the embedded Postgres did not answer; started again"
        except EmbeddedPostgresError as error:
            self._postgres_due = now + _LONGEST_PAUSE
            yield str(error)

    def _mend_code_server(self, now: float) -> Iterator[str]:
        """End one that runs and never answers: only what ended is started again."""
        child = next((child for child in self._children if child.name == _CODE_SERVER), None)
        if now < self._code_due or child is None or child.process is None or child.restart_at:
            return
        self._code_due = now + _ASK_CODE_SERVER_EVERY
        self._unanswered = 0 if is_serving(self._code) else self._unanswered + 1
        if self._unanswered >= _UNANSWERED:
            self._unanswered = 0
            self._code_due = now + _START_WITHIN
            child.process.kill()  # not its group: runs that it had started go on
            yield f"{child.name} runs and doesn't answer: it is ended, and started again"

    def _plan_restart(self, child: Child, now: float) -> str:
        child.deaths = 1 if now - child.started > _WELL_AFTER else child.deaths + 1
        pause = min(2.0 ** (child.deaths - 1), _LONGEST_PAUSE)
        child.restart_at = now + pause
        if child.process:
            # Runs that it had started go on by themselves, until we stop.
            self._ended.append(child.process)
        return f"{child.name} ended with status {child.status}; starting it again in {pause:.0f} s"

    def stop(self) -> None:
        """SIGTERM to all, SIGKILL to what is left after 25 s; then nothing of them remains."""
        running = [child.process for child in reversed(self._children) if child.process]
        running += self._ended
        for process in running:
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_WITHIN
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
        for process in running:
            while _group_lives(process) and time.monotonic() < deadline:
                time.sleep(0.05)
            _signal_group(process, signal.SIGKILL)
            process.wait()
        self._children.clear()
        if self._postgres:
            self._postgres.close()
        self.logs.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _address(settings: Settings) -> str:
    """Where this machine reaches Dagster's page."""
    anywhere = settings.dagster_host in (*EVERYWHERE, "localhost")
    host = "127.0.0.1" if anywhere else settings.dagster_host
    return origin(settings, host, settings.dagster_port)


_CODE = "from saft_pipeline.cli.code_server import main; main()"
_DAEMON = "from saft_pipeline.dagster_runtime.prompt_daemon import main; main()"
_PAGE = "from saft_pipeline.web.dagster_page import main; main()"
_SERVE = "import sys; sys.argv = ['saft', 'serve']; from saft_pipeline.cli import main; main()"


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _group_lives(process: subprocess.Popen[bytes]) -> bool:
    """Whether anything of a child's own session is left: a run's process, say."""
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


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


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server can listen on this port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
