"""Reading a document; of a large one the invoices are read by three more processes.

The text is cut here, and each chunk is read by a worker, which gives what is made of it. Where
anything can't be settled by a chunk alone (a refusal, an InvoiceNo seen before, a chunk that was
cut wrongly), it is read again here: so a worker never refuses, and what comes out is the same.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from saft_pipeline.saft.errors import RepeatedError
from saft_pipeline.saft.ndjson import to_json
from saft_pipeline.saft.reader import Document
from saft_pipeline.saft.records import Record
from saft_pipeline.saft.splitting import Chunk, Splitter
from saft_pipeline.saft.totals import RunningTotals

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

BYTES_WORTH_IT = 8 << 20  # bytes of a file from which on processes are started for it
_WORKERS = 3  # with two a processor waits whenever both have answered: this process takes a while


Make = Callable[[Iterable[Record]], Any]
"""Makes something of invoices that follow each other; it must be possible to pickle it."""


class ReadApart(NamedTuple):
    """What a worker made of the invoices of a chunk."""

    value: Any


def ndjson(document: Document) -> Iterator[bytes]:
    """The lines that `to_json` makes of a document's records, some at a time.

    Raises SaftError as the document does.
    """
    for part in parts(document, _lines):
        if isinstance(part, ReadApart):
            yield part.value
        else:
            yield from map(to_json, part)


def _lines(records: Iterable[Record]) -> bytes:
    return b"".join(map(to_json, records))


def parts(document: Document, make: Make) -> Iterator[Iterable[Record] | ReadApart]:
    """A document's records, some at a time, each part to be taken before the next; or in their
    place what workers, which are forked when the first invoice comes, made of them.

    Raises SaftError as the document does.
    """  # fmt: skip
    if not pays_for_processes(document.size):
        yield document
        return
    with document.placed():
        readers = _Readers(document.splitter(), document.totals, make)
        try:
            for part in readers.parts():
                yield part if isinstance(part, ReadApart) else _taken(document, part, readers)
                if readers.are_done:
                    return
        finally:
            readers.close()


def _taken(document: Document, records: Iterable[Record], readers: _Readers) -> Iterator[Record]:
    """The records; where they can't be told apart so, all that are left of the document."""
    with document.placed():
        try:
            for record in records:
                yield record
                readers.given += 1
        except RepeatedError:
            readers.are_done = True
            yield from islice(document.exactly(), readers.given, None)


def pays_for_processes(size: int) -> bool:
    """Whether a file of so many bytes is read by more processes than this one."""
    return size >= BYTES_WORTH_IT and has_processors()


def has_processors() -> bool:
    """Whether there is a second processor, and a way to start processes that is cheap and safe.

    A program's other threads are likely to be amid something that a fork would cut off.
    """
    return (
        sys.platform == "linux"
        and len(os.sched_getaffinity(0)) > 1
        and threading.current_thread() is threading.main_thread()
    )


class _Part(NamedTuple):
    """What a worker made of a chunk, and what that adds to the document's totals."""

    made: Any
    totals: RunningTotals


class _Worker:
    """A process that reads chunks, forked from this one when the Header is known."""

    def __init__(self, splitter: Splitter, make: Make) -> None:
        from multiprocessing import get_context  # costs more than a small file takes

        context = get_context("fork")
        self._connection, its_end = context.Pipe()
        self._process = context.Process(
            target=self._work, args=(splitter, make, its_end), daemon=True
        )
        self._process.start()
        its_end.close()

    def _work(self, splitter: Splitter, make: Make, connection: Connection) -> None:
        self._connection.close()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # whatever the program does at it
        try:
            while True:
                connection.send(_part(splitter, make, Chunk(*connection.recv())))
        except (EOFError, OSError):
            return  # who asked is gone

    def send(self, chunk: Chunk) -> None:
        """Give it a chunk; it must have answered the one before."""
        with suppress(OSError):  # it was killed: the answer will be None
            self._connection.send(tuple(chunk))

    def receive(self) -> _Part | None:
        """Its answer to the chunk; None if it can't be read apart."""
        try:
            part: _Part | None = self._connection.recv()
        except (EOFError, OSError):
            return None
        return part

    def close(self) -> None:
        """End it at once: it leaves nothing behind, and another signal may be lost as it begins."""
        self._connection.close()
        self._process.kill()
        self._process.join()


def _part(splitter: Splitter, make: Make, chunk: Chunk) -> _Part | None:
    branch = splitter.walker.branch()
    try:
        records = splitter.records_of(chunk, branch)
        if records is None:
            return None
        made = make(records)
    except Exception:  # whatever it is, it shows again where it can be told
        return None
    return _Part(made, branch.totals)


class _Sent(NamedTuple):
    """A chunk that a worker has."""

    worker: _Worker
    chunk: Chunk


class _Readers:
    """Hands out chunks and puts the answers in order."""

    def __init__(self, splitter: Splitter, totals: RunningTotals, make: Make) -> None:
        self._splitter = splitter
        self._totals = totals
        self._make = make
        self.given = 0  # records
        self.are_done = False
        self._idle: list[_Worker] = []
        self._sent: deque[_Sent] = deque()

    def close(self) -> None:
        """End the workers."""
        for worker in (*self._idle, *(sent.worker for sent in self._sent)):
            worker.close()

    def parts(self) -> Iterator[Iterable[Record] | ReadApart]:
        """All of the document."""
        for part in self._splitter.parts():
            if not isinstance(part, Chunk):
                yield from self._collect_all()
                yield part
            elif len(self._sent) == _WORKERS:
                yield self._collect(part)
            else:
                self._send(part)
        yield from self._collect_all()

    def _send(self, chunk: Chunk) -> None:
        worker = self._idle.pop() if self._idle else _Worker(self._splitter, self._make)
        worker.send(chunk)
        self._sent.append(_Sent(worker, chunk))

    def _collect(self, following: Chunk | None = None) -> Iterable[Record] | ReadApart:
        """What is in the oldest chunk; its worker goes on at once, with what follows."""
        worker, chunk = self._sent.popleft()
        part = worker.receive()
        self._idle.append(worker)
        if following:
            self._send(following)
        if part and self._splitter.goes_on and self._totals.add_invoices(part.totals):
            self._splitter.skip(chunk)
            self.given += part.totals.invoices
            return ReadApart(part.made)
        return self._splitter.read(chunk)

    def _collect_all(self) -> Iterator[Iterable[Record] | ReadApart]:
        while self._sent:
            yield self._collect()
