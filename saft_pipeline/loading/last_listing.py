"""What was listed at the last look, so that what is the same is not sent to the ledger again.

What has changed is sent until the next whole comparison: the ledger passes over a file that a run
is loading. The whole is compared at the start, when something vanished, and every half an hour; a
comparison that outlasts its tick goes on at the next, with the same listing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from saft_pipeline.sftp.model import Listing, RemoteFile, RemoteFiles

WHOLE_EVERY = 1800.0  # seconds


class LastListing:
    """The files of one source as they were listed last; of one thread.

    `reached` is the path up to which the ledger was told of a whole listing that it wasn't told to
    the end; of what lies beyond, nothing is news. `rejected` are paths that it was told can't be
    taken.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._whole_at: float | None = None
        self._files = RemoteFiles()
        self._changed: dict[bytes, RemoteFile] = {}
        self.reached: str | None = None
        self.rejected: set[str] = set()

    def news(self, listing: Listing) -> tuple[Sequence[RemoteFile], bool]:
        """The files that the ledger is to be told of, and whether it is to be told of all."""
        due = self._whole_at is None or self._clock() - self._whole_at >= WHOLE_EVERY
        if listing.whole and self.reached is None and (due or listing.files.lack(self._files)):
            self._files, self._changed = listing.files, {}
            self._whole_at = self._clock()
            return (), True
        fresh = listing.files.news(self._files)
        if listing.whole:
            self._files = listing.files
        else:
            self._files.update(RemoteFiles(fresh))
        self._changed |= {file.path: file for file in fresh}
        order = sorted(self._changed.values(), key=lambda file: (file.modified_at, file.path))
        return order, self.reached is not None and listing.whole

    def tell_again(self, paths: Iterable[bytes]) -> None:
        """Note files that the ledger passed over in a whole comparison: they stay news."""
        self._changed |= {path: self._files.at(path) for path in paths if path in self._files.paths}

    def forget(self) -> None:
        """Compare the whole at the next look: what was listed did not reach the ledger."""
        self._whole_at, self._files, self._changed = None, RemoteFiles(), {}
        self.reached = None
