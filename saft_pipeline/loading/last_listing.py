"""What was listed at the last look, so that what is the same is not sent to the ledger again.

What has changed is sent until the next whole comparison: the ledger passes over a file that a run
is loading. The whole is compared at the start, when something vanished, and every half an hour.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from saft_pipeline.sftp.model import Listing, RemoteFile

WHOLE_EVERY = 1800.0  # seconds


class LastListing:
    """The files of one source as they were listed last; of one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._whole_at: float | None = None
        self._files: dict[bytes, RemoteFile] = {}
        self._changed: dict[bytes, RemoteFile] = {}

    def news(self, listing: Listing) -> tuple[Sequence[RemoteFile], bool]:
        """The files that the ledger is to be told of, and whether they are all that there are."""
        fresh = [file for file in listing.files if self._files.get(file.path) != file]
        new = sum(file.path not in self._files for file in fresh)
        vanished = len(self._files) + new > len(listing.files)
        due = self._whole_at is None or self._clock() - self._whole_at >= WHOLE_EVERY
        if listing.whole and (due or vanished):
            self._files, self._changed = {file.path: file for file in listing.files}, {}
            self._whole_at = self._clock()
            return listing.files, True
        self._files |= {file.path: file for file in fresh}
        self._changed |= {file.path: file for file in fresh}
        order = sorted(self._changed.values(), key=lambda file: (file.modified_at, file.path))
        return order, False

    def forget(self) -> None:
        """Compare the whole at the next look: what was listed did not reach the ledger."""
        self._whole_at, self._files, self._changed = None, {}, {}
