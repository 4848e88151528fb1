"""Faults of a connection in use, against the real sshd behind a proxy that fails when told to."""

import dataclasses
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from saft_pipeline.sftp import connection
from saft_pipeline.sftp.client import Fetched, FetchFailed, Sftp, connect
from saft_pipeline.sftp.errors import TransientSftpError
from saft_pipeline_tests.fixtures.sshd import Sshd, start_sshd
from saft_pipeline_tests.sftp.conftest import config_of
from saft_pipeline_tests.sftp.servers import Proxy

FAULTS = ["FIN", "RST", "silence"]
TIMEOUT = 1.0


@pytest.fixture
def proxy(sshd: Sshd) -> Iterator[Proxy]:
    proxy = Proxy(sshd.port)
    yield proxy
    proxy.close()


@pytest.fixture
def sftp(sshd: Sshd, proxy: Proxy) -> Iterator[Sftp]:
    config = dataclasses.replace(config_of(sshd, proxy.port), timeout=TIMEOUT)
    with connect(config) as sftp:
        yield sftp


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_middle_of_a_listing_names_the_folder(
    sftp: Sftp, sshd: Sshd, proxy: Proxy, fault: str
) -> None:
    for number in range(2000):
        (sshd.root / f"{number}.xml").touch()
    proxy.fail(fault, after=20_000)
    with pytest.raises(TransientSftpError, match=f"while listing {sshd.root}"):
        sftp.list(str(sshd.root))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_middle_of_a_large_file_names_it_and_leaves_nothing(
    sftp: Sftp, sshd: Sshd, proxy: Proxy, spill: Path, fault: str
) -> None:
    (sshd.root / "large.xml").write_bytes(bytes(20_000_000))
    files = sftp.list(str(sshd.root)).files
    proxy.fail(fault, after=5_000_000)
    with pytest.raises(TransientSftpError, match=r"while reading large\.xml"):
        list(sftp.fetch(str(sshd.root), files, spill))
    assert not list(spill.iterdir())


@pytest.mark.parametrize("fault", FAULTS)
def test_files_that_came_before_a_fault_are_good(
    sftp: Sftp, sshd: Sshd, proxy: Proxy, spill: Path, fault: str
) -> None:
    content = {f"{number}.xml": os.urandom(10_000) for number in range(500)}
    for name, data in content.items():
        (sshd.root / name).write_bytes(data)
    files = sftp.list(str(sshd.root)).files
    proxy.fail(fault, after=3_000_000)
    came: list[Fetched | FetchFailed] = []
    with pytest.raises(TransientSftpError):
        came.extend(sftp.fetch(str(sshd.root), files, spill))
    assert 0 < len(came) < 500
    good = {result.file.text: result.content for result in came if isinstance(result, Fetched)}
    assert good.items() <= content.items()


def test_silence_is_noticed_within_the_timeout(sftp: Sftp, sshd: Sshd, proxy: Proxy) -> None:
    proxy.fail("silence")
    with pytest.raises(TransientSftpError, match="no answer within the timeout"):
        sftp.list(str(sshd.root))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_connection_that_is_dropped_while_idle_is_a_fault_that_may_pass(
    sftp: Sftp, sshd: Sshd, proxy: Proxy, fault: str
) -> None:
    sftp.list(str(sshd.root))
    proxy.drop(fault)
    with pytest.raises(TransientSftpError, match="lost"):
        sftp.list(str(sshd.root))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_loss_between_two_results_leaves_what_had_come(
    sftp: Sftp, sshd: Sshd, proxy: Proxy, spill: Path, fault: str
) -> None:
    for number in range(600):
        (sshd.root / f"{number}.xml").write_bytes(b"%d" % number)
    results = sftp.fetch(str(sshd.root), sftp.list(str(sshd.root)).files, spill)
    came = [next(results)]
    proxy.drop(fault)
    with pytest.raises(TransientSftpError):
        came.extend(results)
    assert all(isinstance(result, Fetched) for result in came)


def test_a_server_that_ends_idle_sessions_finds_ours_alive(tmp_path: Path) -> None:
    settings = ["ClientAliveInterval 1", "ClientAliveCountMax 1"]
    with start_sshd(tmp_path / "s", settings=settings) as server, connect(config_of(server)) as s:
        time.sleep(3)
        assert s.list(str(server.root)).whole


def test_an_idle_connection_is_kept_in_the_memory_of_firewalls(
    sshd: Sshd, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "KEEPALIVE_SECONDS", 1)
    with connect(config_of(sshd, proxy.port)):
        before = proxy.sent
        while proxy.sent == before:  # ends by pytest's timeout
            time.sleep(0.05)
