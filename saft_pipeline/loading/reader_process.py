"""Reading the files of a run in a second process, while this one fetches and publishes.

Python runs one thread of a process at a time, and reading is half of the work on a tiny file. The
process is an interpreter of its own, which knows nothing but reading: forked, it would inherit
threads and connections of this one. It has no threads, so that it may fork others to read a large
file (parallel.py). If it can't be had or dies, files are read here.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from multiprocessing.reduction import recv_handle, send_handle

from saft_pipeline.artifacts.local import Artifacts
from saft_pipeline.loading.read import FileToRead, Reading, read_files
from saft_pipeline.saft import parallel
from saft_pipeline.sftp.model import Fetched
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.spool import Spool

# So many files pay for its start, or one that is read by several processes.
FILES_WORTH_IT = 100
SMALL_FILE = 64 << 10
# Objects more than before. Reading makes no cycles, and the search takes a twentieth of its time.
_SEARCH_AFTER = 50_000
_LOST = (EOFError, OSError)


class FileReader:
    """Reads groups of files one after the other, as they are asked for, by any thread."""

    def __init__(self, artifacts: Artifacts) -> None:
        self.artifacts = artifacts
        # What is asked next is there when an answer has been sent: the process never waits.
        self._asking = ThreadPoolExecutor(1, "asking")
        self._answers = ThreadPoolExecutor(1, "answers")
        self._turn = threading.Condition()
        self._asked = 0
        self._process: _Process | None = None

    def expect(self, files: Sequence[LedgerFile]) -> None:
        """Start the process if these files pay for it; it ends with this one."""
        is_worth_it = len(files) >= FILES_WORTH_IT or any(
            f.size >= parallel.BYTES_WORTH_IT for f in files
        )
        with self._turn:
            if self._process is None and is_worth_it and len(os.sched_getaffinity(0)) > 1:
                self._process = _Process()

    def read(self, jobs: Sequence[FileToRead], pack: str | None = None) -> Future[list[Reading]]:
        """Read files; what comes is in the order of `jobs`. A file's fault is in its reading."""
        with self._turn:  # answers come in the order in which it was asked
            if process := self._process:
                self._asked += 1
                asked = self._asking.submit(process.ask, self.artifacts, jobs, pack)
                return self._answers.submit(self._answer, process, asked, jobs, pack)
        done: Future[list[Reading]] = Future()
        done.set_result(read_files(jobs, self.artifacts, pack))
        return done

    def _answer(
        self, process: _Process, asked: Future[None], jobs: Sequence[FileToRead], pack: str | None
    ) -> list[Reading]:
        try:
            asked.result()
            return process.answer()
        except _LOST:  # killed, most likely
            if process.is_aborted:
                raise
            self.close()
            return read_files(jobs, self.artifacts, pack)
        finally:
            with self._turn:
                self._asked -= 1
                self._turn.notify_all()

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until its process has nothing to read, so long at most; whether it is so."""
        with self._turn:
            return self._turn.wait_for(lambda: not self._asked, seconds)

    def abort(self) -> None:
        """End the process amid a file, which may take it minutes; it is read by nobody then."""
        process, self._process = self._process, None
        if process is not None:
            process.abort()

    def close(self) -> None:
        """End the process; reading goes on here."""
        process, self._process = self._process, None
        if process is not None:
            process.close()


class _Process:
    """An interpreter that runs this module, and the way to it."""

    def __init__(self) -> None:
        self.is_aborted = False
        self._connection, its = Pipe()
        with its:
            command = [sys.executable, "-m", __name__, str(its.fileno())]
            # It is for this process to end it at Ctrl-C, from its first moment on.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own module
                    command, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL
                )
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def ask(self, artifacts: Artifacts, jobs: Sequence[FileToRead], pack: str | None) -> None:
        """Have files read; raises EOFError or OSError when it is gone."""
        self._connection.send((artifacts, jobs, pack))

    def answer(self) -> list[Reading]:
        """What was read of the files that were asked for first; raises like `ask`."""
        answer: list[Reading] = self._connection.recv()
        for spool in _spools(answer):
            if spool.is_in_file:
                spool.take_over(recv_handle(self._connection))
        return answer

    def abort(self) -> None:
        """End it at once; it leaves nothing half-written."""
        self.is_aborted = True
        self._process.terminate()

    def close(self) -> None:
        """It ends by itself when nobody can ask any more."""
        self._connection.close()
        self._process.wait()


def is_small(fetched: Fetched) -> bool:
    """Whether a file's bytes and rows stay in memory: these are sent, and kept in packs."""
    return isinstance(fetched.content, bytes) and len(fetched.content) <= SMALL_FILE


def _spools(readings: Sequence[Reading]) -> Iterator[Spool]:
    for reading in readings:
        yield from reading.rows.spools.values()


def _serve(connection: Connection) -> None:
    """Read what is asked for until nobody asks any more."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    gc.set_threshold(_SEARCH_AFTER)
    with suppress(*_LOST):
        while True:
            artifacts, jobs, pack = connection.recv()
            _answer(connection, read_files(jobs, artifacts, pack))


def _answer(connection: Connection, readings: Sequence[Reading]) -> None:
    """Send readings, and after them the files that their rows are in."""
    connection.send(readings)
    for spool in _spools(readings):
        if spool.is_in_file:
            send_handle(connection, spool.fileno(), None)
        spool.close()


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])))
