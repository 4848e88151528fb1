"""Logging in to a server that is trusted: key, password or agent. A password is judged once."""

import contextlib
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from paramiko.pkey import UnknownKeyType

from saft_pipeline.sftp.deadline import Deadline
from saft_pipeline.sftp.errors import (
    LoginRefusedError,
    PermanentSftpError,
    TooManyConnectionsError,
    TransientSftpError,
)
from saft_pipeline.sftp.model import SftpConfig
from saft_pipeline.sftp.transport import TOO_MANY_CONNECTIONS, SshTransport

_KEY_CLASSES: dict[type, type[paramiko.PKey]] = {
    rsa.RSAPrivateKey: paramiko.RSAKey,
    ec.EllipticCurvePrivateKey: paramiko.ECDSAKey,
    ed25519.Ed25519PrivateKey: paramiko.Ed25519Key,
}
_INTERACTIVE = "keyboard-interactive"
_KEY, _RSA_KEY, _PASSWORD = "the key", "the RSA key", "the password"
_ONLY_SHA1 = (
    "takes RSA keys only with SHA-1, which is no longer safe: use an ed25519 or ECDSA key, or have "
    "the server updated"
)
# What a prompt says that wants another thing each time.
_ONE_TIME = re.compile(
    r"code|token|otp\b|one.?time|passcode|authenticator|2fa|mfa|challenge|verifica", re.IGNORECASE
)
# As many as a server usually lets one try (MaxAuthTries 6).
_MOST_AGENT_KEYS = 5


def load_key(config: SftpConfig) -> paramiko.PKey | None:
    """Read the private key, if one is configured. Raises PermanentSftpError."""
    if config.private_key_path is None:
        return None
    path = config.private_key_path.expanduser()
    passphrase = config.private_key_passphrase
    try:
        return read_key(path, passphrase.encode() if passphrase else None)
    except FileNotFoundError:
        reason = "there is no such file: correct SFTP_PRIVATE_KEY_PATH"
    except OSError as error:
        reason = f"{error.strerror}"
    except TypeError:
        reason = "its passphrase is missing or not needed: correct SFTP_PRIVATE_KEY_PASSPHRASE"
    except (ValueError, paramiko.SSHException, UnknownKeyType):
        reason = (
            "its passphrase is wrong, or it is no key in OpenSSH's, PEM or PKCS#8 format (make one "
            "of a PuTTY key with `puttygen KEY.ppk -O private-openssh`)"
        )
    raise PermanentSftpError(f"the private key {path} can't be used: {reason}")


def read_key(path: Path, passphrase: bytes | None) -> paramiko.PKey:
    """Read a private key, in OpenSSH's format, PEM or PKCS#8, by what it holds."""
    try:
        return paramiko.PKey.from_path(path, passphrase)  # type: ignore[arg-type]  # bytes are right
    except paramiko.SSHException:
        key = serialization.load_pem_private_key(path.read_bytes(), passphrase)
        kind = next((kind for of, kind in _KEY_CLASSES.items() if isinstance(key, of)), None)
        if kind is None:
            raise
        text = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        return kind.from_private_key(io.StringIO(text.decode()))


