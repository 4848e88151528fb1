"""Serves a real folder by SFTP (version 3), misbehaving as it is told to.

`python -m saft_pipeline_tests.sftp.quirks NAME…` speaks on stdin and stdout, for sshd's
`Subsystem`; `Server.answers` is the same without any I/O on a wire.
"""

import contextlib
import os
import stat
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from saft_pipeline.sftp import wire
from saft_pipeline_tests.sftp.fake import data, handle, status, string, take_string
from saft_pipeline_tests.sftp.quirks.catalog import Behaviour

_REFUSALS = {"denied": wire.PERMISSION_DENIED, "failure": wire.FAILURE}
_BATCH = 100
_SERVER_ENDS = b"\0end"
"""In the place of an answer: the server hangs up."""


@dataclass
class Open:
    """An open file, or what is left to list of an open folder."""

    path: bytes
    file: BinaryIO | None = None
    names: list[bytes] = field(default_factory=list)
    began: bool = False
    position: int = 0


class Server:
    """One session; `answers` gives a packet for each request, in order."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.open: list[tuple[int, Open]] = []
        self.most_open = 0
        self.answered = 0

    def answers(self, requests: Sequence[bytes]) -> Iterator[bytes]:
        """Answer requests that came together; those over the limit are refused."""
        answers = self._in_order(requests)
        yield from reversed(list(answers)) if self.behaviour.backwards else answers

    def _in_order(self, requests: Sequence[bytes]) -> Iterator[bytes]:
        for place, packet in enumerate(requests):
            self.answered += 1
            if self.answered > (self.behaviour.most_answers or self.answered):
                raise EOFError
            if packet[0] == wire.INIT:
                yield self._version()
                continue
            answer = self._answer(packet, place)
            if answer == _SERVER_ENDS:
                raise EOFError
            if answer:
                if answer[0] == wire.STATUS and not self.behaviour.words_in_status:
                    answer = answer[:5]
                number = packet[1:5]
                if self.behaviour.strange_replies and self.answered > 5:
                    number = b"\xff\xff\xff\xff"
                yield answer[:1] + number + answer[1:]

    def _version(self) -> bytes:
        version = bytes([wire.VERSION]) + struct.pack(">I", self.behaviour.version)
        if self.behaviour.posix_rename != "none":
            version += string(wire.POSIX_RENAME) + string(b"1")
        if self.behaviour.longest_read is not None:
            version += string(wire.LIMITS) + string(b"1")
        return version

    def extended(self, body: bytes) -> bytes:
        most = self.behaviour.longest_read
        if most is None or take_string(body)[0] != wire.LIMITS:
            return status(wire.OP_UNSUPPORTED)
        return bytes([wire.EXTENDED_REPLY]) + struct.pack(">QQQQ", most, most, most, 0)

    def _answer(self, packet: bytes, place: int) -> bytes:
        if self.behaviour.requests is not None and place >= self.behaviour.requests:
            return self._refusal()
        try:
            return ANSWERS[packet[0]](self, packet[5:])
        except FileNotFoundError:
            return status(self.behaviour.missing_is)
        except PermissionError:
            return status(wire.PERMISSION_DENIED)
        except OSError as error:
            return status(wire.FAILURE, str(error).encode())

    def _refusal(self) -> bytes:
        if self.behaviour.refusal == "close":
            return _SERVER_ENDS
        return status(_REFUSALS[self.behaviour.refusal], self.behaviour.words)

    def _new_handle(self, opened: Open) -> bytes:
        most = self.behaviour.open_files
        if most is not None and len(self.open) >= most:
            if opened.file:
                opened.file.close()
            return self._refusal()
        number = 0
        if self.behaviour.shared_handles:
            for taken, _ in reversed(self.open):  # as ssh_sftpd:new_handle does it
                number = taken + 1 if taken <= number else number
        else:
            number = max((taken for taken, _ in self.open), default=-1) + 1
        self.open.append((number, opened))
        self.most_open = max(self.most_open, len(self.open))
        return handle(b"%d" % number)

    def held(self, body: bytes) -> tuple[Open, bytes]:
        value, rest = take_string(body)
        for number, opened in reversed(self.open):
            if b"%d" % number == value:
                return opened, rest
        raise OSError("no such handle")

    def open_file(self, body: bytes) -> bytes:
        path, _ = take_string(body)
        if Path(os.fsdecode(path)).is_dir():
            return status(wire.FAILURE)
        return self._new_handle(Open(path, file=Path(os.fsdecode(path)).open("rb")))

    def read(self, body: bytes) -> bytes:
        opened, rest = self.held(body)
        start, length = struct.unpack(">QI", rest)
        assert opened.file
        if start != opened.position and not self.behaviour.any_order:
            return status(wire.FAILURE, b"read from there is not supported")
        opened.file.seek(start)
        most = 1 if self.behaviour.drip == "data" else self.behaviour.most_read
        piece = opened.file.read(min(length, most) + self.behaviour.excess)
        opened.position = start + len(piece)
        if len(piece) < min(length, most) and not self.behaviour.reads_over_end:
            piece = b""
        if self.behaviour.claims and not piece:
            piece = b"x"
        if piece:
            if self.behaviour.gone_once_read:
                with contextlib.suppress(FileNotFoundError):
                    Path(os.fsdecode(opened.path)).unlink()
            return data(piece) + b"\0" * self.behaviour.end_flag
        return status(self.behaviour.file_end) if self.behaviour.answers_at_end else b""

    def close(self, body: bytes) -> bytes:
        opened, _ = self.held(body)
        self.open = [(n, other) for n, other in self.open if other is not opened]
        if opened.file:
            opened.file.close()
        return status(wire.OK) if self.behaviour.answers_close else b""

    def fstat(self, body: bytes) -> bytes:
        opened, _ = self.held(body)
        if self.behaviour.fstat == "says zero":
            found = Path(os.fsdecode(opened.path)).stat()
            when = int(found.st_mtime)
            return bytes([wire.ATTRS]) + struct.pack(">IQII", 1 | 8, 0, when, when)
        if self.behaviour.fstat != "works":
            refused = self.behaviour.fstat == "refused"
            return status(wire.FAILURE if refused else wire.OP_UNSUPPORTED)
        return self._attributes(opened.path, follow=True)

    def stat(self, body: bytes) -> bytes:
        return self._attributes(take_string(body)[0], follow=True)

    def lstat(self, body: bytes) -> bytes:
        if not self.behaviour.lstat:
            return status(wire.OP_UNSUPPORTED)
        return self._attributes(take_string(body)[0], follow=False)

    def _attributes(self, path: bytes, *, follow: bool) -> bytes:
        found = Path(os.fsdecode(path)).stat(follow_symlinks=follow)
        shift, mode = self.behaviour.stat_time_shift, self.behaviour.mode_in_stat
        return bytes([wire.ATTRS]) + self._encoded(found, shift, with_mode=mode)

    def _encoded(self, found: os.stat_result, shift: int, *, with_mode: bool) -> bytes:
        when = int(time.time() if self.behaviour.time_is_now else found.st_mtime) + shift
        folder = stat.S_ISDIR(found.st_mode)
        sizes = {"true": found.st_size, "zero": 0, "more": found.st_size + 16}
        size = found.st_size if folder else sizes[self.behaviour.size]
        size = self.behaviour.claims or size if not folder else size
        flags, fields = self.behaviour.more_flags, b""
        if self.behaviour.sizes:
            flags, fields = flags | 1, fields + struct.pack(">Q", size)
        if with_mode:
            flags, fields = flags | 4, fields + struct.pack(">I", found.st_mode)
        if self.behaviour.times:
            flags, fields = flags | 8, fields + struct.pack(">II", when, when)
        if self.behaviour.own_attributes:
            own = struct.pack(">I", 1) + string(b"colour@example.com") + string(b"blue")
            flags, fields = flags | 1 << 31, fields + own
        return struct.pack(">I", flags) + fields

    def open_folder(self, body: bytes) -> bytes:
        path, _ = take_string(body)
        if self.behaviour.opens_anything and not Path(os.fsdecode(path)).is_dir():
            return self._new_handle(Open(path, file=Path(os.fsdecode(path)).open("rb")))
        names = sorted(os.fsencode(name) for name in os.listdir(os.fsdecode(path)))  # noqa: PTH208
        if self.behaviour.odd_names:
            names += [b"n" * 100_000 + b".xml", b"m" * 256 + b".xml"]
        if self.behaviour.huge:
            names.append(b"huge.xml")
        return self._new_handle(Open(path, names=names))

    def read_folder(self, body: bytes) -> bytes:
        opened, _ = self.held(body)
        if opened.file:
            return status(wire.FAILURE, b"not a folder")
        if not opened.names and opened.began:
            return self._end()
        opened.began = True
        most = 1 if self.behaviour.drip == "names" else _BATCH
        most = len(opened.names) if self.behaviour.one_answer else most
        batch = opened.names[:most]
        if self.behaviour.ends_with != "itself":
            del opened.names[:most]
        if not batch and self.behaviour.drip != "names":
            return self._end()
        entries = [
            self._entry(opened.path, name) for name in batch or [os.urandom(4).hex().encode()]
        ]
        return bytes([wire.NAME]) + struct.pack(">I", len(entries)) + b"".join(entries)

    def _end(self) -> bytes:
        if self.behaviour.ends_with == "no name":
            return bytes([wire.NAME]) + struct.pack(">I", 0)
        return status(wire.OK if self.behaviour.ends_with == "OK" else wire.EOF)

    def _entry(self, folder: bytes, name: bytes) -> bytes:
        try:
            found = Path(os.fsdecode(folder + b"/" + name)).lstat()
        except OSError:
            size = (1 << 63) + 1 if name == b"huge.xml" else 1
            made_up = struct.pack(">IQIII", 1 | 4 | 8, size, stat.S_IFREG | 0o644, 1, 1)
            return string(name) + string(b"") + made_up
        long_name = stat.filemode(found.st_mode).encode() + b" 1 a a 1 Jan 1 00:00 " + name
        if not self.behaviour.useful_long_names:
            long_name = name
        if self.behaviour.one_answer:
            long_name += bytes(100_000)
        attributes = struct.pack(">I", 0)
        if self.behaviour.attributes_in_listing:
            shift, mode = self.behaviour.listed_time_shift, self.behaviour.mode_in_listing
            attributes = self._encoded(found, shift, with_mode=mode)
        return string(name) + string(long_name) + attributes

    def remove(self, body: bytes) -> bytes:
        path = Path(os.fsdecode(take_string(body)[0]))
        path.lstat()
        if self.behaviour.removes == "really":
            self._writable()
            path.unlink()
        return status(wire.OK)

    def rename(self, body: bytes) -> bytes:
        old, rest = take_string(body)
        source, target = Path(os.fsdecode(old)), Path(os.fsdecode(take_string(rest)[0]))
        if self.behaviour.renames == "unsupported":
            return status(wire.OP_UNSUPPORTED)
        source.lstat()
        if self.behaviour.renames == "really":
            self._writable()
            if target.exists():
                return status(wire.FAILURE)
            source.rename(target)
        return status(wire.OK)

    def make_folder(self, body: bytes) -> bytes:
        self._writable()
        Path(os.fsdecode(take_string(body)[0])).mkdir()
        return status(wire.OK)

    def remove_folder(self, body: bytes) -> bytes:
        self._writable()
        Path(os.fsdecode(take_string(body)[0])).rmdir()
        return status(wire.OK)

    def _writable(self) -> None:
        if self.behaviour.read_only:
            raise PermissionError

    def real_path(self, body: bytes) -> bytes:
        path = os.fsencode(os.path.realpath(os.fsdecode(take_string(body)[0])))
        return bytes([wire.NAME]) + struct.pack(">I", 1) + string(path) + string(b"") + bytes(4)


ANSWERS: dict[int, Callable[[Server, bytes], bytes]] = {
    wire.OPEN: Server.open_file,
    wire.CLOSE: Server.close,
    wire.READ: Server.read,
    wire.FSTAT: Server.fstat,
    wire.STAT: Server.stat,
    wire.LSTAT: Server.lstat,
    wire.OPENDIR: Server.open_folder,
    wire.READDIR: Server.read_folder,
    wire.REMOVE: Server.remove,
    wire.RENAME: Server.rename,
    wire.MKDIR: Server.make_folder,
    wire.RMDIR: Server.remove_folder,
    wire.REALPATH: Server.real_path,
    wire.EXTENDED: Server.extended,
}
