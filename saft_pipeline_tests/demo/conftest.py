"""The demo's server with an empty folder, and clients of it: ours, and paramiko's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from saft_pipeline.demo.sftp_server import DemoSftpServer
from saft_pipeline.sftp.client import Sftp, SftpConfig, connect


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "inbox"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def server(inbox: Path) -> Iterator[DemoSftpServer]:
    with DemoSftpServer(inbox) as server:
        yield server


@pytest.fixture
def sftp(server: DemoSftpServer) -> Iterator[Sftp]:
    with connect(config_of(server)) as sftp:
        yield sftp


@pytest.fixture
def other(server: DemoSftpServer) -> Iterator[paramiko.SFTPClient]:
    """A client that sends any path and request it is told to."""
    with paramiko.Transport((server.host, server.port)) as transport:
        transport.connect(username=server.username, password=server.password)
        client = paramiko.SFTPClient.from_transport(transport)
        assert client is not None
        yield client


def config_of(server: DemoSftpServer, password: str | None = None) -> SftpConfig:
    return SftpConfig(
        host=server.host,
        port=server.port,
        username=server.username,
        password=password or server.password,
        host_key_fingerprints=(server.fingerprint,),
        timeout=10,
    )
