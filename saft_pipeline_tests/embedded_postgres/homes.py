"""Homes of the embedded Postgres, and processes that use its server, for the tests of it."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import pytest

from saft_pipeline.embedded_postgres import server as pg_server
from saft_pipeline.embedded_postgres.place import server_place
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres

Process: TypeAlias = subprocess.Popen[str]
Starts: TypeAlias = Callable[..., Process]

USER_PROCESS = """
import sys, time
from pathlib import Path
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
print(server.url("postgres"), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def bare() -> Iterator[Path]:
    """A home with nothing in it yet."""
    folder = Path(tempfile.mkdtemp(prefix="saft-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="saft-"))
    folder.chmod(0o711)
    with EmbeddedPostgres(folder):
        pass
    yield folder / "postgres"
    shutil.rmtree(folder)


@pytest.fixture
def home(bare: Path, made: Path) -> Path:
    """A home with a cluster; a copy takes a tenth of the time of an initdb."""
    subprocess.run(["cp", "-a", made, bare], check=True)
    return bare


@pytest.fixture
def server(home: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(home) as running:
        yield running


@pytest.fixture
def user(bare: Path) -> Iterator[Starts]:
    """Starts other processes that use the server of the home until their stdin ends."""
    started: list[Process] = []

    def start(python: str = sys.executable, how: dict[str, Any] | None = None) -> Process:
        process = subprocess.Popen(
            [python, "-B", "-c", USER_PROCESS, str(bare)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **(how or {}),
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def said(process: Process) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def value(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def postmaster(home: Path) -> int:
    return int((home / "postgres/data/postmaster.pid").read_text().split("\n")[0])


def stopped(home: Path) -> bool:
    return not pg_server.running(server_place(home))