class Login:
    """One login: the connection, and what the server asked for on the way."""

    def __init__(self, transport: SshTransport, config: SftpConfig, deadline: Deadline) -> None:
        self._transport = transport
        self._config = config
        self._deadline = deadline
        self._prompts: list[str] = []
        self._answered = False

    def log_in(self, key: paramiko.PKey | None) -> None:
        """Authenticate: with the key, then, if that isn't all or there is none, the password.

        With neither configured the keys of ssh-agent are offered. Raises PermanentSftpError if the
        server refuses, TransientSftpError if it falls silent or the connection ends.
        """
        password = self._config.password
        if key is None and password is None:
            self._log_in_with_agent()
            return
        more: Sequence[str] = self._offer_key(key) if key is not None else ()
        if password is not None and not self._transport.is_authenticated():
            more = self._send_password(password, only_prompts=_only_prompts(more))
        if _only_prompts(more) and not self._transport.is_authenticated():
            more = self._answer_prompts(password)  # asked only to say what it asks for
        if not self._transport.is_authenticated():
            raise PermanentSftpError(
                f"{self._config.peer} wants more than was given to log in as "
                f"{self._config.username}: {' or '.join(more)}"
            )

    def _offer_key(self, key: paramiko.PKey) -> Sequence[str]:
        """Authenticate with a key; gives what the server wants beside it."""
        with self._faults(_RSA_KEY if key.get_name() == "ssh-rsa" else _KEY):
            return list(self._transport.auth_publickey(self._config.username, key))

    def _send_password(self, password: str, *, only_prompts: bool) -> Sequence[str]:
        """Authenticate with the password, or as the answer to a prompt where only that is taken."""
        if only_prompts:
            return self._answer_prompts(password)
        with self._faults(_PASSWORD):
            try:
                return list(
                    self._transport.auth_password(self._config.username, password, fallback=False)
                )
            except paramiko.BadAuthenticationType as error:
                if _INTERACTIVE not in error.allowed_types:
                    raise
        return self._answer_prompts(password)

    def _answer_prompts(self, password: str | None) -> Sequence[str]:
        """Answer the one prompt for a password, once; what else is asked for can't be given."""

        def answer(_title: str, words: str, prompts: Sequence[tuple[str, bool]]) -> list[str]:
            if not prompts:
                return []
            asked = [text.strip() or words.strip() for text, _ in prompts]
            known = len(asked) == 1 and not _ONE_TIME.search(asked[0])
            if not known or self._answered or password is None:
                self._prompts = asked
                raise paramiko.AuthenticationException("it asks for more than a password")
            self._answered = True
            return [password]

        with self._faults(_PASSWORD):
            return list(self._transport.auth_interactive(self._config.username, answer))

    def _log_in_with_agent(self) -> None:
        with contextlib.closing(paramiko.Agent()) as agent:
            for key in agent.get_keys()[:_MOST_AGENT_KEYS]:
                with contextlib.suppress(PermanentSftpError):
                    self._offer_key(key)
                if self._transport.is_authenticated():
                    return
        raise PermanentSftpError(
            f"nothing to log in to {self._config.peer} with: set SFTP_PASSWORD or "
            "SFTP_PRIVATE_KEY_PATH (ssh-agent isn't running or holds no key that the server takes)"
        )

    @contextlib.contextmanager
    def _faults(self, what: str) -> Iterator[None]:
        peer, username = self._config.peer, self._config.username
        try:
            with self._deadline.bound(self._transport, "to the login"):
                yield
        except paramiko.BadAuthenticationType as error:
            raise PermanentSftpError(
                f"{peer} doesn't take {what} from {username}: it takes "
                f"{' or '.join(error.allowed_types) or 'nothing'}"
            ) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            if self._prompts:
                raise PermanentSftpError(self._unanswerable()) from error
            check_room(self._transport, peer)
            # Some servers end the connection at a wrong password: it must not be sent again.
            if not self._transport.is_active() and what != _PASSWORD:
                raise TransientSftpError(f"{peer} ended the connection at the login") from error
            raise LoginRefusedError(self._refusal(what, error)) from error

    def _unanswerable(self) -> str:
        asked = " and ".join(repr(prompt) for prompt in self._prompts)
        code = any(_ONE_TIME.search(prompt) for prompt in self._prompts)
        what = f"a one-time code ({asked})" if code else f"more than the password ({asked})"
        return (
            f"{self._config.peer} asks {self._config.username} for {what}, which a program can't "
            "give: have this login exempted from it, or use a key (SFTP_PRIVATE_KEY_PATH)"
        )

    def _refusal(self, what: str, error: Exception) -> str:
        peer = self._config.peer
        if "agree on a pubkey algorithm" in str(error):
            return f"{peer} {_ONLY_SHA1}"
        setting = "SFTP_PASSWORD" if what == _PASSWORD else "SFTP_PRIVATE_KEY_PATH"
        perhaps = f"; or it {_ONLY_SHA1}" if what == _RSA_KEY else ""
        return (
            f"{peer} refused {what} of {self._config.username}: check SFTP_USERNAME and {setting}"
            f"{perhaps}; it isn't tried again by itself"
        )


def check_room(transport: SshTransport, peer: str) -> None:
    """Raise TooManyConnectionsError if that is why the server ended the connection."""
    if transport.disconnected and transport.disconnected[0] == TOO_MANY_CONNECTIONS:
        words = transport.disconnected[1]
        raise TooManyConnectionsError(
            f"{peer} allows no further connection now (TOO_MANY_CONNECTIONS: {words!r}): "
            "set SFTP_CONNECTIONS=1 and MAX_CONCURRENT_RUNS=1 if it allows one a user"
        )


def _only_prompts(methods: Sequence[str]) -> bool:
    return _INTERACTIVE in methods and "password" not in methods
