"""Small files of a group kept together: one archive of their bytes, one of what was read of them.

`packs/ab/ab12….raw.tar.gz` holds `SHA256.xml`, `packs/ab/ab12….parsed.tar.gz` `SHA256.ndjson`.
Tiny files are alike, so that gzipped as one stream they take a third of the bytes, and one file of
the disk in the place of a hundred. A pack is never changed; the ledger knows who is in which.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from saft_pipeline.artifacts.local import ENDINGS, KINDS, ArtifactKind, Artifacts, ArtifactWriter

# Of a header: how long the name is without its ending, where the size is, and the sum of its bytes.
_NAME = 64
_SIZE, _CHECKSUM = slice(124, 136), slice(148, 156)
_NO_CHECKSUM = b" " * 8
_BLOCK = 512


class Pack:
    """Takes the artifacts of small files, and keeps them together at the end."""

    def __init__(self, name: str, artifacts: Artifacts) -> None:
        self._name = name
        self._artifacts = artifacts
        self._members: dict[ArtifactKind, dict[str, bytes]] = {kind: {} for kind in KINDS}

    def keep_raw(self, sha256: str, source: BinaryIO) -> None:
        """Keep the bytes of `source`."""
        self._members["raw"][sha256] = source.read()

    @contextmanager
    def parsed(self, sha256: str) -> Iterator[ArtifactWriter]:
        """A sink for the NDJSON of a file; nothing is kept if the block raises."""
        out = io.BytesIO()
        yield out
        self._members["parsed"][sha256] = out.getvalue()

    def flush(self) -> None:
        """Have both archives in their place. Raises OSError."""
        for kind, members in self._members.items():
            if members:
                self._artifacts.keep_pack(kind, self._name, archive(kind, members))


def archive(kind: ArtifactKind, members: dict[str, bytes]) -> bytes:
    """A tar (POSIX ustar) of the members by their hashes.

    Their headers differ in name and size alone: tarfile takes longer for one than for gzipping all
    that it stands before.
    """
    of_all = tarfile.TarInfo(f"{'?' * _NAME}.{ENDINGS[kind]}").tobuf(tarfile.USTAR_FORMAT)
    between, behind = of_all[_NAME : _SIZE.start], of_all[_SIZE.stop : _CHECKSUM.start]
    end = of_all[_CHECKSUM.stop :]
    common = sum(between) + sum(behind) + sum(end) + sum(_NO_CHECKSUM)
    parts = []
    for sha256, data in members.items():
        name, size = sha256.encode(), b"%011o\0" % len(data)
        checksum = b"%06o\0 " % (common + sum(name) + sum(size))
        parts += [name, between, size, behind, checksum, end, data, bytes(-len(data) % _BLOCK)]
    return b"".join(parts) + bytes(2 * _BLOCK)
