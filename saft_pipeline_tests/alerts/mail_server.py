"""An SMTP server for one sender, as far as smtplib goes: TLS, a login, mail that is kept."""

from __future__ import annotations

import base64
import socket
import socketserver
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from saft_pipeline_tests.fixtures import in_thread
from saft_pipeline_tests.fixtures.tls import Certificate


@dataclass
class Mailbox:
    """What was sent and how; `extensions` are what the server offers."""

    port: int = 0
    extensions: list[str] = field(default_factory=list)
    password: str = ""
    refused: str = ""
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    encrypted: bool = False
    logins: list[str] = field(default_factory=list)


@contextmanager
def mail_server(certificate: Certificate | None, *, tls_first: bool = False) -> Iterator[Mailbox]:
    """A server on a free port of the loopback; with a certificate it offers STARTTLS."""
    box = Mailbox(extensions=["STARTTLS"] if certificate and not tls_first else [])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate:
        tls.load_cert_chain(certificate.certificate, certificate.key)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                _Conversation(box, self.request, tls, tls_first=tls_first).hold()
            except OSError:
                return  # the client did not like our certificate

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    with in_thread.answering(server) as box.port:
        yield box


class _Conversation:
    def __init__(
        self, box: Mailbox, sock: socket.socket, tls: ssl.SSLContext, *, tls_first: bool
    ) -> None:
        self._box = box
        self._sock = sock
        self._tls = tls
        if tls_first:
            self._encrypt()
        self._lines = self._sock.makefile("rb")

    def _encrypt(self) -> None:
        self._sock = self._tls.wrap_socket(self._sock, server_side=True)
        self._box.encrypted = True

    def _say(self, text: str) -> None:
        self._sock.sendall(f"{text}\r\n".encode())

    def hold(self) -> None:
        self._say("220 test")
        while line := self._lines.readline():
            word, _, rest = line.decode().strip().partition(" ")
            if not self._answer(word.upper(), rest):
                return

    def _answer(self, word: str, rest: str) -> bool:
        if word == "EHLO":
            offered = [] if self._box.encrypted else self._box.extensions
            auth = ["AUTH PLAIN"] if self._box.password else []
            self._say("\r\n".join((*(f"250-{x}" for x in ("test", *offered, *auth)), "250 HELP")))
        elif word == "STARTTLS":
            self._say("220 go on")
            self._encrypt()
            self._lines = self._sock.makefile("rb")
        elif word == "AUTH":
            self._log_in(rest)
        elif word == "RCPT":
            address = rest[rest.index("<") + 1 : rest.index(">")]
            self._say("550 unknown" if address == self._box.refused else "250 ok")
            self._box.recipients.append(address)
        elif word == "DATA":
            self._say("354 go on")
            self._take()
        else:
            self._say("221 bye" if word == "QUIT" else "250 ok")
        return word != "QUIT"

    def _log_in(self, rest: str) -> None:
        _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
        self._box.logins.append(user)
        self._say("235 ok" if password == self._box.password else "535 no")

    def _take(self) -> None:
        lines = iter(self._lines.readline, b".\r\n")
        mail = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self._box.mails.append(mail)
        self._say("250 ok")
