"""The files of the run that comes next, fetched and read where this one leaves room for it.

A run's last files have no work behind them, the first of the next none before them: without this
a core waits for a quarter of the time of a run, and far away one connection is the limit.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from threading import Thread

from saft_pipeline.loading.file_load import GROUP_BYTES, Arrived, Group, groups
from saft_pipeline.loading.loader import Loader
from saft_pipeline.loading.reader_process import SMALL_FILE, FileReader
from saft_pipeline.store.model import LedgerFile

_log = logging.getLogger(__name__)
_LOOK_EVERY = 0.1  # seconds, whether it is the run's turn


@dataclass
class Begun:
    """A run's claim and its files, of which those of the first groups are read or fetched."""

    owner: str
    loader: Loader
    files: Sequence[LedgerFile] = ()
    read: list[Group] = field(default_factory=list)
    fetched: deque[Arrived] = field(default_factory=deque)

    @property
    def items(self) -> Iterator[Group | Arrived | list[LedgerFile]]:
        """All groups of the run as far as they came, the files of those that weren't begun."""
        yield from self.read
        yield from self.fetched
        yield from islice(groups(self.files), len(self.read) + len(self.fetched), None)


class _Beginning:
    """A run that is begun with in a thread of its own, until it is its turn."""

    def __init__(self, begun: Begun, reader: FileReader) -> None:
        self._begun, self._reader = begun, reader
        self._is_over = self._is_dropped = False
        # A server that gives nothing must not keep the process from its end.
        self._thread = Thread(target=self._go, name="ahead", daemon=True)
        self._thread.start()

    def end(self) -> Begun:
        """What was begun, the group under way with it."""
        self._is_over = True
        self._thread.join()
        return self._begun

    def drop(self) -> None:
        """Nobody wants it any more."""
        self._is_over = self._is_dropped = True

    def _go(self) -> None:
        try:
            self._fetch()
            while self._begun.fetched and not self._is_over:
                self._read(_LOOK_EVERY)
        except Exception as error:  # the run itself meets it, and tells of it by file
            _log.info("the next run is not begun ahead any further: %s", error)
        if self._is_dropped:
            self._begun.loader.close()

    def _fetch(self) -> None:
        begun, room = self._begun, GROUP_BYTES
        begun.files = begun.loader.claimed()
        for group in groups(begun.files):
            room -= sum(file.size for file in group)
            if self._is_over or room < 0 or any(file.size > SMALL_FILE for file in group):
                return
            begun.fetched.append(begun.loader.fetch(group))
            self._read(0)

    def _read(self, seconds: float) -> None:
        """A group, if its turn comes by then: what the run under way has to be read goes first."""
        if self._reader.wait_until_idle(seconds):
            self._begun.read.append(self._begun.loader.read(self._begun.fetched[0]))
            self._begun.fetched.popleft()


class Ahead:
    """What is begun of one run, by the run before it."""

    def __init__(self, reader: FileReader) -> None:
        self._reader = reader
        self._run_id: str | None = None
        self._beginning: _Beginning | None = None

    def begin(self, run_id: str, owner: str, loader: Loader | None) -> None:
        """Begin with a run that `loader` is for, if there is one."""
        if loader:
            self.drop()
            self._run_id, self._beginning = run_id, _Beginning(Begun(owner, loader), self._reader)

    def take(self, run_id: str) -> Begun | None:
        """What was begun of a run whose turn it is, if anything was and it is still the run's."""
        beginning, self._beginning = self._beginning, None
        begun = beginning.end() if beginning else None
        some = begun and (begun.read or begun.fetched) and run_id == self._run_id
        if begun and some and begun.loader.renew() == len(begun.files):
            return begun
        if begun:
            begun.loader.close()
        return None

    def drop(self) -> None:
        """Let go of what was begun: its run does not come."""
        if self._beginning:
            self._beginning.drop()
        self._beginning = None
