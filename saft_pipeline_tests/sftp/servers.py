"""Servers that misbehave: a TCP proxy that cuts, an SSH server with passwords."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    MSG_SERVICE_REQUEST,
    OPEN_SUCCEEDED,
    cMSG_DISCONNECT,
)
from paramiko.server import InteractiveQuery

from saft_pipeline.sftp.client import SftpConfig


class Proxy:
    """A TCP proxy on loopback in front of a server, that can fail when told to.

    `fault` is "FIN", "RST" or "silence", and comes once `after` more bytes came from the server.
    `sent` are the bytes that came from the client.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._left: int | None = None
        self._fault = ""
        self.sent = 0
        self._clients: list[socket.socket] = []
        self._sockets: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def fail(self, fault: str, after: int = 0) -> None:
        self._fault, self._left = fault, after

    def drop(self, fault: str) -> None:
        """Let the fault come now, while nothing is on its way."""
        self.fail(fault)
        for client in self._clients:
            self._break(client)

    def close(self) -> None:
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._clients.append(client)
                self._sockets += [client, server]
                threading.Thread(target=self._copy, args=(client, server), daemon=True).start()
                threading.Thread(target=self._copy_back, args=(server, client), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                self.sent += len(piece)
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)

    def _copy_back(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                if self._left is not None:
                    self._left -= len(piece)
                    if self._left < 0:
                        self._break(target)
                        return
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)

    def _break(self, target: socket.socket) -> None:
        if self._fault == "FIN":
            target.shutdown(socket.SHUT_WR)
        elif self._fault == "RST":
            target.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # The reader of the other direction keeps the socket open: end it for both.
            target.shutdown(socket.SHUT_RD)
            target.close()


class _Login(paramiko.ServerInterface):
    def __init__(self, password: str, methods: str, prompt: str) -> None:
        self._prompt = prompt
        self._password = password
        self._methods = methods
        self.tries: list[str] = []
        self.answers_logins = threading.Event()
        self.starts_sftp = threading.Event()
        self.hang_up: Callable[[], None] = lambda: None

    def get_allowed_auths(self, username: str) -> str:
        return self._methods

    def check_auth_password(self, username: str, password: str) -> int:
        if "password" not in self._methods:
            return AUTH_FAILED
        self.tries.append(password)
        self.hang_up()
        self.answers_logins.wait(10)
        return AUTH_SUCCESSFUL if password == self._password else AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.hang_up()
        return AUTH_FAILED

    def check_auth_interactive(self, username: str, submethods: str) -> int | InteractiveQuery:
        if "keyboard-interactive" not in self._methods:
            return AUTH_FAILED
        return InteractiveQuery("", "", (self._prompt, False))

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        self.tries += responses
        good = responses == [self._password]
        return AUTH_SUCCESSFUL if good else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        self.starts_sftp.wait(10)
        return super().check_channel_subsystem_request(channel, name)


class _Strict(paramiko.Transport):
    """A server's side that may refuse what paramiko's own lets pass."""

    def __init__(self, sock: socket.socket, *, strict: bool, full: bool) -> None:
        super().__init__(sock)
        self._asked, self._strict, self._full = False, strict, full
        of_paramiko: dict[int, Any] = vars(self)["_handler_table"]
        self._handler_table = {**of_paramiko, MSG_SERVICE_REQUEST: self._serve}

    def _serve(self, message: paramiko.Message) -> None:
        if self._full:
            self._disconnect(12, "one a user")
        elif self._strict and self._asked:
            self._disconnect(2, "the service was asked for")
        else:
            self._asked = True
            handler: Any = self.auth_handler
            handler._parse_service_request(message)

    def _disconnect(self, reason: int, words: str) -> None:
        message = paramiko.Message()
        message.add_byte(cMSG_DISCONNECT)
        message.add_int(reason)
        message.add_string(words)
        message.add_string("")
        transport: Any = self
        transport._send_message(message)
        self.close()


@dataclass
class SshServer:
    """A running SSH server of one user; `tries` are the passwords it was sent."""

    port: int
    key: paramiko.PKey
    tries: list[str]

    @property
    def fingerprint(self) -> str:
        return str(self.key.fingerprint)


def with_password(server: SshServer, password: str) -> SftpConfig:
    """Log in to it with a password, right or wrong."""
    return SftpConfig(
        "127.0.0.1",
        "anna",
        port=server.port,
        password=password,
        host_key_fingerprints=(server.fingerprint,),
        timeout=10,
    )


@contextlib.contextmanager
def ssh_server(
    password: str,
    methods: str = "password",
    *,
    stuck: Literal["login", "sftp", ""] = "",
    hangs_up: bool = False,
    prompt: str = "Password: ",
    strict: bool = False,
    full: bool = False,
    greeting: bytes = b"",
) -> Iterator[SshServer]:
    """Run an SSH server of paramiko's.

    `stuck` is what it never answers; `hangs_up`, it ends the connection at a login; `strict`, at a
    second request for the service of logging in; `full`, it says that it has too many connections.
    """
    key = paramiko.ECDSAKey.generate()
    login = _Login(password, methods, prompt)
    if stuck != "login":
        login.answers_logins.set()
    if stuck != "sftp":
        login.starts_sftp.set()
    listener = socket.create_server(("127.0.0.1", 0))
    transports: list[paramiko.Transport] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                sock.sendall(greeting)
                transports.append(transport := _Strict(sock, strict=strict, full=full))
                transport.add_server_key(key)
                if hangs_up:
                    login.hang_up = transport.close
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer)
                transport.start_server(event=threading.Event(), server=login)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield SshServer(listener.getsockname()[1], key, login.tries)
    finally:
        login.answers_logins.set()
        login.starts_sftp.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for transport in transports:
            transport.close()
