"""The pieces of one file: which to ask for next, and putting them together in order."""

import hashlib
import os
import tempfile
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

# Most bytes of one file asked for and not yet come: 200 ms at 20 MB/s.
WINDOW = 4 << 20
IN_MEMORY = 1 << 20
"""Bytes; a larger file is written to disk as it comes."""
_SMALLEST = 4096


class Ranges:
    """Hands out (start, length) of a file until every byte has come.

    A server that gives less than it was asked for is asked for that much from then on;
    `was_short` tells that it did.
    """

    was_short = False

    def __init__(self, size: int, length: int) -> None:
        self._size = size
        self._length = length
        self._next = 0
        self._again: deque[tuple[int, int]] = deque()

    def take(self, in_flight: int, position: int) -> list[tuple[int, int]]:
        """Give the pieces to ask for now, while `in_flight` others are on their way.

        All bytes before `position` came; those after it, which wait for it in memory, stay few.
        """
        room = WINDOW // self._length - in_flight
        end = min(self._size, position + 2 * WINDOW)
        pieces: list[tuple[int, int]] = []
        while len(pieces) < room and (self._again or self._next < end):
            pieces.append(self._again.popleft() if self._again else self._new())
        return pieces

    def came(self, start: int, length: int, got: int) -> None:
        """Note that of a piece `got` bytes came; what is missing is asked for again."""
        if got < length:
            self.was_short = True
            self._again.append((start + got, length - got))
            self._length = max(_SMALLEST, got)

    def _new(self) -> tuple[int, int]:
        start = self._next
        self._next = min(self._size, start + self._length)
        return start, self._next - start


class Sink:
    """Puts pieces together in order, hashing on the way; up to 1 MB in memory, else in a file.

    All bytes before `position` came. Without a folder to spill into they are only hashed.
    """

    def __init__(self, spill: Path | None) -> None:
        self._hash = hashlib.sha256()
        self._early: dict[int, memoryview] = {}
        self.position = 0
        self._parts: list[memoryview] = []
        self._spill = spill
        self._path: Path | None = None
        self._file: BinaryIO | None = None

    @property
    def digest(self) -> str:
        """The SHA-256 (hex) of what came so far."""
        return self._hash.hexdigest()

    def add(self, start: int, data: memoryview) -> None:
        """Take a piece; it may come before those it follows."""
        self._early[start] = data
        while (piece := self._early.pop(self.position, None)) is not None:
            self.position += len(piece)
            self._hash.update(piece)
            if self._spill:
                self._keep(piece, self._spill)

    def _keep(self, piece: memoryview, spill: Path) -> None:
        if self._file is None and self.position > IN_MEMORY:
            number, name = tempfile.mkstemp(prefix="saft-", dir=spill)
            self._file, self._path = os.fdopen(number, "wb"), Path(name)
            self._file.writelines(self._parts)
            self._parts.clear()
        if self._file:
            self._file.write(piece)
        else:
            self._parts.append(piece)

    def finish(self) -> tuple[str, bytes | Path]:
        """Give the SHA-256 (hex) and the content, which from now on is the caller's."""
        if not self._file or not self._path:
            return self.digest, b"".join(self._parts)
        self._file.close()
        path, self._path = self._path, None
        return self.digest, path

    def close(self) -> None:
        """Remove the temporary file unless `finish` gave it away."""
        if self._path:
            self._path.unlink(missing_ok=True)
        if self._file:
            with suppress(OSError):  # a full disk has no room for the rest
                self._file.close()
