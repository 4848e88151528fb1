"""What a folder's entries are: files to take, folders to visit, names whose kind is to be asked."""

import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field

from saft_pipeline.sftp import paths, wire
from saft_pipeline.sftp.errors import PermanentSftpError
from saft_pipeline.sftp.faults import describe
from saft_pipeline.sftp.model import ListingProblem, RemoteFile, RemoteFiles
from saft_pipeline.sftp.wire import Attributes, Entry, Reply, Status

# Deeper and larger than anybody's tree: a server whose folders or listings never end must not keep
# us for ever, nor fill the memory.
MAX_DEPTH = 50
MAX_ENTRIES = 2_000_000
MAX_BYTES = 256 << 20
# What a database keeps as a file's size, and what file systems allow.
_MOST_SIZE = 1 << 63
_LONGEST_NAME = 255
_LONGEST_PATH = 2000
_UNREAD = (b"7z", b"rar")
_LONG_NAME = re.compile(rb"([-bcdlps])[-rwxsStTl]{9}")
_KINDS = {b"d": stat.S_IFDIR, b"-": stat.S_IFREG, b"l": stat.S_IFLNK}


@dataclass
class ListingScope:
    """What a listing looks for below `root`; `excluded`, relative to it, is never visited.

    `left` entries, with `room` bytes of paths, may still come.
    """

    root: bytes
    pattern: re.Pattern[str]
    recursive: bool
    excluded: bytes | None
    left: int = field(default_factory=lambda: MAX_ENTRIES)
    room: int = field(default_factory=lambda: MAX_BYTES)

    def wants(self, name: bytes) -> bool:
        """Tell whether a file of this name is to be taken."""
        text = name.decode("utf-8", "surrogateescape")
        return not paths.is_left_alone(name) and self.pattern.match(text) is not None

    def visits(self, folder: bytes) -> bool:
        """Tell whether a folder, relative to the root, is to be visited."""
        hidden = paths.split(folder)[1].startswith(b".")
        return self.recursive and not hidden and folder != self.excluded

    def count(self, folder: bytes, entries: Sequence[Entry]) -> None:
        """Note that entries came. Raises PermanentSftpError once they are too many."""
        self.left -= len(entries)
        self.room -= sum(len(entry.name) for entry in entries) + len(entries) * len(folder)
        if self.left < 0 or self.room < 0:
            what = f"{MAX_ENTRIES:,} names" if self.left < 0 else f"{MAX_BYTES:,} bytes of names"
            raise PermanentSftpError(
                f"the folder {paths.text_path(self.root)} holds more than {what}, or its listing "
                "never ends: point SFTP_REMOTE_DIR to a smaller folder, or set AFTER_LOAD=archive"
            )


