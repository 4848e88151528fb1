"""The files of the run that comes next, fetched and read where what goes on leaves room for it.

A run's last files have no work behind them, the first of the next none before them: without this
a core waits for a quarter of the time of a run, and far away one connection is the limit. The first
run's are begun as they are claimed, while Dagster is told of the runs.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from threading import RLock, Thread

from saft_pipeline.artifacts.remote import artifacts_of
from saft_pipeline.loading.file_load import GROUP_BYTES, Arrived, Group, groups
from saft_pipeline.loading.loader import Loader
from saft_pipeline.loading.reader_process import SMALL_FILE, FileReader
from saft_pipeline.saft.parallel import BYTES_WORTH_IT
from saft_pipeline.settings import Settings
from saft_pipeline.sftp.open_connections import OPEN_CONNECTIONS
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.store import Store

_log = logging.getLogger(__name__)
_LOOK_EVERY = 0.1  # seconds, whether it is the run's turn
_END_SECONDS = 2.0  # for what lies on disk to be removed


@dataclass
class Begun:
    """A run's claim and its files, of which those of the first groups are read or fetched.

    `end` waits until no more are being fetched: it is asked for once the others are used up.
    """

    owner: str
    loader: Loader
    files: Sequence[LedgerFile] = ()
    read: list[Group] = field(default_factory=list)
    fetched: deque[Arrived] = field(default_factory=deque)
    end: Callable[[], None] = lambda: None

    @property
    def items(self) -> Iterator[Group | Arrived | list[LedgerFile]]:
        """All groups of the run as far as they came, the files of those that weren't begun."""
        begun = [*self.read]
        yield from begun
        self.end()
        yield from self.read[len(begun) :]
        yield from self.fetched
        yield from islice(groups(self.files), len(self.read) + len(self.fetched), None)


class _Beginning:
    """A run that is begun with in a thread of its own, until it is its turn.

    `then` is called when the server has given it something.
    """

    def __init__(
        self, begun: Begun, reader: FileReader, then: Callable[[], None], *, is_alone: bool
    ) -> None:
        self._begun, self._reader, self._then = begun, reader, then
        self._is_alone = is_alone
        self._is_over = self._is_dropped = False
        self.takes_large_file = False
        self._end: Future[None] = Future()
        # A server that gives nothing must not keep the process from its end.
        self.thread = Thread(target=self._go, name="ahead", daemon=True)
        begun.end = self.thread.join
        self.thread.start()

    def take(self) -> Begun | None:
        """What was begun, of which a group may be under way; None if nothing came.

        Beside another run the first group is waited for: it may be all that the server allows.
        """
        self._is_over = True
        begun = self._begun
        if not (begun.read or begun.fetched or self._is_alone):
            self.thread.join()
        return begun if begun.read or begun.fetched or self.thread.is_alive() else None

    def drop(self) -> None:
        """Nobody wants it any more."""
        self._is_over = self._is_dropped = True
        self._end.add_done_callback(lambda _: self._begun.loader.close())

    def _go(self) -> None:
        try:
            self._fetch()
            while self._begun.fetched and not self._is_over:
                self._read(_LOOK_EVERY)
        except Exception as error:  # the run itself meets it, and tells of it by file
            _log.info("the next run is not begun ahead any further: %s", error)
        self._end.set_result(None)

    def _fetch(self) -> None:
        begun, room = self._begun, GROUP_BYTES
        begun.files = begun.files or begun.loader.claimed()
        self._reader.expect(begun.files)
        for number, group in enumerate(groups(begun.files)):
            room -= sum(file.size for file in group)
            is_large = room < 0 or any(file.size > SMALL_FILE for file in group)
            if self._is_over or (is_large and (number or not self._is_alone)):
                return
            self.takes_large_file = any(file.size >= BYTES_WORTH_IT for file in group)
            try:
                begun.fetched.append(begun.loader.fetch(group))
            finally:
                self.takes_large_file = False
            self._then()
            self._read(0)

    def _read(self, seconds: float) -> None:
        """A group, if its turn comes by then: what the run under way has to be read goes first."""
        if not self._is_dropped and self._reader.wait_until_idle(seconds):
            self._begun.read.append(self._begun.loader.read(self._begun.fetched[0]))
            self._begun.fetched.popleft()


class Ahead:
    """What is begun of the next runs, by the run before them or by who claimed their files."""

    def __init__(self, reader: FileReader) -> None:
        self._reader = reader
        self._guard = RLock()
        self._begun: dict[str, _Beginning] = {}

    def begin(self, claims: Mapping[str, Sequence[LedgerFile]], loader: Loader | None) -> None:
        """Begin with the first of claims (owner: files, if they are known), whose run comes next.

        `loader` is for it, if there may be one. The second is begun beside it, if a server allows
        that, once that has given something of the first.
        """
        (owner, files), *others = islice(claims.items(), 2)

        def go_on() -> None:
            with self._guard:
                if owner in self._begun and loader:
                    for other, its in others:
                        self._begin(other, its, loader.next(other))

        self._begin(owner, files, loader, go_on, is_alone=bool(files))

    def _begin(
        self,
        owner: str,
        files: Sequence[LedgerFile],
        loader: Loader | None,
        then: Callable[[], None] = lambda: None,
        *,
        is_alone: bool = False,
    ) -> None:
        with self._guard:
            if loader and owner not in self._begun:
                begun = Begun(owner, loader, files)
                self._begun[owner] = _Beginning(begun, self._reader, then, is_alone=is_alone)

    @property
    def takes_large_file(self) -> bool:
        """Whether one is on its way from its server."""
        with self._guard:
            return any(beginning.takes_large_file for beginning in self._begun.values())

    def take(self, owner: str, run_id: str) -> Begun | None:
        """What was begun of a run whose turn it is, if anything was and it is still the run's."""
        with self._guard:
            beginning = self._begun.pop(owner, None)
        if beginning is None:
            self.drop()
            return None
        with ExitStack() as ends:
            ends.callback(beginning.drop)
            begun = beginning.take()
            if begun and begun.loader.renew() == len(begun.files):
                begun.loader.run_id = run_id
                ends.pop_all()
                return begun
        return None

    def drop(self) -> None:
        """Let go of what was begun: its run does not come."""
        with self._guard:
            for beginning in self._begun.values():
                beginning.drop()
            self._begun.clear()

    def abort(self) -> None:
        """The same at once: what is on its way is given up, for no run comes any more."""
        with self._guard:
            threads = [beginning.thread for beginning in self._begun.values()]
            self.drop()
        OPEN_CONNECTIONS.abort()
        self._reader.abort()
        for thread in threads:
            thread.join(_END_SECONDS)


@cache
def shared_reader(settings: Settings) -> FileReader:
    """Reads files, in a process of its own if they are many: one for all runs of a process."""
    return FileReader(artifacts_of(settings))


@cache
def shared_ahead(settings: Settings) -> Ahead:
    """What was begun of the next run: one for all runs of a process."""
    return Ahead(shared_reader(settings))


def begin_ahead(
    claims: Mapping[str, Sequence[LedgerFile]], settings: Settings, store: Store
) -> None:
    """Begin with the first of claims, whose runs come next here."""
    for owner in islice(claims, 1):
        loader = Loader(settings, store, shared_reader(settings), owner=owner)
        shared_ahead(settings).begin(claims, loader)
