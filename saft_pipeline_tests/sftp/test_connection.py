"""Connecting: whom we trust, and every way in which a connection is not made."""

import contextlib
import dataclasses
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from saft_pipeline.sftp.client import SftpConfig, connect, host_key
from saft_pipeline.sftp.errors import HostKeyError, PermanentSftpError, TransientSftpError
from saft_pipeline_tests.fixtures.sshd import Sshd, free_port, keygen, start_sshd
from saft_pipeline_tests.sftp.conftest import config_of
from saft_pipeline_tests.sftp.servers import Proxy, ssh_server, with_password

SECRET = "correct horse battery"
OTHER_PIN = "SHA256:" + "A" * 43


@pytest.fixture
def proxy(sshd: Sshd) -> Iterator[Proxy]:
    proxy = Proxy(sshd.port)
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def many_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A server with host keys of three kinds, pinned by the last that it would show."""
    kinds = ("rsa-2048", "ecdsa", "ed25519")
    with start_sshd(tmp_path_factory.mktemp("many") / "s", host_keys=kinds) as server:
        yield server


def test_a_key_in_known_hosts_is_trusted(sshd: Sshd, config: SftpConfig) -> None:
    connect(_by_file(config, sshd.known_hosts_path)).close()


def test_hashed_known_hosts_of_a_port_are_trusted(
    sshd: Sshd, config: SftpConfig, tmp_path: Path
) -> None:
    hashed = tmp_path / "known_hosts"
    hashed.write_bytes(sshd.known_hosts_path.read_bytes())
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(hashed)], check=True, capture_output=True)
    connect(_by_file(config, hashed)).close()


@pytest.mark.parametrize("kind", ["ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519"])
def test_the_kind_of_key_that_is_known_is_asked_for(
    many_keys: Sshd, tmp_path: Path, kind: str
) -> None:
    lines = many_keys.known_hosts_path.read_text().splitlines()
    one = tmp_path / "known_hosts"
    one.write_text("".join(line for line in lines if f" {kind} " in line))
    connect(_by_file(config_of(many_keys), one)).close()


def test_a_pin_is_found_whatever_kind_of_key_the_server_shows_first(many_keys: Sshd) -> None:
    connect(config_of(many_keys)).close()


def test_a_pin_that_no_key_of_the_server_has_is_refused(many_keys: Sshd) -> None:
    config = dataclasses.replace(config_of(many_keys), host_key_fingerprints=(OTHER_PIN,))
    with pytest.raises(HostKeyError, match="IS NOT THE ONE EXPECTED"):
        connect(config)


def test_an_unknown_key_is_refused_before_any_password_is_sent(tmp_path: Path) -> None:
    (tmp_path / "known_hosts").touch()
    with ssh_server(SECRET) as server:
        config = _by_file(with_password(server, SECRET), tmp_path / "known_hosts")
        with pytest.raises(HostKeyError) as caught:
            connect(config)
    assert server.tries == []
    assert caught.value.key.fingerprint == server.fingerprint


def test_what_the_refusal_shows_is_what_makes_it_accepted(
    sshd: Sshd, config: SftpConfig, tmp_path: Path
) -> None:
    (tmp_path / "known_hosts").touch()
    with pytest.raises(HostKeyError) as caught:
        connect(_by_file(config, tmp_path / "known_hosts"))
    assert caught.value.key.known_hosts_line in str(caught.value)
    (tmp_path / "known_hosts").write_text(caught.value.key.known_hosts_line)
    connect(_by_file(config, tmp_path / "known_hosts")).close()
    assert caught.value.key.fingerprint == sshd.fingerprint


@pytest.mark.parametrize("trusted", [True, False])
def test_the_servers_key_can_be_asked_for_whether_it_is_trusted_or_not(
    sshd: Sshd, config: SftpConfig, trusted: bool
) -> None:
    pin = sshd.fingerprint if trusted else OTHER_PIN
    key = host_key(dataclasses.replace(config, host_key_fingerprints=(pin,)))
    assert key.fingerprint == sshd.fingerprint
    assert key.known_hosts_line == sshd.known_hosts_path.read_text().rstrip()


def test_asking_for_the_servers_key_needs_no_login_that_works(tmp_path: Path) -> None:
    with ssh_server(SECRET) as server:
        assert host_key(with_password(server, "wrong")).fingerprint == server.fingerprint
    assert server.tries == []


def test_a_changed_key_is_refused(sshd: Sshd, config: SftpConfig, tmp_path: Path) -> None:
    other = Path(f"{keygen(tmp_path / 'other')}.pub").read_text()
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{sshd.port} {other}")
    with pytest.raises(HostKeyError, match="IS NOT THE ONE EXPECTED") as caught:
        connect(_by_file(config, tmp_path / "known_hosts"))
    assert caught.value.changed


def test_a_refused_connection_may_pass(config: SftpConfig) -> None:
    with pytest.raises(TransientSftpError, match="Connection refused"):
        connect(dataclasses.replace(config, port=free_port()))


def test_an_unknown_host_name_is_permanent(config: SftpConfig) -> None:
    with pytest.raises((PermanentSftpError, TransientSftpError), match=r"sftp\.invalid"):
        connect(dataclasses.replace(config, host="sftp.invalid"))


def test_names_that_cannot_be_looked_up_now_may_pass(
    config: SftpConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_dns(*_: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "create_connection", no_dns)
    with pytest.raises(TransientSftpError, match="DNS"):
        connect(config)


@pytest.mark.parametrize("after", [0, 30, 1500, 2000])
def test_a_server_that_falls_silent_is_given_up_within_the_timeout(
    config: SftpConfig, proxy: Proxy, after: int
) -> None:
    proxy.fail("silence", after)
    with pytest.raises(TransientSftpError, match=r"within (1 s|the timeout)"):
        connect(dataclasses.replace(config, port=proxy.port, timeout=1))


@pytest.mark.parametrize(
    ("stuck", "words"),
    [("login", "to the login within 4 s"), ("sftp", "for a session within 4 s")],
)
def test_a_server_that_stops_answering_is_given_up_within_the_timeout(
    stuck: Literal["login", "sftp"], words: str
) -> None:
    with ssh_server(SECRET, stuck=stuck) as server:
        config = dataclasses.replace(with_password(server, SECRET), timeout=4)
        with pytest.raises(TransientSftpError, match=words):
            connect(config)


def test_a_server_that_lets_no_more_logins_begin_may_pass(tmp_path: Path) -> None:
    with (
        start_sshd(tmp_path / "s", settings=["MaxStartups 1", "LoginGraceTime 10"]) as server,
        socket.create_connection((server.host, server.port)) as other,
    ):
        other.recv(4)
        with pytest.raises(TransientSftpError, match="MaxStartups"):
            connect(config_of(server))


@pytest.mark.parametrize("fault", ["FIN", "RST"])
@pytest.mark.parametrize("after", [0, 30, 2000])
def test_a_connection_that_ends_while_it_is_made_may_pass(
    config: SftpConfig, proxy: Proxy, fault: str, after: int
) -> None:
    proxy.fail(fault, after)
    with pytest.raises(TransientSftpError):
        connect(dataclasses.replace(config, port=proxy.port))


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n" * 101, b"220 ftp\n" * 101])
def test_another_service_on_the_port_is_permanent(config: SftpConfig, greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, _greeting(listener, greeting):
        port = listener.getsockname()[1]
        with pytest.raises(PermanentSftpError, match="isn't an SSH server"):
            connect(dataclasses.replace(config, port=port))


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        (["HostKeyAlgorithms ssh-rsa"], PermanentSftpError, "only ssh-rsa with SHA-1"),
        (["KexAlgorithms diffie-hellman-group1-sha1"], PermanentSftpError, "no SSH algorithm"),
        (
            ["KexAlgorithms sntrup761x25519-sha512@openssh.com"],
            PermanentSftpError,
            "key exchange: it has sntrup761x25519-sha512@openssh.com; we have",
        ),
        (["Subsystem sftp /bin/false"], TransientSftpError, "server closed it"),
        (["Subsystem sftp /bin/date"], PermanentSftpError, "doesn't speak SFTP"),
        (["Subsystem nothing internal-sftp"], PermanentSftpError, "offers no SFTP"),
        (["MaxSessions 0"], TransientSftpError, "MaxSessions"),
        (["DenyUsers *"], PermanentSftpError, "refused the key"),
    ],
)
def test_a_server_with_odd_settings_is_told_apart(
    tmp_path: Path, settings: list[str], error: type[Exception], words: str
) -> None:
    with (
        start_sshd(tmp_path / "s", host_keys=("rsa-2048",), settings=settings) as server,
        pytest.raises(error, match=words),
    ):
        connect(config_of(server))


def test_a_failed_login_leaves_no_connection_open(
    config: SftpConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    dial = socket.create_connection

    def remember(address: tuple[str, int], timeout: float) -> socket.socket:
        made.append(dial(address, timeout))
        return made[-1]

    monkeypatch.setattr(socket, "create_connection", remember)
    with pytest.raises(PermanentSftpError):
        connect(dataclasses.replace(config, private_key_path=keygen(tmp_path / "other")))
    assert [sock.fileno() for sock in made] == [-1]


def _by_file(config: SftpConfig, known_hosts: Path) -> SftpConfig:
    return dataclasses.replace(config, known_hosts_path=known_hosts, host_key_fingerprints=())


@contextlib.contextmanager
def _greeting(listener: socket.socket, greeting: bytes) -> Iterator[None]:
    """Answer one connection with bytes that aren't SSH."""

    def answer() -> None:
        sock, _ = listener.accept()
        with sock:
            sock.sendall(greeting)
            sock.recv(1000)

    thread = threading.Thread(target=answer)
    thread.start()
    yield
    thread.join(timeout=10)