@dataclass
class Folder:
    """What one folder holds, its paths relative to the root.

    `refused` says why it, or the rest of it, can't be listed. A name that is listed twice, as may
    happen while others are renamed, is kept once. `untyped` are entries of which the server doesn't
    say whether they are folders, `links` paths whose target is to be looked at, with whether they
    are links; the others lack size or time.
    """

    path: bytes
    files: RemoteFiles = field(default_factory=RemoteFiles)
    folders: set[bytes] = field(default_factory=set)
    problems: list[ListingProblem] = field(default_factory=list)
    refused: Status | None = None
    untyped: list[Entry] = field(default_factory=list)
    links: dict[bytes, bool] = field(default_factory=dict)
    unfit: int = 0

    def sort(self, entries: Sequence[Entry], scope: ListingScope) -> None:
        """Take entries for what they are."""
        for entry in entries:
            if entry.name in (b".", b".."):
                continue
            path = paths.join(self.path, entry.name)
            if paths.is_unsafe(entry.name):
                shown = paths.text_path(entry.name)
                reason = f"the server listed the name {shown!r}, which is no file name"
                self.reject(paths.join(self.path, entry.name.lstrip(b"/")), reason)
            elif type_of(entry.attributes) or not (scope.wants(entry.name) or scope.visits(path)):
                self.take(path, entry.attributes, scope)
            else:
                self.untyped.append(entry)

    def take(self, path: bytes, attributes: Attributes, scope: ListingScope) -> None:
        """Take an entry by its kind, if it is one that is looked for."""
        name, kind = paths.split(path)[1], type_of(attributes)
        if kind == stat.S_IFDIR and scope.visits(path):
            self._add_folder(path)
        elif kind != stat.S_IFDIR and not scope.wants(name):
            self._leave(path, name, scope)
        elif kind != stat.S_IFDIR:
            if kind == stat.S_IFLNK or attributes.size is None or attributes.modified_at is None:
                self.links[path] = kind == stat.S_IFLNK
            else:
                self.add(path, attributes)

    def _leave(self, path: bytes, name: bytes, scope: ListingScope) -> None:
        """Count a file that is not looked for; of an archive that nobody can read, say so."""
        if paths.is_left_alone(name):
            return
        self.unfit += 1
        kind = name.rpartition(b".")[2].lower()
        if kind in _UNREAD and scope.wants(b"any.zip"):
            said = kind.decode()
            self.reject(path, f"{said} archives can't be read: have it packed as a zip or .xml.gz")

    def add(self, path: bytes, attributes: Attributes) -> None:
        """Take a regular file; anything else (FIFO, device, folder) is none.

        Of one without size or time both are 0: reading it finds the one, nothing needs the other.
        """
        size, modified_at = attributes.size or 0, attributes.modified_at or 0
        if type_of(attributes) not in (stat.S_IFREG, 0):
            return
        if size >= _MOST_SIZE:
            self.reject(path, f"the server says that it holds {size:,} bytes")
        elif long := too_long(path):
            self.reject(path, long)
        else:
            self.files.add(RemoteFile(path, size, modified_at))

    def _add_folder(self, path: bytes) -> None:
        deep = path.count(b"/") >= MAX_DEPTH
        reason = f"folders deeper than {MAX_DEPTH} levels aren't visited" if deep else ""
        if reason := reason or too_long(path):
            self.reject(path, reason, folder=True)
        else:
            self.folders.add(path)

    def break_off(self, reply: Reply) -> None:
        """Note how its listing ended, if not with its end."""
        if not isinstance(reply, Status):
            self.reject(self.path, "the server's listing makes no sense", folder=True)
        elif reply.code != wire.EOF:
            self.refused = reply
            self.reject(self.path, f"its listing broke off: {describe(reply)}", folder=True)

    def reject(self, path: bytes, reason: str, *, folder: bool = False) -> None:
        """Note something that can't be taken."""
        self.problems.append(ListingProblem(path, reason, folder))


def type_of(attributes: Attributes) -> int:
    """Give the type bits of the mode, 0 if the server doesn't give them."""
    return stat.S_IFMT(attributes.mode or 0)


def with_kind(entry: Entry, looked: Reply) -> Attributes:
    """Put together what the listing and a look by the path say of an entry without a type.

    If neither knows it, the long name may: it looks like a line of `ls -l`.
    """
    own, other = entry.attributes, looked if isinstance(looked, Attributes) else _UNKNOWN
    mode = other.mode if type_of(other) else _kind_in(entry.long_name) or own.mode
    size = own.size if own.size is not None else other.size
    modified_at = own.modified_at if own.modified_at is not None else other.modified_at
    return Attributes(size, mode, modified_at)


def _kind_in(long_name: bytes) -> int | None:
    found = _LONG_NAME.match(long_name)
    return _KINDS.get(found[1], stat.S_IFIFO) if found else None


def too_long(path: bytes) -> str:
    """Say why the ledger doesn't take a path, if it doesn't."""
    name, text = paths.split(path)[1], paths.text_path(path).encode()
    if len(name) > _LONGEST_NAME:
        return f"its name has {len(name):,} bytes; no more than {_LONGEST_NAME} are taken"
    if len(text) > _LONGEST_PATH:
        return f"its path has {len(text):,} bytes; no more than {_LONGEST_PATH:,} are taken"
    return ""


_UNKNOWN = Attributes(None, None, None)
