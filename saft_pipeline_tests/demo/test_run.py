"""The demo as a process: it reaches nothing but its own servers, whatever is set."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from saft_pipeline.demo.run import Demo
from saft_pipeline.processes.supervisor import Supervisor
from saft_pipeline_tests.fixtures.project import Polled
from saft_pipeline_tests.fixtures.sshd import free_port


class Trap:
    """A server that counts who comes."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self.port = server.getsockname()[1]
        self.visits = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._server.accept()[0].close()
                self.visits += 1


@pytest.fixture
def trap() -> Iterator[Trap]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Trap(server)


def settings_of(port: int) -> dict[str, str]:
    """Every server of another installation is the trap."""
    return {
        "SFTP_HOST": "127.0.0.1",
        "SFTP_PORT": str(port),
        "SFTP_USERNAME": "real",
        "SFTP_PASSWORD": "real",
        "SUPABASE_DB_URL": f"postgresql://real@127.0.0.1:{port}/real",
        "DAGSTER_DB_URL": f"postgresql://real@127.0.0.1:{port}/dagster",
        "REDIS_URL": f"redis://127.0.0.1:{port}/0",
        "SAFT_ARTIFACTS_URL": f"s3://127.0.0.1:{port}/x",
        "ALERT_WEBHOOK_URL": f"http://127.0.0.1:{port}/hook",
    }


def test_what_dagster_shows_otherwise_than_the_ledger_is_a_surprise(polled: Polled) -> None:
    nowhere, none = Path(), cast(Supervisor, None)
    demo = Demo(none, nowhere, nowhere, {}, polled.store, [], polled.runs.instance)
    good, bad = polled.file("good.xml"), polled.file("broken.xml")
    assert list(demo._unshown([good, bad])) == []
    told = list(demo._unshown([replace(good, status="failed"), replace(bad, status="loaded")]))
    assert "good.xml: failed, with a materialization of companies" in told
    assert "broken.xml: loaded, with no materialization of companies" in told


@pytest.mark.timeout(400)
def test_the_demo_shows_its_samples_ends_and_reaches_no_server_of_the_settings(
    trap: Trap, tmp_path: Path
) -> None:
    """All of it in one test: starting Dagster's processes is what costs."""
    given = settings_of(trap.port)
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    command = "from saft_pipeline.cli import main; main()"
    with tempfile.TemporaryDirectory(prefix="saft-") as home:
        ours = {"SAFT_HOME": home, "DAGSTER_PORT": str(free_port())}
        done = subprocess.run(
            [sys.executable, "-c", command, "demo", "--exit", "--files", "8"],
            cwd=tmp_path,
            env={**os.environ, **given, **ours},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, trap.visits) == (0, 0), done.stderr
    assert "6 files loaded" in done.stderr
    assert "report vat --company" in done.stderr
    assert "Ctrl-C" not in done.stderr
    assert done.stderr.count("loaded invoices.zip/") == 3
    assert "no setting but SAFT_HOME and ports is read" in done.stderr
