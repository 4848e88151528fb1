"""Connections to the real `sshd` for the tests of this folder."""

import dataclasses
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from saft_pipeline.sftp.client import Sftp, SftpConfig, connect
from saft_pipeline_tests.fixtures.sshd import Sshd, start_sshd


@pytest.fixture
def config(sshd: Sshd) -> SftpConfig:
    return config_of(sshd)


@pytest.fixture
def sftp(config: SftpConfig) -> Iterator[Sftp]:
    with connect(config) as sftp:
        yield sftp


@pytest.fixture(scope="session")
def unprivileged_server() -> Iterator[Sshd]:
    """A server that grants no more than file modes do: root's tests log in to it as nobody."""
    with tempfile.TemporaryDirectory(prefix="saft-sshd-") as folder:
        Path(folder).chmod(0o755)
        with start_sshd(Path(folder) / "s", username="nobody" if os.geteuid() == 0 else None) as s:
            yield s


@pytest.fixture
def unprivileged(unprivileged_server: Sshd) -> Sshd:
    """That server with an empty folder, open to nobody, which pytest's own are not."""
    root = Path(tempfile.mkdtemp(dir=unprivileged_server.root))
    root.chmod(0o755)
    return dataclasses.replace(unprivileged_server, root=root)


@pytest.fixture
def spill(tmp_path: Path) -> Path:
    folder = tmp_path / "spill"
    folder.mkdir()
    return folder


def config_of(sshd: Sshd, port: int | None = None) -> SftpConfig:
    return SftpConfig(
        host=sshd.host,
        port=port or sshd.port,
        username=sshd.username,
        private_key_path=sshd.key_path,
        host_key_fingerprints=(sshd.fingerprint,),
        timeout=10,
    )
