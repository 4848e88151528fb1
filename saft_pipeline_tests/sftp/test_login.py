"""Logging in: every way that is offered, a wrong password sent once, each refusal with its cure."""

import contextlib
import dataclasses
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from saft_pipeline.sftp.client import SftpConfig, connect
from saft_pipeline.sftp.errors import (
    PermanentSftpError,
    TooManyConnectionsError,
    TransientSftpError,
)
from saft_pipeline.sftp.login import read_key
from saft_pipeline_tests.fixtures.sshd import Sshd, keygen, start_sshd
from saft_pipeline_tests.sftp.conftest import config_of
from saft_pipeline_tests.sftp.servers import ssh_server, with_password

SECRET = "correct horse battery"


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An ssh-agent of the test's own, in a folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="agent") as folder:
        command = ["ssh-agent", "-D", "-a", f"{folder}/a"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            while not Path(folder, "a").exists():
                time.sleep(0.01)
            monkeypatch.setenv("SSH_AUTH_SOCK", f"{folder}/a")
            yield
            process.terminate()


@pytest.mark.parametrize("methods", ["password", "keyboard-interactive"])
def test_a_right_password_lets_in(methods: str) -> None:
    with ssh_server(SECRET, methods) as server:
        connect(with_password(server, SECRET)).close()
    assert server.tries == [SECRET]


@pytest.mark.parametrize("methods", ["password", "keyboard-interactive"])
def test_a_wrong_password_is_sent_once_and_never_shown(methods: str) -> None:
    with (
        ssh_server(SECRET, methods) as server,
        pytest.raises(PermanentSftpError, match="SFTP_PASSWORD") as caught,
    ):
        connect(with_password(server, "wrong password"))
    assert server.tries == ["wrong password"]
    assert "wrong password" not in f"{caught.value} {caught.value.__cause__}"


def test_a_server_that_hangs_up_on_a_password_is_not_sent_it_again() -> None:
    with (
        ssh_server(SECRET, hangs_up=True) as server,
        pytest.raises(PermanentSftpError, match="SFTP_PASSWORD"),
    ):
        connect(with_password(server, SECRET))
    assert server.tries == [SECRET]


def test_a_server_that_hangs_up_on_a_key_may_take_it_later(sshd: Sshd) -> None:
    with ssh_server(SECRET, "publickey", hangs_up=True) as server:
        config = with_password(server, SECRET)
        config = dataclasses.replace(config, password=None, private_key_path=sshd.key_path)
        with pytest.raises(TransientSftpError, match="ended the connection at the login"):
            connect(config)


def test_secrets_are_not_in_the_configurations_text() -> None:
    config = SftpConfig("h", "u", password=SECRET, private_key_passphrase=SECRET)
    assert SECRET not in repr(config)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa-2048"])
@pytest.mark.parametrize("passphrase", ["", "open sesame"])
def test_keys_of_every_kind_let_in_with_and_without_passphrase(
    tmp_path: Path, sshd_server: Sshd, kind: str, passphrase: str
) -> None:
    key = keygen(tmp_path / "key", kind, passphrase)
    with _authorized(sshd_server, key):
        config = dataclasses.replace(
            config_of(sshd_server),
            private_key_path=key,
            private_key_passphrase=passphrase or None,
        )
        connect(config).close()


def test_a_server_that_takes_rsa_keys_only_with_sha1_is_named_with_the_cure(
    tmp_path: Path,
) -> None:
    key = keygen(tmp_path / "rsa", "rsa-2048")
    settings = ["PubkeyAcceptedKeyTypes ssh-rsa"]
    with start_sshd(tmp_path / "s", settings=settings) as server, _authorized(server, key):
        config = dataclasses.replace(config_of(server), private_key_path=key)
        with pytest.raises(PermanentSftpError, match=r"only with SHA-1.*ed25519"):
            connect(config)


@pytest.mark.parametrize("passphrase", [None, "wrong"])
def test_a_wrong_or_missing_passphrase_is_named(
    config: SftpConfig, tmp_path: Path, passphrase: str | None
) -> None:
    key = keygen(tmp_path / "key", passphrase="open sesame")
    config = dataclasses.replace(config, private_key_path=key, private_key_passphrase=passphrase)
    with pytest.raises(PermanentSftpError, match="passphrase is"):
        connect(config)


@pytest.mark.parametrize("content", [None, "not a key", "PuTTY-User-Key-File-3: ssh-ed25519"])
def test_a_key_file_that_is_none_is_named(
    config: SftpConfig, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "key"
    if content:
        path.write_text(content)
    with pytest.raises(PermanentSftpError, match=re.escape(f"private key {path} can't be used")):
        connect(dataclasses.replace(config, private_key_path=path))


def test_a_key_that_the_server_does_not_take_is_permanent(
    config: SftpConfig, tmp_path: Path
) -> None:
    config = dataclasses.replace(config, private_key_path=keygen(tmp_path / "other"))
    with pytest.raises(PermanentSftpError, match=r"refused the key of .*SFTP_PRIVATE_KEY_PATH"):
        connect(config)


def test_a_password_where_only_keys_are_taken_is_permanent(config: SftpConfig) -> None:
    config = dataclasses.replace(config, private_key_path=None, password=SECRET)
    with pytest.raises(PermanentSftpError, match="it takes publickey"):
        connect(config)


def test_with_neither_key_nor_password_the_agents_keys_are_offered(
    sshd: Sshd, config: SftpConfig, agent: None
) -> None:
    subprocess.run(["ssh-add", "-q", str(sshd.key_path)], check=True, capture_output=True)
    connect(dataclasses.replace(config, private_key_path=None)).close()


def test_without_agent_key_and_password_the_settings_are_named(
    config: SftpConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(PermanentSftpError, match="SFTP_PASSWORD or SFTP_PRIVATE_KEY_PATH"):
        connect(dataclasses.replace(config, private_key_path=None))


@contextlib.contextmanager
def _authorized(server: Sshd, key: Path) -> Iterator[None]:
    """Let a key in for the length of a block."""
    authorized = server.key_path.with_name("authorized_keys")
    before = authorized.read_text()
    authorized.write_text(before + Path(f"{key}.pub").read_text())
    yield
    authorized.write_text(before)


@pytest.mark.parametrize("kind", ["rsa:2048", "ed25519", "ec"])
@pytest.mark.parametrize("passphrase", ["", "open sesame"])
def test_a_key_in_pkcs8_lets_in(
    tmp_path: Path, sshd_server: Sshd, kind: str, passphrase: str
) -> None:
    key = tmp_path / "key"
    options = {
        "rsa:2048": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        "ed25519": ["-algorithm", "ed25519"],
        "ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    }[kind]
    secret = ["-aes-256-cbc", "-pass", f"pass:{passphrase}"] if passphrase else []
    command = ["openssl", "genpkey", *options, *secret, "-out", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    loaded = read_key(key, passphrase.encode() or None)
    Path(f"{key}.pub").write_text(f"{loaded.get_name()} {loaded.get_base64()}\n")
    with _authorized(sshd_server, key):
        config = dataclasses.replace(
            config_of(sshd_server), private_key_path=key, private_key_passphrase=passphrase or None
        )
        connect(config).close()


@pytest.mark.parametrize("prompt", ["Verification code: ", "One-time password: ", "Token:"])
def test_a_prompt_for_a_one_time_code_is_named_and_the_password_not_given(prompt: str) -> None:
    with (
        ssh_server(SECRET, "keyboard-interactive", prompt=prompt) as server,
        pytest.raises(PermanentSftpError, match=r"a one-time code \('") as caught,
    ):
        connect(with_password(server, SECRET))
    assert server.tries == []
    assert prompt.strip() in str(caught.value)


def test_a_server_that_lets_the_service_be_asked_for_once_lets_in_by_its_second_way() -> None:
    """As strict servers do, it ends the connection at a second request for the service."""
    with ssh_server(SECRET, "keyboard-interactive", strict=True) as server:
        connect(with_password(server, SECRET)).close()
    assert server.tries == [SECRET]


def test_too_many_connections_are_no_wrong_password() -> None:
    with (
        ssh_server(SECRET, full=True) as server,
        pytest.raises(TooManyConnectionsError, match=r"TOO_MANY_CONNECTIONS: 'one a user'"),
    ):
        connect(with_password(server, SECRET))


def test_a_greeting_in_latin1_before_the_servers_name_does_no_harm() -> None:
    with ssh_server(SECRET, greeting="Bem-vindo à máquina\r\n".encode("latin-1")) as server:
        connect(with_password(server, SECRET)).close()


def test_what_a_server_has_that_we_lack_is_named(tmp_path: Path) -> None:
    settings = ["Ciphers chacha20-poly1305@openssh.com"]
    with (
        start_sshd(tmp_path / "s", settings=settings) as server,
        pytest.raises(PermanentSftpError, match=r"cipher: it has chacha20-poly1305.*aes128-gcm"),
    ):
        connect(config_of(server))
