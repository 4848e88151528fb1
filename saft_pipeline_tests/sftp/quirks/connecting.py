"""The real client on a quirky server, without SSH between them: fast, and its clock is ours."""

import contextlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from saft_pipeline.sftp import connection, wire
from saft_pipeline.sftp.client import Quirks, Sftp, SftpConfig, connect
from saft_pipeline.sftp.flight import Bounds
from saft_pipeline.sftp.session import Session
from saft_pipeline_tests.sftp.quirks.catalog import behaviour_of
from saft_pipeline_tests.sftp.quirks.server import Server

CONFIG = SftpConfig("quirky", "anna", password="secret")


@dataclass
class Pipe:
    """A channel to a server in this process: what isn't answered is timed out at once."""

    server: Server
    timeout: float = 30.0
    now: float = 0.0
    out: bytearray = field(default_factory=bytearray)
    ended: bool = False
    drips: bool = False
    packets: wire.Packets = field(default_factory=wire.Packets)

    def send(self, sent: bytes, /) -> int:
        if self.ended:
            raise BrokenPipeError
        try:
            asked = list(self.packets.feed(sent))
            first = self.server.behaviour.drips_from
            self.drips = self.drips or first in [packet[0] for packet in asked]
            for answer in self.server.answers(asked):
                self.out += struct.pack(">I", len(answer)) + answer
        except EOFError:
            self.ended = True
        return len(sent)

    def recv(self, size: int, /) -> bytes:
        if not self.out:
            if self.ended:
                return b""
            self.now += self.timeout
            raise TimeoutError
        if self.drips or self.server.behaviour.drip == "bytes":
            self.now, size = self.now + 1, 1
        elif self.server.behaviour.drip:
            self.now, size = self.now + 1, 200
        received = bytes(self.out[:size])
        del self.out[:size]
        return received

    def settimeout(self, seconds: float, /) -> None:
        self.timeout = seconds


class _NoTransport:
    aborted = False

    def close(self) -> None:
        """There is none."""


@dataclass
class Quirky:
    """A server with quirks; `connections` are those made so far, each had so many `seconds`."""

    names: tuple[str, ...]
    connections: list[Pipe] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def open(self, config: SftpConfig, quirks: Quirks, bounds: Bounds) -> tuple[Any, Session]:
        pipe = Pipe(Server(behaviour_of(*self.names)))
        self.connections.append(pipe)
        self.seconds.append(config.timeout)
        clock = lambda: pipe.now  # noqa: E731  # the pipe's own time
        return _NoTransport(), Session(pipe, "quirky:22", quirks=quirks, bounds=bounds, clock=clock)


@contextlib.contextmanager
def quirky(
    patch: pytest.MonkeyPatch, *names: str, quirks: Quirks | None = None
) -> Iterator[tuple[Sftp, Quirky]]:
    """Connect to a server with the quirks of these names."""
    server = Quirky(names)
    with patch.context() as patched:
        patched.setattr(connection, "open_session", server.open)
        with connect(CONFIG, quirks) as sftp:
            yield sftp, server
