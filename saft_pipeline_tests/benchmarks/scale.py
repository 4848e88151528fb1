"""Files a second with one Celery worker and with two, and what a kill -9 of one leaves behind.

Each worker is a process of its own with a SAFT_HOME of its own, as on another machine; artifacts
are in a folder that they share. All of it, servers included, runs on the cores of this machine.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from saft_pipeline.store.migrate import migrate
from saft_pipeline_tests.benchmarks.designs import write_tiny
from saft_pipeline_tests.benchmarks.report import Ratio
from saft_pipeline_tests.benchmarks.rig import Rig, rig
from saft_pipeline_tests.fixtures.sshd import free_port

_FILES = 6_000
_FILES_A_RUN = 250
_LEASE = 10  # seconds
_PATIENCE = 300.0  # seconds
_UP = "import sys; sys.argv = ['saft', 'up']; from saft_pipeline.cli import main; main()"
_SPAN = "select max(end_time) - min(start_time) from runs where pipeline_name = 'load_files_job'"
_UNFINISHED = "select count(*) from runs where end_time is null"
# What is in the tables, whatever way it came there.
_ROWS = """select
    (select count(*) from invoice_files where status = 'loaded'),
    (select count(*) from invoice_files), (select count(*) from invoice_file_links),
    (select count(*) from invoices), (select sum(gross_total) from invoices),
    (select count(*) from invoice_lines)"""
_AGAIN = "select count(*) from invoice_files where attempts > 1"


def run() -> Iterable[Ratio]:
    """Three installations, one after the other, over the same files."""
    with rig() as servers:
        remote = servers.remote_folder("scale")
        write_tiny(remote, _FILES)
        one, two, killed = (_Installation(servers, remote, n) for n in (1, 2, 3))
        rates = [_rate(installation, n) for installation, n in ((one, 1), (two, 2))]
        note = f"{rates[1]:,.0f} files/s over {rates[0]:,.0f}, on {os.cpu_count()} cores in all"
        yield Ratio("two workers over one", rates[1] / rates[0], note=note)
        _kill_one(killed)
        differences = sum(a != b for a, b in zip(killed.ask(_ROWS), one.ask(_ROWS), strict=True))
        note = f"{killed.ask(_AGAIN)[0]:,} of {_FILES:,} files were taken again"
        yield Ratio(
            "counts that a kill -9 of one changed", differences, 0, "", most=True, note=note
        )


@dataclass(frozen=True)
class _Installation:
    """The machine that polls, with its databases and its queue."""

    servers: Rig
    remote: Path
    number: int

    def __post_init__(self) -> None:
        for name in ("tables", "history"):
            self.servers.database(f"{name}_{self.number}")
        migrate(self._url("tables"))

    def _url(self, name: str) -> str:
        port = self.servers.postgres_port
        return f"postgresql://postgres:unasked@127.0.0.1:{port}/{name}_{self.number}"

    def settings(self) -> dict[str, str]:
        """For a machine with a home of its own."""
        home = Path(tempfile.mkdtemp(dir=self.servers.folder, prefix="home-"))
        return {
            **self.servers.settings(self.remote, self._url("tables"), home),
            "REDIS_URL": f"redis://127.0.0.1:{self.servers.redis_port}/{self.number}",
            "DAGSTER_DB_URL": self._url("history"),
            "SAFT_ARTIFACTS_URL": f"file://{self.servers.folder}/artifacts-{self.number}",
            "DAGSTER_PORT": str(free_port()),
            "API_PORT": str(free_port()),
            "LEASE_SECONDS": str(_LEASE),
            "POLL_INTERVAL_SECONDS": "2",
            "MAX_FILES_PER_BATCH": str(_FILES),
            "MAX_FILES_PER_RUN": str(_FILES_A_RUN),
        }

    def ask(self, query: str, database: str = "tables") -> tuple[float, ...]:
        """The one row that a query gives."""
        with psycopg.connect(self._url(database)) as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row
        return row

    def loaded(self) -> int:
        """Files in the tables."""
        return int(self.ask("select count(*) from invoice_files where status = 'loaded'")[0])

    @contextmanager
    def up(self, workers: int) -> Iterator[list[subprocess.Popen[bytes]]]:
        """The workers, and then `saft up`, which finds the files."""
        celery = [sys.executable, "-m", "celery", "-A", "saft_pipeline.worker", "worker"]
        options = ["--concurrency", "1", "--loglevel", "warning"]
        with ExitStack() as stack:
            started = []
            for number in range(workers):
                command = [*celery, *options, "--hostname", f"worker{number}@%h"]
                started.append(stack.enter_context(_process(command, self.settings())))
            up = {**self.settings(), "MAX_CONCURRENT_RUNS": str(workers)}
            stack.enter_context(_process([sys.executable, "-c", _UP], up))
            yield started


@contextmanager
def _process(command: list[str], env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program and all that it starts, until the block ends."""
    log = Path(env["SAFT_HOME"]) / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**os.environ, **env}, cwd=env["SAFT_HOME"], stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(60)


def _rate(installation: _Installation, workers: int) -> float:
    """Files a second, from the first run's beginning to the last one's end."""
    with installation.up(workers):
        _wait(lambda: installation.loaded() == _FILES)
        _wait(lambda: installation.ask(_UNFINISHED, "history")[0] == 0)
    return _FILES / installation.ask(_SPAN, "history")[0]


def _kill_one(installation: _Installation) -> None:
    with installation.up(2) as workers:
        _wait(lambda: installation.loaded() > _FILES / 3)
        os.killpg(workers[0].pid, signal.SIGKILL)
        _wait(lambda: installation.loaded() == _FILES)


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not done after {_PATIENCE:.0f} s")
        time.sleep(0.1)
