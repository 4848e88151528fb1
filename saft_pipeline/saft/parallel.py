"""A document as NDJSON; of a large one the invoices are read by two more processes.

libxml2 judges the whole text here, in its order. What it has taken is cut before an `<Invoice>`
now and then, and each chunk is read by a worker as if between two invoices, with the line that it
begins at. Where that was wrong (a cut within a comment), or anything can't be settled by a chunk
alone (a refusal, an InvoiceNo seen before), the chunk is read again here, in the usual way: so a
worker never refuses, and what comes out is the same.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from saft_pipeline.saft.content import Content
from saft_pipeline.saft.markup import advanced
from saft_pipeline.saft.ndjson import to_json
from saft_pipeline.saft.reader import Document
from saft_pipeline.saft.tally import Tally

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

WORTH_IT = 8 << 20  # bytes of a file from which on two processes are started for it
CHUNK = 1 << 20  # characters
_WORKERS = 2  # this process is busy only a quarter of the time


def ndjson(document: Document) -> Iterator[bytes]:
    """The lines that `to_json` makes of a document's records, some at a time.

    Raises SaftError as the document does. Starts processes only from a program's main thread.
    """
    with document.named():
        if document.size < WORTH_IT or not has_processors():
            yield from map(to_json, document)
            return
        splitter = _Splitter(document)
        try:
            yield from splitter.lines()
        finally:
            splitter.close()


def has_processors() -> bool:
    """Whether there is a second processor, and a way to start processes that is cheap."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1


class _Part(NamedTuple):
    """What a worker made of a chunk."""

    lines: bytes
    tally: Tally


class _Worker:
    """A process that reads chunks, forked from this one when the Header is known."""

    def __init__(self, content: Content) -> None:
        from multiprocessing import get_context  # costs more than a small file takes

        context = get_context("fork")
        self._connection, its_end = context.Pipe()
        self._process = context.Process(target=self._work, args=(content, its_end), daemon=True)
        self._process.start()
        its_end.close()

    def _work(self, content: Content, connection: Connection) -> None:
        self._connection.close()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # whatever the program does at it
        try:
            while True:
                connection.send(_part(content, *connection.recv()))
        except (EOFError, OSError):
            return  # who asked is gone

    def send(self, text: str, line: int, column: int) -> None:
        """Give it a chunk; it must have answered the one before."""
        with suppress(OSError):  # it was killed: the answer will be None
            self._connection.send((text, line, column))

    def receive(self) -> _Part | None:
        """Its answer to the chunk; None if it can't be read apart."""
        try:
            part: _Part | None = self._connection.recv()
        except (EOFError, OSError):
            return None
        return part

    def close(self) -> None:
        """End it."""
        self._connection.close()
        self._process.terminate()
        self._process.join()


def _part(content: Content, text: str, line: int, column: int) -> _Part | None:
    branch = content.branch(line, column)
    try:
        lines = b"".join(map(to_json, branch.read(text, ended=True)))
    except Exception:  # whatever it is, it shows again where it can be told
        return None
    return _Part(lines, branch.tally) if branch.structure.is_between_invoices else None


class _Sent(NamedTuple):
    """A chunk that a worker has, and the line and column where it ends."""

    worker: _Worker
    chunk: str
    end: tuple[int, int]


class _Splitter:
    """Cuts a document's text, hands out the chunks and puts the answers in order."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._content = document.content
        self._idle: list[_Worker] = []
        self._sent: deque[_Sent] = deque()
        self._text = ""  # neither read nor sent yet
        self._place = (1, 1)  # where it begins, while there are chunks

    def close(self) -> None:
        """End the workers."""
        for worker in (*self._idle, *(sent.worker for sent in self._sent)):
            worker.close()

    def lines(self) -> Iterator[bytes]:
        """All the document's lines."""
        for text, last in self._document.judged():
            self._text += text
            if last:
                yield from self._collect_all()
                yield from self._read(len(self._text), last=True)
            elif self._is_cutting:
                yield from self._cut()
            else:
                yield from self._read_up_to_an_invoice()

    @property
    def _is_cutting(self) -> bool:
        return bool(self._sent) or self._content.structure.is_between_invoices

    def _read(self, count: int, *, ended: bool = False, last: bool = False) -> Iterator[bytes]:
        text, self._text = self._text[:count], self._text[count:]
        return map(to_json, self._content.read(text, ended=ended, last=last))

    def _read_up_to_an_invoice(self) -> Iterator[bytes]:
        at = self._text.find(self._content.invoice_tag)
        if at >= 0:
            yield from self._read(at, ended=True)
        if self._is_cutting:
            self._place = self._content.structure.markup.end
        else:
            yield from self._read(len(self._text))

    def _cut(self) -> Iterator[bytes]:
        """Hand out a chunk if there is enough for one."""
        if len(self._text) < CHUNK:
            return
        if len(self._sent) == _WORKERS:
            yield from self._collect()
        at = self._text.rfind(self._content.invoice_tag) if self._is_cutting else 0
        if at > 0:
            self._send(self._text[:at])
            self._text = self._text[at:]
        else:
            yield from self._collect_all()
            yield from self._read(len(self._text))

    def _send(self, chunk: str) -> None:
        worker = self._idle.pop() if self._idle else _Worker(self._content)
        worker.send(chunk, *self._place)
        self._place = advanced(*self._place, chunk)
        self._sent.append(_Sent(worker, chunk, self._place))

    def _collect(self) -> Iterator[bytes]:
        """The oldest chunk's lines; all chunks' if the later ones were cut wrongly."""
        chunk, end, part = self._answer()
        if part and self._content.tally.add_invoices(part.tally):
            self._content.structure.markup.go_on_at(*end, after=len(chunk))
            yield part.lines
            return
        yield from map(to_json, self._content.read(chunk, ended=True))
        while self._sent and not self._content.structure.is_between_invoices:
            chunk, _, _ = self._answer()
            yield from map(to_json, self._content.read(chunk, ended=True))

    def _collect_all(self) -> Iterator[bytes]:
        while self._sent:
            yield from self._collect()

    def _answer(self) -> tuple[str, tuple[int, int], _Part | None]:
        sent = self._sent.popleft()
        self._idle.append(sent.worker)
        return sent.chunk, sent.end, sent.worker.receive()
