"""From a configuration to an authenticated SFTP channel, every wait for the server bounded.

The server's key is judged before anything is sent to it.
"""

import contextlib
import logging
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from saft_pipeline.sftp import login
from saft_pipeline.sftp.deadline import Deadline
from saft_pipeline.sftp.errors import HostKeyError, PermanentSftpError, TransientSftpError
from saft_pipeline.sftp.flight import Bounds
from saft_pipeline.sftp.host_key import HostKey
from saft_pipeline.sftp.model import SftpConfig
from saft_pipeline.sftp.open_connections import OPEN_CONNECTIONS
from saft_pipeline.sftp.quirks import Quirks
from saft_pipeline.sftp.session import Session
from saft_pipeline.sftp.transport import SshTransport
from saft_pipeline.sftp.trust import Trust, address, load_trust

# Bytes that the server may send before we have read them: more than we ever ask for at once, so
# that it never waits for a message that makes room.
_CHANNEL_WINDOW = 32 << 20
KEEPALIVE_SECONDS = 15
# The kinds of host key, each with the algorithms that it signs with; a server has one of each kind.
_ECDSA = ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
_RSA = ("rsa-sha2-512", "rsa-sha2-256")
_KINDS = (("ssh-ed25519",), _ECDSA, _RSA)
_ALGORITHMS = {"ssh-rsa": _RSA}
# They need a quarter less time than paramiko's first choice, and no MAC of their own.
_FASTEST_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
# Else it prints tracebacks on stderr of what is raised to the caller anyway.
_SILENT = logging.NullHandler()


def open_session(
    config: SftpConfig, quirks: Quirks, bounds: Bounds
) -> tuple[SshTransport, Session]:
    """Connect, check the server's key, log in, open the SFTP channel; all within the timeout.

    Raises TransientSftpError, PermanentSftpError (HostKeyError among them). The caller closes the
    transport, which ends the session.
    """
    key = login.load_key(config)
    deadline = Deadline(config)
    transport = _trusted_transport(config, deadline)
    try:
        login.Login(transport, config, deadline).log_in(key)
        channel = _open_channel(transport, config, deadline)
        with deadline.bound(transport, "to the first message of SFTP"):
            channel.settimeout(config.timeout)
            session = Session(
                channel, config.peer, quirks=quirks, bounds=bounds, patience=config.timeout
            )
        transport.set_keepalive(KEEPALIVE_SECONDS)
        return transport, session
    except BaseException:
        transport.close()
        raise


def host_key(config: SftpConfig) -> HostKey:
    """Give the key that the server shows, trusted or not; nothing is sent to it, nobody logs in.

    Raises TransientSftpError or PermanentSftpError if it shows none.
    """
    try:
        transport = _trusted_transport(config, Deadline(config))
    except HostKeyError as error:
        return error.key
    with contextlib.closing(transport):
        return _shown(transport, config)


def _trusted_transport(config: SftpConfig, deadline: Deadline) -> SshTransport:
    """Connect to a server whose key is trusted, asking for its other keys if the first isn't."""
    trust = load_trust(
        config.host,
        config.port,
        config.host_key_fingerprints,
        config.known_hosts_path,
        Path.home() / ".ssh" / "known_hosts",
    )
    wanted = [name for kind in trust.kinds for name in _ALGORITHMS.get(kind, (kind,))]
    try:
        return _checked(_connect(config, deadline, wanted), config, trust)
    except HostKeyError as error:
        if not trust.pins or error.revoked:
            raise
        return _with_pinned_key(config, deadline, trust, error)


def _with_pinned_key(
    config: SftpConfig, deadline: Deadline, trust: Trust, error: HostKeyError
) -> SshTransport:
    """Look for the pinned key among the kinds that the server didn't show; a pin names no kind."""
    seen = _ALGORITHMS.get(error.key.kind, (error.key.kind,))
    for algorithms in _KINDS:
        if not set(seen) & set(algorithms):
            with contextlib.suppress(PermanentSftpError):
                connected = _connect(config, deadline, algorithms, only=True)
                return _checked(connected, config, trust)
    raise error


def _checked(transport: SshTransport, config: SftpConfig, trust: Trust) -> SshTransport:
    try:
        trust.check(_shown(transport, config))
    except HostKeyError:
        transport.close()
        raise
    return transport


def _shown(transport: SshTransport, config: SftpConfig) -> HostKey:
    key = transport.get_remote_server_key()
    return HostKey(address(config.host, config.port), key.get_name(), key.asbytes())


