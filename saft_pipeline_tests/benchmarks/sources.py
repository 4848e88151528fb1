"""Fifty sources under `saft up`, five dead and five dripping: when the other forty are loaded.

Four real sshd for the forty, one that drips names or bytes; of the dead three refuse, two say
nothing. Each of the forty gets files before the start, and again while the dead are known.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from saft_pipeline.store.migrate import migrate
from saft_pipeline_tests.benchmarks.designs import write_tiny
from saft_pipeline_tests.benchmarks.report import Ratio
from saft_pipeline_tests.benchmarks.rig import Rig, rig
from saft_pipeline_tests.fixtures.sshd import Sshd, free_port, start_sshd

_SERVERS, _FOLDERS, _FILES = 4, 10, 10
_INTERVAL = 60
_WITHIN = 300.0
_DRIPS = ("a byte at a time", "a name at a time")
_SAFT = str(Path(sys.executable).with_name("saft"))
_LOADED = "select count(*) from public.invoice_files where status = 'loaded'"


def run() -> Iterator[Ratio]:
    """Both waves of files, in one run of `saft up`."""
    with rig(redis=False) as near, ExitStack() as stack:
        good = [_sshd(stack, near, f"good-{n}") for n in range(_SERVERS)]
        folders = [sshd.root / f"shop-{n}" for sshd in good for n in range(_FOLDERS)]
        for at, folder in enumerate(folders):
            folder.mkdir()
            write_tiny(folder, _FILES, first=at * _FILES)
        sources = near.folder / "sources.toml"
        sources.write_text("".join([*_alive(good), *_dripping(stack, near), *_dead(stack, good)]))
        url = near.database("sources")
        migrate(url)
        with _up(near, url, sources):
            wave = len(folders) * _FILES
            yield _figure("from the start", _wait(url, wave))
            for at, folder in enumerate(folders):
                write_tiny(folder, _FILES, first=10_000 + at * _FILES)
            yield _figure(f"put up later, polled every {_INTERVAL} s", _wait(url, 2 * wave))


def _figure(what: str, seconds: float) -> Ratio:
    name = f"40 sources of 50, {_FILES} files each, loaded {what}"
    return Ratio(name, seconds, _WITHIN, "s", most=True)


def _sshd(stack: ExitStack, near: Rig, name: str, sftp: str = "internal-sftp") -> Sshd:
    settings = [f"Subsystem sftp {sftp}", "MaxStartups 200"]
    return stack.enter_context(start_sshd(near.folder / name, settings=settings))


def _alive(good: Sequence[Sshd]) -> Iterator[str]:
    for at, sshd in enumerate(good):
        for number in range(_FOLDERS):
            yield _table(f"shop-{at}-{number}", sshd, sshd.port, sshd.root / f"shop-{number}")


def _dripping(stack: ExitStack, near: Rig) -> Iterator[str]:
    for at in range(5):
        program = near.folder / f"drip-{at}.sh"
        words = f"{sys.executable} -m saft_pipeline_tests.sftp.quirks '{_DRIPS[at % 2]}'"
        program.write_text(
            f"#!/bin/sh\nexport PYTHONPATH={Path(__file__).parents[2]}\nexec {words}\n"
        )
        program.chmod(0o755)
        sshd = _sshd(stack, near, f"drip-{at}", str(program))
        write_tiny(sshd.root, 300)
        yield _table(f"drip-{at}", sshd, sshd.port, sshd.root)


def _dead(stack: ExitStack, good: Sequence[Sshd]) -> Iterator[str]:
    for at in range(5):
        port = free_port()
        if at >= 3:  # it takes the connection and never says a word
            hole = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            port = hole.getsockname()[1]
        yield _table(f"dead-{at}", good[0], port, good[0].root)


def _table(name: str, sshd: Sshd, port: int, folder: Path) -> str:
    return f"""
[{name}]
host = "{sshd.host}"
port = {port}
username = "{sshd.username}"
private_key_path = "{sshd.key_path}"
host_key_fingerprints = "{sshd.fingerprint}"
remote_dir = "{folder}"
"""


@contextmanager
def _up(near: Rig, url: str, sources: Path) -> Iterator[None]:
    home = near.folder / "home"
    given = {
        **near.settings(near.sshd.root, url, home),
        "SFTP_HOST": "",
        "SFTP_REMOTE_DIR": "",
        "SOURCES_FILE": str(sources),
        "POLL_INTERVAL_SECONDS": str(_INTERVAL),
        "DAGSTER_PORT": str(free_port()),
        "API_PORT": str(free_port()),
    }
    environment = {n: v for n, v in {**os.environ, **given}.items() if v}
    home.mkdir()
    with (home / "up.log").open("wb") as log:
        process = subprocess.Popen([_SAFT, "up"], env=environment, cwd=home, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _wait(url: str, count: int) -> float:
    """Seconds until so many files are loaded. Raises TimeoutError after twice the goal."""
    began = time.monotonic()
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() - began < 2 * _WITHIN:
            if (connection.execute(_LOADED).fetchone() or (0,))[0] >= count:
                return time.monotonic() - began
            time.sleep(1)
    raise TimeoutError(f"{count} files aren't loaded after {2 * _WITHIN:.0f} s")
