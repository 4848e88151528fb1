"""Looks at the sources' folders, each on a thread of its own, so that none waits for another.

A look that is not over when the time of a round is up goes on, and what it finds is the next
round's; meanwhile its source is not looked at a second time. So a folder of a million names is
listed to its end.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from saft_pipeline.loading.archive_looks import looked_into
from saft_pipeline.loading.servers import connected
from saft_pipeline.loading.sftp_source import source_errors
from saft_pipeline.retries import tries
from saft_pipeline.settings import SourceSettings
from saft_pipeline.sftp.client import Listing
from saft_pipeline.sftp.errors import (
    LoginRefusedError,
    TooManyConnectionsError,
)
from saft_pipeline.sftp.model import SftpConfig
from saft_pipeline.sftp.open_connections import OPEN_CONNECTIONS

MOST_AT_ONCE = 32
"""Threads, beside those that a round did not wait for to their end."""
_LOOK_SECONDS = 40.0  # unless many names come: a server that drips must not hold a poll
_ZIP_SECONDS = 5.0  # at least, for looking into new ones
_TRIES = 3
_LATE_SECONDS = 1.0
_REFUSED_FOR = 3600.0  # seconds


@dataclass
class _Login:
    """What the server said to a login, in this process."""

    worked: bool = False
    refusals: int = 0
    refused_at: float = 0.0
    refusal: LoginRefusedError | None = None


_logins: dict[SftpConfig, _Login] = {}


@dataclass(frozen=True)
class Look:
    """What a look at one source found, or what kept it from looking; `began` is monotonic time."""

    source: SourceSettings
    began: float
    listing: Listing | None = None
    error: Exception | None = None


class Looks:
    """Who is being looked at, and who was when. For one thread at a time."""

    def __init__(self) -> None:
        self._under_way: dict[str, float] = {}
        self._early: set[str] = set()
        self._ended: dict[str, float] = {}
        self._failed: set[str] = set()
        self._kept: list[Look] = []
        self._done: SimpleQueue[Look] = SimpleQueue()

    def due(self, sources: Sequence[SourceSettings]) -> list[SourceSettings]:
        """Those whose interval is over; the shortest interval is that of whoever asks."""
        shortest = min((each.poll_interval_seconds for each in sources), default=0)
        now = time.monotonic()
        return [
            each
            for each in sources
            if each.poll_interval_seconds == shortest
            or now - self._ended.get(each.source, -float("inf")) >= each.poll_interval_seconds
        ]

    def since(self, source: str) -> float | None:
        """For how many seconds a source has been looked at, if it is now."""
        began = self._under_way.get(source)
        return None if began is None else time.monotonic() - began

    def round(self, sources: Sequence[SourceSettings], seconds: float) -> Iterator[Look]:
        """Look at all, whoever was looked at longest ago first; gives what ends in `seconds`.

        Looks that outlasted an earlier round, and those at sources that failed at their last, are
        waited for only where there is no other. What was kept comes last, in the place of a look.
        """
        kept, self._kept = self._kept, []
        known = {look.source.source for look in kept}
        others = [each for each in sources if each.source not in known]
        yield from self._round(others, seconds, alone=not kept)
        yield from kept

    def keep(self, look: Look) -> None:
        """Give this again in the next round: the ledger doesn't know all of it yet."""
        self._kept.append(look)

    def _round(
        self, sources: Sequence[SourceSettings], seconds: float, *, alone: bool
    ) -> Iterator[Look]:
        until = time.monotonic() + seconds
        late = set(self._under_way) - self._early
        self._early.clear()
        unwaited = late | self._failed
        idle = (each for each in sources if each.source not in self._under_way)
        waiting = deque(sorted(idle, key=lambda each: self._ended.get(each.source, 0.0)))
        alone = alone and unwaited.issuperset(each.source for each in waiting)
        while waiting or self._under_way:
            while waiting and len(self._under_way) < MOST_AT_ONCE + len(late):
                self._begin(waiting.popleft())
            left = until - time.monotonic()
            if not (waiting or alone or self._under_way.keys() - unwaited):
                left = min(left, _LATE_SECONDS)
            try:
                look = self._done.get(timeout=max(0.0, left))
            except Empty:
                return
            del self._under_way[look.source.source]
            self._ended[look.source.source] = time.monotonic()
            (self._failed.add if look.error else self._failed.discard)(look.source.source)
            yield look

    def begin(self, sources: Sequence[SourceSettings]) -> None:
        """Begin to look at the first of them, as many as go at once, for the next round."""
        for source in sources[:MOST_AT_ONCE]:
            if source.source not in self._under_way:
                self._begin(source)
                self._early.add(source.source)

    def _begin(self, source: SourceSettings) -> None:
        began = self._under_way[source.source] = time.monotonic()

        def work() -> None:
            try:
                self._done.put(Look(source, began, look(source)))
            except Exception as error:
                self._done.put(Look(source, began, error=error))

        # It must not keep the process: what it waits for may never come.
        threading.Thread(target=work, name=f"look at {source.source}", daemon=True).start()


def look(source: SourceSettings) -> Listing:
    """The files on the server that the settings ask for; a transient fault is tried again.

    A login that was refused is not sent again with the same settings for an hour: servers lock
    accounts, and ban addresses, that keep trying. One that worked before is, twice: some servers
    refuse it while another connection of the same user lasts.

    Raises:
        TransientSourceError: the server could not be reached in three tries.
        SourceError: login, host key or folder; the message has the cure.
    """
    config = source.require_sftp()
    login = _logins.setdefault(config, _Login())
    with source_errors():
        if login.refusal is not None and time.monotonic() - login.refused_at < _REFUSED_FOR:
            raise login.refusal
        return _look(source, config, login)


def _look(source: SourceSettings, config: SftpConfig, login: _Login) -> Listing:
    try:
        listing = _listing(source)
    except LoginRefusedError as error:
        login.refused_at, login.refusals = time.monotonic(), login.refusals + 1
        if login.worked and login.refusals < _TRIES:
            raise TooManyConnectionsError(
                f"{error}; it worked before: the server may allow no further connection of this "
                "user now"
            ) from error
        login.refusal = error
        raise
    _logins[config] = _Login(worked=True)
    return listing


def _listing(source: SourceSettings) -> Listing:
    due, may_pass = time.monotonic() + _LOOK_SECONDS, OPEN_CONNECTIONS.may_pass()
    for attempt in tries(may_pass, attempts=_TRIES, timeout=_LOOK_SECONDS / 2):
        with attempt, connected(source, due - time.monotonic()) as sftp:
            listing = sftp.list(
                source.sftp_remote_dir,
                pattern=source.sftp_pattern,
                recursive=source.sftp_recursive,
                exclude=source.sftp_archive_dir,
                within=max(1.0, due - time.monotonic()),
            )
            left = max(due, time.monotonic() + _ZIP_SECONDS)
            return looked_into(listing, source, sftp, left)
    raise AssertionError("stamina raises after its last attempt")
