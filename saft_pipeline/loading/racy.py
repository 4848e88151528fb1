"""Files that were read while their time could deceive us: compared by their bytes, once more."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta

from saft_pipeline.loading.archives import splits
from saft_pipeline.loading.servers import connected
from saft_pipeline.loading.unpacking import remote_file
from saft_pipeline.settings import SourceSettings
from saft_pipeline.sftp.client import Fetched, FetchFailed
from saft_pipeline.sftp.errors import SftpError
from saft_pipeline.sftp.removal import RACY_SECONDS
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.store import Store

LARGE_FILE = 8 << 20
"""Bytes; a larger one is not read in passing."""


def look_again(source: SourceSettings, store: Store, due: float) -> None:
    """Have those whose bytes are others by now taken again, as git does with its racy entries.

    A large one is simply taken again, and so is what is in a zip, and one that can't be read, so
    that it is told why; what isn't seen until `due` (monotonic time) is at the next look.
    """
    racy = store.racy(source.source, timedelta(seconds=RACY_SECONDS))
    small = {f.path: f for f in racy if f.size <= LARGE_FILE and not splits(f.path)}
    changed = [file.id for file in racy if file.path not in small]
    same: list[int] = []
    with suppress(SftpError):
        for result in hashed(source, [*small.values()], due):
            file = small[result.file.text]
            if isinstance(result, Fetched):
                (same if result.sha256 == file.sha256 else changed).append(file.id)
            elif result.kind == "unreadable":
                changed.append(file.id)
            elif result.kind != "transient":  # listings tell of what is gone or changed
                same.append(file.id)
    store.looked_again(same, changed)


def hashed(
    source: SourceSettings, files: Sequence[LedgerFile], due: float
) -> Iterator[Fetched | FetchFailed]:
    """Read files for their hashes alone, as many as the time allows. Raises SftpError."""
    if files and (left := due - time.monotonic()) > 0:
        with connected(source, left) as sftp:
            wanted, left = [remote_file(file) for file in files], due - time.monotonic()
            yield from sftp.fetch(source.sftp_remote_dir, wanted, None, within=max(0.0, left))
