"""The SFTP protocol, version 3 (draft-ietf-secsh-filexfer-02), as bytes: requests and replies.

Nothing here does I/O. Paths are bytes throughout: the protocol promises no encoding.
"""

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

INIT, VERSION, _VERSION = 1, 2, 3
OPEN, CLOSE, READ, LSTAT, FSTAT = 3, 4, 5, 7, 8
OPENDIR, READDIR, REMOVE, MKDIR, RMDIR, REALPATH, STAT, RENAME = 11, 12, 13, 14, 15, 16, 17, 18
STATUS, HANDLE, DATA, NAME, ATTRS = 101, 102, 103, 104, 105
EXTENDED, EXTENDED_REPLY = 200, 201

OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE = 0, 1, 2, 3, 4
BAD_MESSAGE, NO_CONNECTION, CONNECTION_LOST, OP_UNSUPPORTED = 5, 6, 7, 8
UNANSWERED = -1
"""No server's code: what a request ends with that was never answered while later ones were."""

POSIX_RENAME = b"posix-rename@openssh.com"
LIMITS = b"limits@openssh.com"

# Some give a whole folder in one answer, whatever its size (AWS Transfer: libssh2 #269).
MAX_PACKET = 64 << 20
MAX_READ = 256 * 1024
MAX_HANDLES = 1000
_LEAST_READ = 4096
_MOST_WORDS = 500
_HAS_SIZE, _HAS_OWNER, _HAS_MODE, _HAS_TIMES = 1, 2, 4, 8
_HAS_EXTENDED = 0x80000000
_FOR_READING = 1
_UINT32, _UINT64 = struct.Struct(">I"), struct.Struct(">Q")
_USUAL_ATTRIBUTES = struct.Struct(">IQIIIII")  # flags, size, uid, gid, mode, atime, mtime
_LIMITS = struct.Struct(">QQQQ")  # longest packet, read and write, open handles


class GarbledError(Exception):
    """The bytes received aren't the protocol."""


class ServerLimits(NamedTuple):
    """What a server gives at once: the longest read in bytes, the most handles in a session."""

    max_read: int
    handles: int


# What every server gives; OpenSSH says by itself that it gives more.
USUAL_LIMITS = ServerLimits(32 * 1024, 128)


class Request(NamedTuple):
    """A request without its number; `start` and `length` are those of a read."""

    kind: int
    body: bytes
    start: int = 0
    length: int = 0


class Attributes(NamedTuple):
    """What the server says of a file: bytes, mode bits with the type, epoch seconds."""

    size: int | None
    mode: int | None
    modified_at: int | None


class Entry(NamedTuple):
    """One name of a folder; `long_name` is the line that `ls -l` would show, or anything."""

    name: bytes
    attributes: Attributes
    long_name: bytes = b""


class Status(NamedTuple):
    """How a request ended, where nothing else is given back (SSH_FXP_STATUS)."""

    code: int
    message: str


class Handle(NamedTuple):
    """An open file or folder."""

    value: bytes


class Data(NamedTuple):
    """Bytes read."""

    value: memoryview


class Names(NamedTuple):
    """Entries of a folder, or the answer to REALPATH."""

    entries: list[Entry]


class Extended(NamedTuple):
    """The answer to an extension's request."""

    value: memoryview


Reply = Status | Handle | Data | Names | Attributes | Extended


def encode(number: int, request: Request) -> bytes:
    """Give the packet of a request under its number."""
    length = len(request.body) + 5
    return struct.pack(">IBI", length, request.kind, number) + request.body


def init() -> bytes:
    """Give the packet that opens the session (SSH_FXP_INIT, version 3)."""
    return struct.pack(">IBI", 5, INIT, _VERSION)


def open_file(path: bytes) -> Request:
    """Open a file for reading."""
    return Request(OPEN, _string(path) + struct.pack(">II", _FOR_READING, 0))


