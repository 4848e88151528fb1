"""What is kept of each file, gzipped, named by the hash of its bytes; here: in a folder.

`raw/ab/ab12….xml.gz` holds the bytes as they came, `parsed/ab/ab12….ndjson.gz` what `saft parse`
prints of them: `zcat` shows either. Small files that were loaded together share a pack (packs.py).
An artifact appears whole or not at all.
"""

from __future__ import annotations

import errno
import gzip
import io
import os
import platform
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, Protocol

from isal import isal_zlib

ArtifactKind = Literal["raw", "parsed"]
KINDS: tuple[ArtifactKind, ...] = ("raw", "parsed")
ENDINGS: dict[ArtifactKind, str] = {"raw": "xml", "parsed": "ndjson"}
_LEVEL = 2  # a fifth of the time of the level 1 of zlib, for fewer bytes
_GZIP = 31  # what zlib calls that form of a stream
KEPT_IN_MEMORY = 1 << 20


class ArtifactWriter(Protocol):
    """Takes the bytes of an artifact."""

    def write(self, data: bytes, /) -> object:
        """Take some more."""


def name_of(kind: ArtifactKind, sha256: str) -> str:
    """Where the artifact of the bytes with this hash is, below the place of all artifacts."""
    return f"{kind}/{sha256[:2]}/{sha256}.{ENDINGS[kind]}.gz"


def pack_name(kind: ArtifactKind, pack: str) -> str:
    """Where a pack is, below the place of all artifacts."""
    return f"packs/{pack[:2]}/{pack}.{kind}.tar.gz"


def kept_as(path: str) -> tuple[ArtifactKind, str]:
    """What an artifact or a pack is, and the hash or the pack that it is named by."""
    name, kind, *_ = path.rpartition("/")[2].split(".")
    return ("raw" if kind in ("raw", "xml") else "parsed"), name


class Kept(NamedTuple):
    """An artifact or pack that is there: what it is named by, where it is, its size in bytes."""

    name: str
    place: str
    size: int


class Artifacts(Protocol):
    """What the rest of the program does with artifacts, wherever they are; all raise OSError."""

    def place(self, kind: ArtifactKind, sha256: str, pack: str | None = None) -> Path | str:
        """Where the artifact of the bytes with this hash is: a file of its own, or its pack."""
        ...

    def has(self, kind: ArtifactKind, sha256: str, pack: str | None = None) -> bool:
        """Whether it is kept there."""
        ...

    def open(self, kind: ArtifactKind, sha256: str, pack: str | None = None) -> io.BufferedIOBase:
        """Its content, not gzipped; raises FileNotFoundError if it is not kept there."""
        ...

    def keep_raw(self, sha256: str, source: BinaryIO) -> None:
        """Keep the bytes of `source`; the same bytes may be kept already."""
        ...

    def parsed(self, sha256: str) -> AbstractContextManager[ArtifactWriter]:
        """A sink for the NDJSON of a file; nothing is kept if the block raises."""
        ...

    def keep_pack(self, kind: ArtifactKind, pack: str, archive: bytes) -> None:
        """Keep a pack."""
        ...

    def flush(self) -> None:
        """Have all that was to be kept in its place: before that, it may be on its way."""
        ...

    def older(self, kind: ArtifactKind, before: datetime, *, packs: bool) -> Iterator[Kept]:
        """What was written before then: packs, or files of their own."""
        ...

    def remove(self, kept: Iterable[Kept]) -> None:
        """Delete artifacts; one that is gone already is no fault."""
        ...


class LocalArtifacts:
    """Artifacts in a folder of this machine, or of a disk that several machines share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._aside = f"{platform.node()}.{os.getpid()}.part"

    def place(self, kind: ArtifactKind, sha256: str, pack: str | None = None) -> Path:
        """See Artifacts."""
        return self._folder / (pack_name(kind, pack) if pack else name_of(kind, sha256))

    def has(self, kind: ArtifactKind, sha256: str, pack: str | None = None) -> bool:
        """See Artifacts."""
        return self.place(kind, sha256, pack).exists()

    def open(self, kind: ArtifactKind, sha256: str, pack: str | None = None) -> io.BufferedIOBase:
        """See Artifacts."""
        path = self.place(kind, sha256, pack)
        if pack is None:
            return gzip.open(path)
        with path.open("rb") as tar:
            return member(tar, kind, sha256, str(path))

    def keep_raw(self, sha256: str, source: BinaryIO) -> None:
        """See Artifacts. Bytes that are kept already are not read."""
        path = self.place("raw", sha256)
        if not path.exists():
            with self._written_whole(path) as out:
                shutil.copyfileobj(source, out, KEPT_IN_MEMORY)

    @contextmanager
    def parsed(self, sha256: str) -> Iterator[ArtifactWriter]:
        """See Artifacts."""
        with self._written_whole(self.place("parsed", sha256)) as out:
            yield out

    def keep_pack(self, kind: ArtifactKind, pack: str, archive: bytes) -> None:
        """See Artifacts."""
        with self._written_whole(self.place(kind, "", pack)) as out:
            out.write(archive)

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
        except BaseException as error:
            aside.unlink(missing_ok=True)
            out.abandon()
            if isinstance(error, OSError) and error.errno:  # "no space" says not where
                error.filename = error.filename or str(path)
            raise

    def flush(self) -> None:
        """See Artifacts. Nothing is ever on its way."""

    def older(self, kind: ArtifactKind, before: datetime, *, packs: bool) -> Iterator[Kept]:
        """See Artifacts. What a process that was killed left half-written is among them."""
        for path in (self._folder / ("packs" if packs else kind)).glob("*/*"):
            found, name = kept_as(path.name)
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue
            if found == kind and stat.st_mtime < before.timestamp():
                yield Kept(name, str(path), stat.st_size)

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
        self._stream = isal_zlib.compressobj(_LEVEL, wbits=_GZIP)

    def write(self, data: bytes, /) -> None:
        """Take some more."""
        self._parts.append(data)
        self._size += len(data)
        if self._size > KEPT_IN_MEMORY:
            self._file = self._file or _made(self._path)
            self._file.write(self._taken())

    def _taken(self) -> bytes:
        data, self._parts, self._size = b"".join(self._parts), [], 0
        return self._stream.compress(data)

    def finish(self) -> bytes | None:
        """All of it, gzipped; None if it is in the file."""
        rest = self._taken() + self._stream.flush()
        if self._file is None:
            return rest
        with self._file:
            self._file.write(rest)
        return None

    def abandon(self) -> None:
        """Let go of the file, if there is one, whatever of it a full disk still lacks."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()


def _made(path: Path) -> BinaryIO:
    """The file, in a folder that is made when it is missing: asking each time would cost more."""
    try:
        return path.open("wb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")


def member(tar: BinaryIO, kind: ArtifactKind, sha256: str, place: str) -> io.BytesIO:
    """The content of one member of a pack; raises FileNotFoundError if it is not there."""
    name = f"{sha256}.{ENDINGS[kind]}"
    with tarfile.open(fileobj=tar, mode="r:gz") as members:
        found = next((one for one in members if one.name == name), None)
        content = members.extractfile(found) if found else None
        if content is None:
            raise FileNotFoundError(errno.ENOENT, f"the pack has no {name}", place)
        return io.BytesIO(content.read())
