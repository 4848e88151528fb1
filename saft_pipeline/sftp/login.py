"""Logging in to a server that is trusted: key, password or agent. A password is judged once."""

import contextlib
from collections.abc import Iterator, Sequence

import paramiko
from paramiko.pkey import UnknownKeyType

from saft_pipeline.sftp.deadline import deadline
from saft_pipeline.sftp.errors import LoginRefusedError, PermanentSftpError, TransientSftpError
from saft_pipeline.sftp.model import SftpConfig

_INTERACTIVE = "keyboard-interactive"
_KEY, _RSA_KEY, _PASSWORD = "the key", "the RSA key", "the password"
_ONLY_SHA1 = (
    "takes RSA keys only with SHA-1, which is no longer safe: use an ed25519 or ECDSA key, or have "
    "the server updated"
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
        return paramiko.PKey.from_path(path, passphrase.encode() if passphrase else None)  # type: ignore[arg-type]  # bytes are what it needs
    except FileNotFoundError:
        reason = "there is no such file: correct SFTP_PRIVATE_KEY_PATH"
    except OSError as error:
        reason = f"{error.strerror}"
    except TypeError:
        reason = "its passphrase is missing or not needed: correct SFTP_PRIVATE_KEY_PASSPHRASE"
    except (ValueError, paramiko.SSHException, UnknownKeyType):
        reason = (
            "its passphrase is wrong, or it is no key in OpenSSH's or PEM format (make one of a "
            "PuTTY key with `puttygen KEY.ppk -O private-openssh`)"
        )
    raise PermanentSftpError(f"the private key {path} can't be used: {reason}")


def log_in(transport: paramiko.Transport, config: SftpConfig, key: paramiko.PKey | None) -> None:
    """Authenticate: with the key, then, if the server wants both or there is none, the password.

    With neither configured the keys of ssh-agent are offered. Raises PermanentSftpError if the
    server refuses, TransientSftpError if it falls silent or the connection ends.
    """
    if key is None and config.password is None:
        _log_in_with_agent(transport, config)
        return
    more: Sequence[str] = ()
    if key is not None:
        more = _offer_key(transport, config, key)
    if config.password is not None and not transport.is_authenticated():
        more = _send_password(transport, config, config.password)
    if not transport.is_authenticated():
        raise PermanentSftpError(
            f"{config.peer} wants more than was given to log in as {config.username}: "
            f"{' or '.join(more)}"
        )


def _offer_key(
    transport: paramiko.Transport, config: SftpConfig, key: paramiko.PKey
) -> Sequence[str]:
    """Authenticate with a key; gives what the server wants beside it."""
    with _faults(transport, config, _RSA_KEY if key.get_name() == "ssh-rsa" else _KEY):
        return transport.auth_publickey(config.username, key)


def _send_password(
    transport: paramiko.Transport, config: SftpConfig, password: str
) -> Sequence[str]:
    """Authenticate with the password, or as the answer to a prompt where only that is taken."""
    with _faults(transport, config, _PASSWORD):
        try:
            return transport.auth_password(config.username, password, fallback=False)
        except paramiko.BadAuthenticationType as error:
            if _INTERACTIVE not in error.allowed_types:
                raise
        return _answer_prompt(transport, config, password)


def _answer_prompt(
    transport: paramiko.Transport, config: SftpConfig, password: str
) -> Sequence[str]:
    given = False

    def answer(_title: str, _text: str, prompts: Sequence[tuple[str, bool]]) -> list[str]:
        """Answer the one prompt, once; some servers ask again or for a second factor."""
        nonlocal given
        if not prompts:
            return []
        if given or len(prompts) > 1:
            raise paramiko.AuthenticationException("it asks for more than a password")
        given = True
        return [password]

    return transport.auth_interactive(config.username, answer)


def _log_in_with_agent(transport: paramiko.Transport, config: SftpConfig) -> None:
    with contextlib.closing(paramiko.Agent()) as agent:
        for key in agent.get_keys()[:_MOST_AGENT_KEYS]:
            with contextlib.suppress(PermanentSftpError):
                _offer_key(transport, config, key)
            if transport.is_authenticated():
                return
    raise PermanentSftpError(
        f"nothing to log in to {config.peer} with: set SFTP_PASSWORD or SFTP_PRIVATE_KEY_PATH "
        "(ssh-agent isn't running or holds no key that the server takes)"
    )


@contextlib.contextmanager
def _faults(transport: paramiko.Transport, config: SftpConfig, what: str) -> Iterator[None]:
    try:
        with deadline(transport, config, "to the login"):
            yield
    except paramiko.BadAuthenticationType as error:
        raise PermanentSftpError(
            f"{config.peer} doesn't take {what} from {config.username}: it takes "
            f"{' or '.join(error.allowed_types) or 'nothing'}"
        ) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        # Some servers end the connection at a wrong password: it must not be sent again.
        if not transport.is_active() and what != _PASSWORD:
            raise TransientSftpError(f"{config.peer} ended the connection at the login") from error
        raise LoginRefusedError(_refusal(config, what, error)) from error


def _refusal(config: SftpConfig, what: str, error: Exception) -> str:
    if "agree on a pubkey algorithm" in str(error):
        return f"{config.peer} {_ONLY_SHA1}"
    setting = "SFTP_PASSWORD" if what == _PASSWORD else "SFTP_PRIVATE_KEY_PATH"
    perhaps = f"; or it {_ONLY_SHA1}" if what == _RSA_KEY else ""
    return (
        f"{config.peer} refused {what} of {config.username}: check SFTP_USERNAME and {setting}"
        f"{perhaps}; it isn't tried again by itself"
    )
