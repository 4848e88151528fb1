"""What the client hands out: files, listings and what fetching them gave."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, overload

from saft_pipeline.sftp import paths


@dataclass(frozen=True)
class SftpConfig:
    """How to reach, trust and log in to the server; `timeout` in seconds bounds every wait.

    `requests` is the most of them, and of open files, at once.
    """

    host: str
    username: str
    port: int = 22
    password: str | None = field(default=None, repr=False)
    private_key_path: Path | None = None
    private_key_passphrase: str | None = field(default=None, repr=False)
    known_hosts_path: Path | None = None
    host_key_fingerprints: tuple[str, ...] = ()
    timeout: float = 30
    requests: int = 64

    @property
    def peer(self) -> str:
        """The server as messages name it."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A regular file: path as on the wire, relative to the listed folder; bytes; epoch seconds."""

    path: bytes
    size: int
    modified_at: int

    @property
    def text(self) -> str:
        """The path as the ledger writes it."""
        return paths.text_path(self.path)

    @property
    def filename(self) -> str:
        """The last name of the path, as text."""
        return paths.text_path(paths.split(self.path)[1])


class RemoteFiles(Sequence[RemoteFile]):
    """Files of a listing, oldest first: paths and numbers, made into objects when asked for.

    A path that is added again is kept once, as it was last. Of a million files it takes 150 MB.
    """

    def __init__(self, files: Iterable[RemoteFile] = ()) -> None:
        self._known: dict[bytes, int] = {}
        for file in files:
            self.add(file)

    def add(self, file: RemoteFile) -> None:
        """Add a file, or say how it is now."""
        self._known[file.path] = file.modified_at << _SIZE_BITS | file.size

    def update(self, others: "RemoteFiles") -> None:
        """Add other files."""
        self._known |= others._known

    @property
    def paths(self) -> Iterable[bytes]:
        """The paths, in no order."""
        return self._known.keys()

    @property
    def times(self) -> Iterator[int]:
        """When they were changed, in no order."""
        return (number >> _SIZE_BITS for number in self._known.values())

    def at(self, path: bytes) -> RemoteFile:
        """The file with a path. Raises KeyError."""
        number = self._known[path]
        return RemoteFile(path, number & (1 << _SIZE_BITS) - 1, number >> _SIZE_BITS)

    def news(self, before: "RemoteFiles") -> list[RemoteFile]:
        """Those that were not there before, or were others; oldest first."""
        old = before._known.get
        return [
            self.at(path)
            for path in self._ordered(
                path for path, number in self._known.items() if old(path) != number
            )
        ]

    def lack(self, before: "RemoteFiles") -> bool:
        """Tell whether one that was there before is not."""
        return not before._known.keys() <= self._known.keys()

    def _ordered(self, paths: Iterable[bytes]) -> list[bytes]:
        return sorted(paths, key=lambda path: (self._known[path] >> _SIZE_BITS, path))

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[RemoteFile]:
        return map(self.at, self._ordered(self._known))

    @overload
    def __getitem__(self, index: int) -> RemoteFile: ...
    @overload
    def __getitem__(self, index: slice) -> list[RemoteFile]: ...
    def __getitem__(self, index: int | slice) -> RemoteFile | list[RemoteFile]:
        return list(self)[index]


_SIZE_BITS = 63  # of a file's number, above which its time stands


@dataclass(frozen=True, slots=True)
class ListingProblem:
    """Something in the listing that can't be taken; with `folder`, nor can what is below it.

    With `notice`, it is worth a word and no more: nobody wants it. `state` is what that makes of it
    in the ledger.
    """

    path: bytes
    reason: str
    folder: bool = False
    notice: bool = False
    state: Literal["unreadable", "incomplete", "failed"] = "unreadable"

    @property
    def text(self) -> str:
        """The path as the ledger writes it, cut if too long; the listed folder itself is `.`."""
        return paths.short_text(self.path or b".")


@dataclass(frozen=True, slots=True)
class Packed:
    """What is in an archive: the members' paths in the ledger's text; and its bytes' SHA-256."""

    paths: Sequence[str]
    sha256: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The files found, oldest first, and what couldn't be looked at.

    `unfit` is how many files were not wanted. For who looks into archives: `archives` are their
    paths, in the ledger's text, with whether they could be opened; `packed` are those that go when
    all of their members are loaded.
    """

    files: RemoteFiles
    problems: Sequence[ListingProblem]
    unfit: int = 0
    archives: Mapping[str, bool] = field(default_factory=dict)
    packed: Mapping[RemoteFile, Packed] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether every folder was seen: only then is a file that isn't listed gone."""
        return not any(problem.folder for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file's bytes, with size and time as they stood before and after the read.

    `content` is bytes up to 1 MB, else a file in the spill folder until `discard`.
    """

    file: RemoteFile
    sha256: str
    content: bytes | Path

    def open(self) -> BinaryIO:
        """Open the bytes for reading."""
        return (
            io.BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb")
        )

    def discard(self) -> None:
        """Remove the file that the bytes may be in."""
        if isinstance(self.content, Path):
            self.content.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file whose rows are committed, as it was when it was read, with its bytes' SHA-256 (hex).

    `racy`: its time is so near to the read that other bytes may bear it, so that bytes decide.
    """

    file: RemoteFile
    sha256: str
    racy: bool = True


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """A file that wasn't fetched; the others of the same call are not affected.

    `refused`: the server said no to it, for what reason ever. Of what is packed, some is not all
    there (`cut`), `broken` though it is, or `unfit` to be taken.
    """

    file: RemoteFile
    reason: str
    kind: Literal["gone", "changed", "unreadable", "transient", "cut", "broken", "unfit"]
    refused: bool = False
