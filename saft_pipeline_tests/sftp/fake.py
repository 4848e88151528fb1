"""An SFTP server in memory, which is its own channel and misbehaves as a test tells it to."""

import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from saft_pipeline.sftp import wire

Handler = Callable[["FakeServer", bytes], bytes]


@dataclass
class FakeFile:
    """A file in memory; `mode` has the type bits."""

    content: bytes = b""
    modified_at: int = 1_700_000_000
    mode: int = 0o100644


@dataclass
class FakeServer:
    """An SFTP server that is its own channel: what is sent to it is answered at once.

    `round_trips` are the times that something was sent.

    `before` is called with the kind and the number (from 1) of each request of that kind, and may
    change `files`, raise OSError, or give the bytes of another answer (none: it isn't answered).
    """

    files: dict[bytes, FakeFile] = field(default_factory=dict)
    folders: dict[bytes, list[bytes]] = field(default_factory=dict)
    max_read: int = 32 * 1024
    extensions: tuple[bytes, ...] = ()
    limits: wire.ServerLimits = wire.USUAL_LIMITS
    before: Callable[[int, int], bytes | None] = lambda _kind, _count: None
    counts: Counter[int] = field(default_factory=Counter)
    round_trips: int = 0
    out: bytearray = field(default_factory=bytearray)
    _in: wire.Packets = field(default_factory=wire.Packets)
    _read: set[bytes] = field(default_factory=set)

    def send(self, data: bytes, /) -> int:
        self.round_trips += 1
        for packet in self._in.feed(data):
            if answer := self._answer(packet):
                self.out += _framed(answer)
        return len(data)

    def recv(self, size: int, /) -> bytes:
        if not self.out:
            raise TimeoutError
        data = bytes(self.out[:size])
        del self.out[:size]
        return data

    def settimeout(self, seconds: float, /) -> None:
        """It never lets one wait."""

    def _answer(self, packet: bytes) -> bytes:
        kind = packet[0]
        if kind == wire.INIT:
            pairs = b"".join(string(name) + string(b"1") for name in self.extensions)
            return bytes([wire.VERSION]) + struct.pack(">I", 3) + pairs
        self.counts[kind] += 1
        number = packet[1:5]
        other = self.before(kind, self.counts[kind])
        answer = other if other is not None else _ANSWERS[kind](self, packet[5:])
        return answer[:1] + number + answer[1:] if answer else b""

    def open(self, body: bytes) -> bytes:
        path, _ = take_string(body)
        return handle(path) if path in self.files else status(wire.NO_SUCH_FILE)

    def read(self, body: bytes) -> bytes:
        path, rest = take_string(body)
        start, length = struct.unpack(">QI", rest)
        piece = self.files[path].content[start : start + min(length, self.max_read)]
        return data(piece) if piece else status(wire.EOF)

    def stat(self, body: bytes) -> bytes:
        path, _ = take_string(body)
        if path not in self.files:
            return status(wire.NO_SUCH_FILE)
        return bytes([wire.ATTRS]) + attributes(self.files[path])

    def open_folder(self, body: bytes) -> bytes:
        path, _ = take_string(body)
        return handle(path) if path in self.folders else status(wire.NO_SUCH_FILE)

    def read_folder(self, body: bytes) -> bytes:
        path, _ = take_string(body)
        if path in self._read:
            return status(wire.EOF)
        self._read.add(path)
        return self.entries(path)

    def entries(self, path: bytes) -> bytes:
        entries = [self._entry(path, name) for name in self.folders[path]]
        return bytes([wire.NAME]) + struct.pack(">I", len(entries)) + b"".join(entries)

    def tell_limits(self, _body: bytes) -> bytes:
        sizes = (wire.MAX_PACKET, self.limits.max_read, self.limits.max_read, self.limits.handles)
        return bytes([wire.EXTENDED_REPLY]) + struct.pack(">QQQQ", *sizes)

    def rename(self, body: bytes) -> bytes:
        old, rest = take_string(body)
        new, _ = take_string(rest)
        if new in self.files:
            return status(wire.FAILURE)
        self.files[new] = self.files.pop(old)
        return status(wire.OK)

    def remove(self, body: bytes) -> bytes:
        path, _ = take_string(body)
        return status(wire.OK if self.files.pop(path, None) else wire.NO_SUCH_FILE)

    def _entry(self, folder: bytes, name: bytes) -> bytes:
        path = folder + b"/" + name
        file = FakeFile(mode=0o040755) if path in self.folders else self.files.get(path, FakeFile())
        return string(name) + string(b"") + attributes(file)


def string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def take_string(body: bytes) -> tuple[bytes, bytes]:
    (length,) = struct.unpack_from(">I", body)
    return body[4 : 4 + length], body[4 + length :]


def status(code: int, message: bytes = b"") -> bytes:
    return bytes([wire.STATUS]) + struct.pack(">I", code) + string(message) + string(b"")


def handle(value: bytes) -> bytes:
    return bytes([wire.HANDLE]) + string(value)


def data(value: bytes) -> bytes:
    return bytes([wire.DATA]) + string(value)


def attributes(file: FakeFile) -> bytes:
    times = (file.modified_at, file.modified_at)
    return struct.pack(">IQIIIII", 15, len(file.content), 0, 0, file.mode, *times)


def _framed(packet: bytes) -> bytes:
    return struct.pack(">I", len(packet)) + packet


_ANSWERS: dict[int, Handler] = {
    wire.OPEN: FakeServer.open,
    wire.READ: FakeServer.read,
    wire.FSTAT: FakeServer.stat,
    wire.STAT: FakeServer.stat,
    wire.LSTAT: FakeServer.stat,
    wire.RENAME: FakeServer.rename,
    wire.REMOVE: FakeServer.remove,
    wire.EXTENDED: FakeServer.tell_limits,
    wire.OPENDIR: FakeServer.open_folder,
    wire.READDIR: FakeServer.read_folder,
    wire.CLOSE: lambda _server, _body: status(wire.OK),
    wire.MKDIR: lambda _server, _body: status(wire.FAILURE),  # it is there
    wire.REALPATH: lambda _server, body: (
        bytes([wire.NAME]) + struct.pack(">I", 1) + body + string(b"") + struct.pack(">I", 0)
    ),
}
