"""`saft serve` as a process: it answers, refuses what it must, and stops cleanly."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import stamina

from saft_pipeline_tests.fixtures.project import Command, Project
from saft_pipeline_tests.fixtures.sshd import free_port


@contextmanager
def serving(project: Project, port: int) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", "from saft_pipeline.cli import main; main()", "serve"],
        env={**os.environ, **project.env, "API_PORT": str(port)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@stamina.retry(on=httpx.TransportError, attempts=200, timeout=60, wait_initial=0.1, wait_max=0.1)
def answer(port: int) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port}/api/active-tasks")


def test_it_answers_until_it_is_told_to_stop(project: Project) -> None:
    port = free_port()
    with serving(project, port) as process:
        assert answer(port).status_code == 200
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"http://127.0.0.1:{port}" in said
    assert "Traceback" not in said


def test_a_taken_port_is_told(
    saft: Command, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setenv("API_PORT", str(other.getsockname()[1]))
        done = saft("serve")
    assert done.status == 2
    assert "API_PORT" in done.err


def test_off_the_loopback_it_wants_a_token(saft: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_HOST", "0.0.0.0")
    done = saft("serve")
    assert done.status == 2
    assert "API_TOKEN" in done.err