def open_folder(path: bytes) -> Request:
    """Open a folder for listing."""
    return Request(OPENDIR, _string(path))


def read_folder(handle: Handle) -> Request:
    """Ask for some more entries of an open folder."""
    return Request(READDIR, _string(handle.value))


def read(handle: Handle, start: int, length: int) -> Request:
    """Read up to `length` bytes from `start` on."""
    return Request(READ, _string(handle.value) + struct.pack(">QI", start, length), start, length)


def close(handle: Handle) -> Request:
    """Close a file or folder."""
    return Request(CLOSE, _string(handle.value))


def fstat(handle: Handle) -> Request:
    """Ask for the attributes of an open file."""
    return Request(FSTAT, _string(handle.value))


def closed(request: Request) -> Handle:
    """Give the handle that a CLOSE is about."""
    return Handle(request.body[4:])


def stat(path: bytes) -> Request:
    """Ask for the attributes of what a path leads to, links followed."""
    return Request(STAT, _string(path))


def lstat(path: bytes) -> Request:
    """Ask for the attributes of what has a path, be it a link."""
    return Request(LSTAT, _string(path))


def real_path(path: bytes) -> Request:
    """Ask for the absolute form of a path."""
    return Request(REALPATH, _string(path))


def remove(path: bytes) -> Request:
    """Delete a file."""
    return Request(REMOVE, _string(path))


def make_folder(path: bytes) -> Request:
    """Make a folder with the server's default rights."""
    return Request(MKDIR, _string(path) + _UINT32.pack(0))


def remove_folder(path: bytes) -> Request:
    """Delete a folder that is empty."""
    return Request(RMDIR, _string(path))


def rename(old: bytes, new: bytes) -> Request:
    """Rename; `new` must not exist. OpenSSH makes and removes a hard link for it."""
    return Request(RENAME, _string(old) + _string(new))


def posix_rename(old: bytes, new: bytes) -> Request:
    """Rename in one step, which replaces `new` (an extension of OpenSSH)."""
    return Request(EXTENDED, _string(POSIX_RENAME) + _string(old) + _string(new))


def limits() -> Request:
    """Ask how much the server gives at once (an extension of OpenSSH)."""
    return Request(EXTENDED, _string(LIMITS))


def decode_limits(reply: Reply) -> ServerLimits:
    """Read the answer to `limits`, where 0 is no limit; anything else tells nothing new."""
    if not isinstance(reply, Extended) or len(reply.value) < _LIMITS.size:
        return USUAL_LIMITS
    _, longest, _, handles = _LIMITS.unpack_from(reply.value)
    longest = max(min(longest or MAX_READ, MAX_READ), _LEAST_READ)  # it may give less than asked
    return ServerLimits(longest, min(handles or MAX_HANDLES, MAX_HANDLES))


def decode_version(packet: bytes) -> set[bytes]:
    """Give the extensions named by the server's first packet.

    Raises GarbledError if it is none: most often a login script that prints something.
    """
    if len(packet) < 5 or packet[0] != VERSION:
        raise GarbledError("its first bytes aren't SFTP")
    if (version := _UINT32.unpack_from(packet, 1)[0]) > _VERSION:
        raise GarbledError(f"it answers in version {version}, though asked for {_VERSION}")
    names, position = set(), 5
    while position < len(packet):
        name, position = _take_string(packet, position)
        _, position = _take_string(packet, position)
        names.add(name)
    return names


def decode(packet: bytes) -> tuple[int, Reply]:
    """Give the request's number and the reply. Raises GarbledError."""
    try:
        number: int = _UINT32.unpack_from(packet, 1)[0]
        decoder = _DECODERS[packet[0]]
        return number, decoder(packet)
    except (struct.error, IndexError, KeyError) as error:
        raise GarbledError(f"a packet of type {packet[:1].hex()} can't be read") from error


