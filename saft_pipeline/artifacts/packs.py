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
    """A tar of the members by their hashes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for sha256, data in members.items():
            member = tarfile.TarInfo(f"{sha256}.{ENDINGS[kind]}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()
