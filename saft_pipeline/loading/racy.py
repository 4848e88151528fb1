"""Files that were read while their time could deceive us: compared by their bytes, once more."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta

from saft_pipeline.loading.servers import connected
from saft_pipeline.loading.sources import remote_file
from saft_pipeline.settings import SourceSettings
from saft_pipeline.sftp.client import Fetched, FetchFailed
from saft_pipeline.sftp.errors import SftpError
from saft_pipeline.sftp.removal import RACY_SECONDS
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.store import Store

LARGE_FILE = 8 << 20
"""Bytes; a larger one is not read in passing."""
_SECONDS = 10.0


def look_again(source: SourceSettings, store: Store) -> None:
    """Have those whose bytes are others by now taken again, as git does with its racy entries.

    A large one is simply taken again; what isn't seen now is at the next look.
    """
    racy = store.racy(source.source, timedelta(seconds=RACY_SECONDS))
    changed = [file.id for file in racy if file.size > LARGE_FILE]
    same = []
    small = {f.path: f for f in racy if f.size <= LARGE_FILE}
    with suppress(SftpError):
        for result in hashed(source, [*small.values()]):
            file = small[result.file.text]
            if isinstance(result, Fetched) and result.sha256 != file.sha256:
                changed.append(file.id)
            elif isinstance(result, Fetched) or result.kind == "gone":
                same.append(file.id)
    store.looked_again(same, changed)


def hashed(source: SourceSettings, files: Sequence[LedgerFile]) -> Iterator[Fetched | FetchFailed]:
    """Read files for their hashes alone, as many as the time allows. Raises SftpError."""
    due = time.monotonic() + _SECONDS
    if files:
        with connected(source, _SECONDS) as sftp:
            wanted = [remote_file(file) for file in files]
            for result in sftp.fetch(source.sftp_remote_dir, wanted, spill=None):
                yield result
                if time.monotonic() > due:
                    return
