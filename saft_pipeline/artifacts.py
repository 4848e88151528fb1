"""What is kept of each file under `SAFT_HOME/artifacts`, gzipped, named by the hash of its bytes.

`raw/ab/ab12….xml.gz` holds the bytes as they came, `parsed/ab/ab12….ndjson.gz` what `saft parse`
prints of them: `zcat` shows either. An artifact appears whole or not at all.
"""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

_LEVEL = 1  # a third of the time of the default level for a tenth more bytes
_IN_MEMORY = 1 << 20


class Sink(Protocol):
    """Takes the bytes of an artifact."""

    def write(self, data: bytes, /) -> object:
        """Take some more."""


class Artifacts:
    """The artifacts folder of one `SAFT_HOME`."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "artifacts"

    def raw_path(self, sha256: str) -> Path:
        """Where the bytes with this hash are kept."""
        return self._folder / "raw" / sha256[:2] / f"{sha256}.xml.gz"

    def parsed_path(self, sha256: str) -> Path:
        """Where what was read from the bytes with this hash is kept."""
        return self._folder / "parsed" / sha256[:2] / f"{sha256}.ndjson.gz"

    def keep_raw(self, sha256: str, source: BinaryIO) -> None:
        """Keep the bytes of `source`, unless the same bytes are kept already."""
        path = self.raw_path(sha256)
        if not path.exists():
            with _written_whole(path) as out:
                shutil.copyfileobj(source, out, _IN_MEMORY)

    @contextmanager
    def parsed(self, sha256: str) -> Iterator[Sink]:
        """A sink for the NDJSON of a file; nothing is kept if the block raises."""
        with _written_whole(self.parsed_path(sha256)) as out:
            yield out


class _Gzipped:
    """Gzips what it is given: in one go while it is little, else as a stream into the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parts: list[bytes] = []
        self._size = 0
        self._file: BinaryIO | None = None
        self._stream: gzip.GzipFile | None = None

    def write(self, data: bytes, /) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size > _IN_MEMORY:
            self._spill()

    def _spill(self) -> None:
        if self._stream is None:
            self._file = _made(self._path)
            self._stream = gzip.GzipFile("", "wb", _LEVEL, self._file, mtime=0)
        self._stream.write(self._taken())

    def _taken(self) -> bytes:
        data, self._parts, self._size = b"".join(self._parts), [], 0
        return data

    def finish(self) -> None:
        if self._stream is None:
            with _made(self._path) as file:
                file.write(gzip.compress(self._taken(), _LEVEL, mtime=0))
        else:
            self._stream.write(self._taken())
            self.close()

    def close(self) -> None:
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


@contextmanager
def _written_whole(path: Path) -> Iterator[Sink]:
    aside = path.with_name(f"{path.name}.{os.getpid()}.part")
    out = _Gzipped(aside)
    try:
        yield out
        out.finish()
        aside.replace(path)
    except BaseException:
        out.close()
        aside.unlink(missing_ok=True)
        raise
