"""What is kept of each file, gzipped, named by the hash of its bytes; here: in a folder.

`raw/ab/ab12….xml.gz` holds the bytes as they came, `parsed/ab/ab12….ndjson.gz` what `saft parse`
prints of them: `zcat` shows either. An artifact appears whole or not at all.
"""

from __future__ import annotations

import gzip
import os
import platform
import shutil
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, Protocol

Kind = Literal["raw", "parsed"]
_LEVEL = 1  # a third of the time of the default level for a tenth more bytes
IN_MEMORY = 1 << 20


class ArtifactWriter(Protocol):
    """Takes the bytes of an artifact."""

    def write(self, data: bytes, /) -> object:
        """Take some more."""


def raw_name(sha256: str) -> str:
    """Where the bytes with this hash are, below the place of all artifacts."""
    return f"raw/{sha256[:2]}/{sha256}.xml.gz"


def parsed_name(sha256: str) -> str:
    """Where what was read from the bytes with this hash is."""
    return f"parsed/{sha256[:2]}/{sha256}.ndjson.gz"


def hash_in(name: str) -> str:
    """The hash that an artifact is named by."""
    return name.partition(".")[0]


class Kept(NamedTuple):
    """An artifact that is there: the hash it is named by, where it is, its size in bytes."""

    sha256: str
    place: str
    size: int


class Artifacts(Protocol):
    """What the rest of the program does with artifacts, wherever they are; all raise OSError."""

    def raw_path(self, sha256: str) -> Path | str:
        """Where the bytes with this hash are kept."""
        ...

    def parsed_path(self, sha256: str) -> Path | str:
        """Where what was read from the bytes with this hash is kept."""
        ...

    def has_parsed(self, sha256: str) -> bool:
        """Whether what was read from the bytes with this hash is kept."""
        ...

    def keep_raw(self, sha256: str, source: BinaryIO) -> None:
        """Keep the bytes of `source`; the same bytes may be kept already."""
        ...

    def parsed(self, sha256: str) -> AbstractContextManager[ArtifactWriter]:
        """A sink for the NDJSON of a file; nothing is kept if the block raises."""
        ...

    def flush(self) -> None:
        """Have all that was to be kept in its place: before that, it may be on its way."""
        ...

    def older(self, kind: Kind, before: datetime) -> Iterator[Kept]:
        """What was written before then."""
        ...

    def remove(self, kept: Iterable[Kept]) -> None:
        """Delete artifacts; one that is gone already is no fault."""
        ...


class LocalArtifacts:
    """Artifacts in a folder of this machine, or of a disk that several machines share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._aside = f"{platform.node()}.{os.getpid()}.part"

    def raw_path(self, sha256: str) -> Path:
        """See Artifacts."""
        return self._folder / raw_name(sha256)

    def parsed_path(self, sha256: str) -> Path:
        """See Artifacts."""
        return self._folder / parsed_name(sha256)

    def has_parsed(self, sha256: str) -> bool:
        """See Artifacts."""
        return self.parsed_path(sha256).exists()

    def keep_raw(self, sha256: str, source: BinaryIO) -> None:
        """See Artifacts. Bytes that are kept already are not read."""
        path = self.raw_path(sha256)
        if not path.exists():
            with self._written_whole(path) as out:
                shutil.copyfileobj(source, out, IN_MEMORY)

    @contextmanager
    def parsed(self, sha256: str) -> Iterator[ArtifactWriter]:
        """See Artifacts."""
        with self._written_whole(self.parsed_path(sha256)) as out:
            yield out

    @contextmanager
    def _written_whole(self, path: Path) -> Iterator[ArtifactWriter]:
        aside = path.with_name(f"{path.name}.{self._aside}")
        out = Gzipped(aside)
        try:
            yield out
            if (data := out.finish()) is not None:
                with _made(aside) as file:
                    file.write(data)
            aside.replace(path)
        except BaseException:
            out.close()
            aside.unlink(missing_ok=True)
            raise

    def flush(self) -> None:
        """See Artifacts. Nothing is ever on its way."""

    def older(self, kind: Kind, before: datetime) -> Iterator[Kept]:
        """See Artifacts. What a process that was killed left half-written is among them."""
        for path in (self._folder / kind).glob("*/*"):
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue
            if stat.st_mtime < before.timestamp():
                yield Kept(hash_in(path.name), str(path), stat.st_size)

    def remove(self, kept: Iterable[Kept]) -> None:
        """See Artifacts."""
        for one in kept:
            Path(one.place).unlink(missing_ok=True)


class Gzipped:
    """Gzips what it is given: in one go while it is little, else as a stream into a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parts: list[bytes] = []
        self._size = 0
        self._file: BinaryIO | None = None
        self._stream: gzip.GzipFile | None = None

    def write(self, data: bytes, /) -> None:
        """Take some more."""
        self._parts.append(data)
        self._size += len(data)
        if self._size > IN_MEMORY:
            self._spill()

    def _spill(self) -> None:
        if self._stream is None:
            self._file = _made(self._path)
            self._stream = gzip.GzipFile("", "wb", _LEVEL, self._file, mtime=0)
        self._stream.write(self._taken())

    def _taken(self) -> bytes:
        data, self._parts, self._size = b"".join(self._parts), [], 0
        return data

    def finish(self) -> bytes | None:
        """All of it, gzipped; None if it is in the file."""
        if self._stream is None:
            return gzip.compress(self._taken(), _LEVEL, mtime=0)
        self._stream.write(self._taken())
        self.close()
        return None

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._stream is not None and self._file is not None:
            with self._file:
                self._stream.close()
            self._stream = None


def _made(path: Path) -> BinaryIO:
    """The file, in a folder that is made when it is missing: asking each time would cost more."""
    try:
        return path.open("wb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")
