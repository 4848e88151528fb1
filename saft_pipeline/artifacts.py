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
from typing import BinaryIO, cast

_LEVEL = 1  # a third of the time of the default level for a tenth more bytes


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

    def keep_raw(self, sha256: str, source: BinaryIO) -> Path:
        """Keep the bytes of `source`, unless the same bytes are kept already."""
        path = self.raw_path(sha256)
        if not path.exists():
            with _written_whole(path) as out:
                shutil.copyfileobj(source, out, 1 << 20)
        return path

    @contextmanager
    def parsed(self, sha256: str) -> Iterator[BinaryIO]:
        """A stream for the NDJSON of a file; nothing is kept if the block raises."""
        with _written_whole(self.parsed_path(sha256)) as out:
            yield out


@contextmanager
def _written_whole(path: Path) -> Iterator[BinaryIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with gzip.GzipFile(aside, "wb", compresslevel=_LEVEL, mtime=0) as out:
            yield cast(BinaryIO, out)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