class Packets:
    """Cuts the stream of bytes into packets, whatever the pieces it comes in."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Add bytes; give each packet, without its length, that is whole. Raises GarbledError."""
        self._buffer += data
        position = 0
        try:
            while len(self._buffer) - position >= 4:
                start, end = position + 4, position + 4 + self._length(position)
                if end > len(self._buffer):
                    break
                position = end
                yield bytes(memoryview(self._buffer)[start:end])
        finally:
            del self._buffer[:position]

    def _length(self, position: int) -> int:
        length: int = _UINT32.unpack_from(self._buffer, position)[0]
        if not 0 < length <= MAX_PACKET:
            raise GarbledError(f"a packet claims {length} bytes")
        return length


def _string(value: bytes) -> bytes:
    return _UINT32.pack(len(value)) + value


def _take_string(packet: bytes, position: int) -> tuple[bytes, int]:
    try:
        start = position + 4
        end = start + _UINT32.unpack_from(packet, position)[0]
    except struct.error as error:
        raise GarbledError("a packet ends too early") from error
    if end > len(packet):
        raise GarbledError("a text in a packet is longer than the packet")
    return packet[start:end], end


def _take_attributes(packet: bytes, position: int) -> tuple[Attributes, int]:
    flags: int = _UINT32.unpack_from(packet, position)[0]
    if flags == _HAS_SIZE | _HAS_OWNER | _HAS_MODE | _HAS_TIMES:
        _, size, _, _, mode, _, modified_at = _USUAL_ATTRIBUTES.unpack_from(packet, position)
        return Attributes(size, mode, modified_at), position + _USUAL_ATTRIBUTES.size
    return _take_unusual_attributes(packet, position + 4, flags)


def _take_unusual_attributes(packet: bytes, position: int, flags: int) -> tuple[Attributes, int]:
    size = mode = modified_at = None
    if flags & _HAS_SIZE:
        size, position = _UINT64.unpack_from(packet, position)[0], position + 8
    if flags & _HAS_OWNER:
        position += 8
    if flags & _HAS_MODE:
        mode, position = _UINT32.unpack_from(packet, position)[0], position + 4
    if flags & _HAS_TIMES:
        modified_at, position = _UINT32.unpack_from(packet, position + 4)[0], position + 8
    if flags & _HAS_EXTENDED:
        position = _skip_extended(packet, position)
    return Attributes(size, mode, modified_at), position


def _skip_extended(packet: bytes, position: int) -> int:
    count: int = _UINT32.unpack_from(packet, position)[0]
    position += 4
    for _ in range(2 * count):
        _, position = _take_string(packet, position)
    return position


def _decode_status(packet: bytes) -> Status:
    code: int = _UINT32.unpack_from(packet, 5)[0]
    if len(packet) < 13:  # some servers send no message
        return Status(code, "")
    return Status(code, _take_string(packet, 9)[0][:_MOST_WORDS].decode("utf-8", "replace"))


def _decode_data(packet: bytes) -> Data:
    length: int = _UINT32.unpack_from(packet, 5)[0]
    if len(packet) < 9 + length:
        raise GarbledError("a packet holds fewer bytes than it says")
    return Data(memoryview(packet)[9 : 9 + length])


def _decode_names(packet: bytes) -> Names:
    count: int = _UINT32.unpack_from(packet, 5)[0]
    entries, position = [], 9
    for _ in range(count):
        name, position = _take_string(packet, position)
        long_name, position = _take_string(packet, position)
        attributes, position = _take_attributes(packet, position)
        entries.append(Entry(name, attributes, long_name))
    return Names(entries)


_DECODERS: dict[int, Callable[[bytes], Reply]] = {
    STATUS: _decode_status,
    HANDLE: lambda packet: Handle(_take_string(packet, 5)[0]),
    DATA: _decode_data,
    NAME: _decode_names,
    ATTRS: lambda packet: _take_attributes(packet, 5)[0],
    EXTENDED_REPLY: lambda packet: Extended(memoryview(packet)[5:]),
}
