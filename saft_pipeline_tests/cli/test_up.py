"""`saft up`: what it needs before it starts."""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from saft_pipeline_tests.fixtures.project import Command, Project
from saft_pipeline_tests.fixtures.sshd import free_port


@pytest.fixture
def ports(project: Project, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Free ports for the web server and the API."""
    free = {"DAGSTER_PORT": free_port(), "API_PORT": free_port()}
    for name, port in free.items():
        monkeypatch.setenv(name, str(port))
    return free


@contextmanager
def listening(*ports: int) -> Iterator[None]:
    servers = [socket.create_server(("127.0.0.1", port)) for port in ports]
    try:
        yield
    finally:
        for server in servers:
            server.close()


def test_ports_that_are_taken_are_all_named(saft: Command, ports: dict[str, int]) -> None:
    with listening(*ports.values()):
        done = saft("up")
    assert done.status == 2
    assert all(f"listen on 127.0.0.1:{port}: " in done.err for port in ports.values())
    assert all(f" or {name}" in done.err for name in ports)


def test_missing_settings_are_named(
    saft: Command, ports: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SFTP_HOST")
    done = saft("up")
    assert (done.status, "SFTP_HOST: missing" in done.err) == (2, True)


def test_it_does_not_start_for_others_without_a_token(
    saft: Command, ports: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_HOST", "0.0.0.0")
    done = saft("up")
    assert (done.status, "API_TOKEN: missing" in done.err) == (2, True)


def test_a_second_one_with_the_same_home_does_not_start(
    saft: Command, ports: dict[str, int], saft_home: Path
) -> None:
    with (saft_home / "up.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = saft("up")
    assert done.status == 2
    assert "`saft up` runs already with this SAFT_HOME" in done.err
