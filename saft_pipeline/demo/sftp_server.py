"""The demo's SFTP server: paramiko's, on the loopback, with a key and a password of its own."""

from __future__ import annotations

import hmac
import logging
import os
import secrets
import socket
import threading
from pathlib import Path
from typing import Self

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)

from saft_pipeline.demo.sftp_folder import ConfinedFolder


class DemoSftpServer:
    """A server of one folder that runs while the context is open, and leaves no thread behind.

    `port` 0 is any free one. The host key is kept beside the folder, so that its `fingerprint`
    (`SHA256:…`) stays the same; the password is a new one each time.
    """

    host = "127.0.0.1"
    username = "demo"

    def __init__(self, folder: Path, port: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder.resolve()
        self._key = _host_key(folder.parent / "sftp_host_key")
        self.port = port
        self.password = secrets.token_urlsafe()
        self.fingerprint = str(self._key.fingerprint)
        self._stopping = threading.Event()
        self._connections: list[_Connection] = []

    def __enter__(self) -> Self:
        logging.getLogger("paramiko").addHandler(logging.NullHandler())  # else noise on stderr
        self._listener = socket.create_server((self.host, self.port))
        self.port = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name="demo-sftp-server")
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # ends accept(), as close() would not
        self._acceptor.join()
        self._listener.close()
        for connection in self._connections:
            connection.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:  # stopping, or a client that left, or too many open files
                self._stopping.wait(0.1)
            else:
                self._serve(sock)

    def _serve(self, sock: socket.socket) -> None:
        for connection in [c for c in self._connections if not c.is_open]:
            connection.close()
            self._connections.remove(connection)
        login = f"{self.username}:{self.password}"
        self._connections.append(_Connection(sock, self._key, login, self._folder))


class _Connection(paramiko.ServerInterface):
    """One client: let in if it knows the login (`user:password`), to SFTP sessions only."""

    def __init__(self, sock: socket.socket, key: paramiko.PKey, login: str, folder: Path) -> None:
        self._login = login.encode()
        self._sessions: list[threading.Thread] = []
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = paramiko.Transport(sock)
        self._transport.add_server_key(key)
        self._transport.set_subsystem_handler("sftp", _Session, folder, self._sessions)
        self._transport.start_server(event=threading.Event(), server=self)

    @property
    def is_open(self) -> bool:
        """Whether the client is still there."""
        return self._transport.is_alive()

    def close(self) -> None:
        """End it and all of its threads."""
        self._transport.close()
        self._transport.join()
        for session in self._sessions:
            session.join()

    def get_allowed_auths(self, _username: str) -> str:
        """Nothing but passwords."""
        return "password"

    def check_auth_password(self, username: str, password: str) -> int:
        """Whether it is the login."""
        same = hmac.compare_digest(f"{username}:{password}".encode(), self._login)
        return AUTH_SUCCESSFUL if same else AUTH_FAILED

    def check_channel_request(self, kind: str, _chanid: int) -> int:
        """No tunnels."""
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


class _Session(paramiko.SFTPServer):
    """A session, which puts itself, a thread, among those that are waited for at the end."""

    def __init__(
        self,
        channel: paramiko.Channel,
        name: str,
        server: paramiko.ServerInterface,
        folder: Path,
        sessions: list[threading.Thread],
    ) -> None:
        super().__init__(channel, name, server, ConfinedFolder, folder)
        sessions.append(self)


def _host_key(path: Path) -> paramiko.PKey:
    """The key kept at `path`, made if there is none; only its owner may read it."""
    if not path.exists():
        made = path.with_name(f"{path.name}.{os.getpid()}")
        paramiko.ECDSAKey.generate().write_private_key_file(str(made))
        made.replace(path)
    return paramiko.ECDSAKey.from_private_key_file(str(path))
