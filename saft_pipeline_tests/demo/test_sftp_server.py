"""The demo's server as its clients see it: ours, OpenSSH's, several at once, and its end."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import stat
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko
import pytest

from saft_pipeline.demo.generator import samples, write_large
from saft_pipeline.demo.sftp_server import DemoSftpServer
from saft_pipeline.sftp.client import Fetched, FetchFailed, Loaded, Sftp, connect
from saft_pipeline.sftp.errors import HostKeyError, PermanentSftpError
from saft_pipeline_tests.demo.conftest import config_of


def fill(inbox: Path, count: int = 40) -> dict[str, bytes]:
    made = {s.path: s.content for s in samples(count)}
    for path, content in made.items():
        (inbox / path).parent.mkdir(exist_ok=True)
        (inbox / path).write_bytes(content)
    return made


def fetched(sftp: Sftp, spill: Path) -> dict[str, bytes]:
    found: list[Fetched | FetchFailed] = list(sftp.fetch(".", sftp.list(".").files, spill))
    return {f.file.text: f.open().read() for f in found if isinstance(f, Fetched)}


def test_our_client_fetches_every_sample_as_it_is(inbox: Path, sftp: Sftp, tmp_path: Path) -> None:
    made = fill(inbox)
    assert fetched(sftp, tmp_path) == made


def test_our_client_fetches_a_large_file(inbox: Path, sftp: Sftp, tmp_path: Path) -> None:
    with (inbox / "large.xml").open("wb") as target:
        write_large(target, 20)
    (found,) = sftp.fetch(".", sftp.list(".").files, tmp_path)
    assert isinstance(found, Fetched)
    assert found.sha256 == hashlib.sha256((inbox / "large.xml").read_bytes()).hexdigest()


def test_our_client_archives_and_deletes(inbox: Path, sftp: Sftp) -> None:
    fill(inbox, 5)
    first, second, *_ = sftp.list(".").files
    loaded = [Loaded(file, "", racy=False) for file in (first, second)]
    cleared = [*sftp.archive_all(".", loaded[:1], "archive"), *sftp.remove_all(".", loaded[1:])]
    assert [error for _, error in cleared] == [None, None]
    assert len(list((inbox / "archive").rglob("*.xml"))) == 1
    assert len(sftp.list(".", exclude="archive").files) == 3


def test_several_clients_are_served_at_once(
    inbox: Path, server: DemoSftpServer, tmp_path: Path
) -> None:
    made = fill(inbox)

    def work(_: int) -> dict[str, bytes]:
        with connect(config_of(server)) as sftp:
            return fetched(sftp, tmp_path)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == [made] * 6


def test_a_wrong_password_is_refused(server: DemoSftpServer) -> None:
    with pytest.raises(PermanentSftpError, match="refused the password"):
        connect(config_of(server, password="guessed"))


def test_another_user_is_refused(server: DemoSftpServer) -> None:
    with (
        paramiko.Transport((server.host, server.port)) as transport,
        pytest.raises(paramiko.AuthenticationException),
    ):
        transport.connect(username="root", password=server.password)


def test_no_command_is_run(server: DemoSftpServer) -> None:
    with paramiko.Transport((server.host, server.port)) as transport:
        transport.connect(username=server.username, password=server.password)
        with pytest.raises(paramiko.SSHException):
            transport.open_session().exec_command("id")


def test_no_tunnel_is_opened(server: DemoSftpServer) -> None:
    with paramiko.Transport((server.host, server.port)) as transport:
        transport.connect(username=server.username, password=server.password)
        with pytest.raises(paramiko.ChannelException):
            transport.open_channel("direct-tcpip", ("127.0.0.1", server.port), ("127.0.0.1", 1))


def test_only_the_loopback_is_listened_on(server: DemoSftpServer) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", server.port), 5)


def test_the_key_stays_the_same_from_start_to_start(inbox: Path) -> None:
    with DemoSftpServer(inbox) as first:
        pass
    with DemoSftpServer(inbox) as second:
        connect(config_of(second)).close()
    assert first.fingerprint == second.fingerprint


def test_another_folders_server_has_another_key(inbox: Path, tmp_path: Path) -> None:
    other = DemoSftpServer(tmp_path / "other" / "inbox")
    with DemoSftpServer(inbox) as server:
        server.fingerprint = other.fingerprint
        with pytest.raises(HostKeyError):
            connect(config_of(server))


def test_nobody_else_may_read_the_key(inbox: Path) -> None:
    DemoSftpServer(inbox)
    (key,) = [path for path in inbox.parent.iterdir() if path.is_file()]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_the_password_is_a_new_one_each_time(inbox: Path) -> None:
    passwords = {DemoSftpServer(inbox).password for _ in range(2)}
    assert len(passwords) == 2
    assert min(map(len, passwords)) >= 32


def test_the_port_asked_for_is_taken(inbox: Path, tmp_path: Path) -> None:
    with DemoSftpServer(inbox) as first:
        port = first.port
    with DemoSftpServer(inbox, port=port) as second:
        assert second.port == port


def test_no_thread_is_left_whatever_the_clients_do(inbox: Path) -> None:
    before = set(threading.enumerate())
    with DemoSftpServer(inbox) as server:
        silent = socket.create_connection((server.host, server.port))
        gone = connect(config_of(server))
        gone.close()
        reading = connect(config_of(server))
        reading.list(".")
    reading.close()
    silent.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=10)  # the client's own, which end by themselves
    assert set(threading.enumerate()) <= before


def test_nobody_is_served_after_the_end(inbox: Path) -> None:
    with DemoSftpServer(inbox) as server:
        pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.host, server.port), 5)


class OpenSsh:
    """The `sftp` program, which answers the question for the password by a script."""

    def __init__(self, server: DemoSftpServer, folder: Path) -> None:
        self._server = server
        self._folder = folder
        ask = folder / "ask"
        ask.write_text(f"#!/bin/sh\necho '{server.password}'\n")
        ask.chmod(0o700)
        self._env = {**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}

    def run(self, *commands: str) -> str:
        """Run commands to the first that fails; gives what they print."""
        batch = self._folder / "batch"
        batch.write_text("\n".join(commands) + "\n")
        done = subprocess.run(
            [*self._program(), "-b", str(batch), f"{self._server.username}@{self._server.host}"],
            env=self._env, cwd=self._folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _program(self) -> Sequence[str]:
        known = f"UserKnownHostsFile={self._folder / 'known_hosts'}"
        options = ["BatchMode=no", "StrictHostKeyChecking=accept-new", known, "LogLevel=ERROR"]
        port = str(self._server.port)
        return ["sftp", "-F", "none", *(x for o in options for x in ("-o", o)), "-P", port]


@pytest.fixture
def openssh(server: DemoSftpServer, tmp_path: Path) -> OpenSsh:
    if not shutil.which("sftp"):
        pytest.skip("OpenSSH's sftp isn't installed (Debian: apt-get install openssh-client)")
    return OpenSsh(server, tmp_path)


def test_openssh_drops_a_file(openssh: OpenSsh, inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "new.xml").write_bytes(b"x" * 300_000)
    openssh.run("put new.xml", "put -p new.xml again.xml")
    assert (inbox / "new.xml").read_bytes() == (inbox / "again.xml").read_bytes() == b"x" * 300_000
    assert int((inbox / "again.xml").stat().st_mtime) == int((tmp_path / "new.xml").stat().st_mtime)


def test_openssh_takes_a_file(openssh: OpenSsh, inbox: Path, tmp_path: Path) -> None:
    made = fill(inbox, 10)
    openssh.run("get Évora/* .", "get SAFT_*.xml month.xml")
    (path,) = [p for p in made if p.startswith("Évora/")]
    assert (tmp_path / Path(path).name).read_bytes() == made[path]
    assert len((tmp_path / "month.xml").read_bytes()) > 500_000


def test_openssh_lists_moves_and_deletes(openssh: OpenSsh, inbox: Path) -> None:
    (inbox / "a.xml").write_text("a")
    (inbox / "b.xml").write_text("b")
    listed = openssh.run("mkdir Porto", "rename a.xml Porto/c.xml", "rm b.xml", "ls -l", "ls Porto")
    assert (inbox / "Porto" / "c.xml").read_text() == "a"
    assert not (inbox / "b.xml").exists()
    assert "Porto/c.xml" in listed


def test_openssh_finds_itself_at_the_top(openssh: OpenSsh) -> None:
    assert "Remote working directory: /\n" in openssh.run("cd ../..", "pwd")