def _connect(
    config: SftpConfig, deadline: Deadline, algorithms: Sequence[str], *, only: bool = False
) -> SshTransport:
    """Make the encrypted connection; host keys of some algorithms come before others (or alone)."""
    logging.getLogger("paramiko").addHandler(_SILENT)
    sock = _dial(config, deadline)
    transport = SshTransport(sock, default_window_size=_CHANNEL_WINDOW)
    try:
        OPEN_CONNECTIONS.add(transport)
        _set_up(transport, config.timeout, algorithms, only=only)
        _shake_hands(transport, config, deadline)
    except BaseException:
        transport.close()
        sock.close()
        raise
    return transport


def _set_up(
    transport: SshTransport, timeout: float, algorithms: Sequence[str], *, only: bool
) -> None:
    # We bound every wait as a whole; these only end the thread behind it.
    transport.banner_timeout = transport.handshake_timeout = 2 * timeout
    transport.auth_timeout = 2 * timeout
    options = transport.get_security_options()
    first = [name for name in algorithms if name in options.key_types]
    others = () if only else options.key_types
    options.key_types = tuple(dict.fromkeys([*first, *others]))
    options.ciphers = tuple(dict.fromkeys([*_FASTEST_CIPHERS, *options.ciphers]))


def _dial(config: SftpConfig, deadline: Deadline) -> socket.socket:
    try:
        sock = socket.create_connection((config.host, config.port), deadline.left)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise TransientSftpError(
                f"the name {config.host} can't be looked up now (DNS doesn't answer)"
            ) from error
        raise PermanentSftpError(f"no host is called {config.host}: check SFTP_HOST") from error
    except TimeoutError as error:
        raise TransientSftpError(deadline.silence("to the connection")) from error
    except OSError as error:
        raise TransientSftpError(
            f"{config.peer} can't be reached: {error.strerror or error}; "
            "check SFTP_HOST, SFTP_PORT and the firewall if it lasts"
        ) from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _shake_hands(transport: SshTransport, config: SftpConfig, deadline: Deadline) -> None:
    done = threading.Event()
    try:
        transport.start_client(event=done)
        if not done.wait(deadline.left):
            raise TransientSftpError(deadline.silence("to the SSH handshake"))
        if not transport.is_active():
            raise transport.get_exception() or EOFError
    except IncompatiblePeer as error:
        raise PermanentSftpError(_no_common_algorithm(transport, config, error)) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        login.check_room(transport, config.peer)
        raise _handshake_error(config, error) from error


def _handshake_error(config: SftpConfig, error: Exception) -> Exception:
    if "Indecipherable" in str(error):
        return PermanentSftpError(
            f"what listens on {config.peer} isn't an SSH server: check SFTP_HOST and SFTP_PORT"
        )
    return TransientSftpError(
        f"{config.peer} broke off the SSH handshake ({_plain(error)}): it may be busy "
        "(MaxStartups) or refuse this address"
    )


def _no_common_algorithm(transport: SshTransport, config: SftpConfig, error: Exception) -> str:
    if "host key" in str(error):
        return (
            f"{config.peer} has no host key of a kind that is still safe: most likely only ssh-rsa "
            "with SHA-1; its owner must update it (OpenSSH 7.2 or newer signs with rsa-sha2) or "
            "add an ed25519 or ECDSA key"
        )
    options = transport.get_security_options()
    ours = {"key exchange": options.kex, "cipher": options.ciphers, "MAC": options.digests}
    lacking = [
        f"{kind}: it has {', '.join(transport.offers[kind])}; we have {', '.join(names)}"
        for kind, names in ours.items()
        if not set(names) & set(transport.offers.get(kind, names))
    ]
    return (
        f"{config.peer} and we have no SSH algorithm in common "
        f"({'; '.join(lacking) or _plain(error)}): its owner must allow one more"
    )


def _open_channel(
    transport: SshTransport, config: SftpConfig, deadline: Deadline
) -> paramiko.Channel:
    with deadline.bound(transport, "to the request for a session"):
        try:
            channel: paramiko.Channel = transport.open_session(timeout=2 * config.timeout)
        except (paramiko.SSHException, EOFError, OSError) as error:
            login.check_room(transport, config.peer)
            raise TransientSftpError(
                f"{config.peer} opens no session ({_plain(error)}): it may be busy (MaxSessions)"
            ) from error
        _start_sftp(transport, channel, config)
    return channel


def _start_sftp(transport: SshTransport, channel: paramiko.Channel, config: SftpConfig) -> None:
    try:
        channel.invoke_subsystem("sftp")
    except (paramiko.SSHException, EOFError, OSError) as error:
        if not transport.is_active():
            raise TransientSftpError(
                f"{config.peer} ended the connection after the login"
            ) from error
        raise PermanentSftpError(
            f"{config.peer} lets {config.username} in but offers no SFTP: its owner must turn the "
            "sftp subsystem on"
        ) from error


def _plain(error: BaseException) -> str:
    return str(error) or type(error).__name__
