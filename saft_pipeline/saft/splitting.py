"""A document's text, cut between invoices into chunks that can be read apart.

A chunk is read as a whole, by libxml2 in one call, in half the time that it takes in pieces, and
by whoever has time. It is cut before an `<Invoice>`, and if that was wrong (within a comment), it
isn't well-formed; then the rest of the document is read in pieces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lxml import etree

from saft_pipeline.saft.encoding import Text
from saft_pipeline.saft.parser import Parser
from saft_pipeline.saft.records import Record
from saft_pipeline.saft.text_forms import LUCK, TextForms, encoded
from saft_pipeline.saft.totals import RunningTotals
from saft_pipeline.saft.walk import Walker

CHUNK = 1 << 18  # characters: larger is no faster
_INVOICE = re.compile(r"<(?:[^\s<>/:]+:)?Invoice>")
_MOST = 16  # times as many may wait for the end of an invoice


class Chunk(NamedTuple):
    """Whole invoices, the line on which they begin, how many lines and characters."""

    content: bytes
    encoding: str
    line: int
    lines: int
    size: int

    @property
    def text(self) -> str:
        """The same as text."""
        return self.content.decode(self.encoding)


class Splitter:
    """Reads a document, once, but for the chunks that it cuts."""

    def __init__(self, text: Text, totals: RunningTotals) -> None:
        self._text = text
        self._parser = Parser(text.place_after)
        self.walker = Walker(totals)
        self._waiting = ""  # neither read nor cut
        self._line = 1  # where that begins
        self.goes_on = True  # whether chunks are read apart
        self._forms: TextForms | None = None

    def parts(self) -> Iterator[Chunk | Iterator[Record]]:
        """Chunks, and records of what is between them, in their order."""
        pieces = _with_last(self._text)
        for piece, last in pieces:
            tag = "" if last or self._forms else _invoice_tag(piece)
            if not tag:
                yield self.feed(piece, last=last)
                continue
            at = piece.index(tag)
            yield self.feed(piece[:at])
            if self._parser.is_between_invoices():
                self._begin(piece[at:])
                yield from self._chunks(pieces, tag)
            else:
                yield self.feed(piece[at:])

    def _begin(self, text: str) -> None:
        """Go on by chunks."""
        root = self._parser.root
        assert root is not None
        self._waiting = text
        self._line = self._parser.line
        prefixes = {prefix: uri for prefix, uri in root.nsmap.items() if prefix}
        wrapper = etree.Element("SalesInvoices", nsmap=prefixes)
        self._forms = TextForms(
            etree.tostring(wrapper).replace(b"/>", b">"),
            luck=0 if self.walker.totals.exact else LUCK,
        )

    def _chunks(
        self, pieces: Iterator[tuple[str, bool]], tag: str
    ) -> Iterator[Chunk | Iterator[Record]]:
        for piece, last in pieces:
            self._waiting += piece
            enough = len(self._waiting) >= CHUNK and not last
            at = self._waiting.rfind(tag) if enough else 0
            if at > 0:
                yield self._cut(at)
            if last or not self.goes_on or len(self._waiting) > CHUNK * _MOST:
                rest, self._waiting = self._waiting, ""
                yield self.feed(rest, last=last)
                return

    def _cut(self, at: int) -> Chunk:
        text, self._waiting = self._waiting[:at], self._waiting[at:]
        chunk = Chunk(*encoded(text), self._line, text.count("\n"), at)
        self._line += chunk.lines
        return chunk

    def feed(self, text: str, *, last: bool = False) -> Iterator[Record]:
        """The records that a piece shows; it is read when they are asked for."""
        self._parser.feed(text)
        self.walker.first_line = self._parser.skipped_lines
        if last:
            self._parser.close()
        root, namespace = self._parser.root, self._parser.namespace
        if last:
            yield from self.walker.read_rest(root, namespace)
        else:
            yield from self.walker.read_on(root, namespace, len(text))

    def skip(self, chunk: Chunk) -> None:
        """Pass by a chunk that was read apart."""
        self._parser.skip(chunk.size, chunk.lines)

    def read(self, chunk: Chunk) -> Iterable[Record]:
        """Read a chunk here."""
        records = self.records_of(chunk, self.walker) if self.goes_on else None
        if records is None:
            self.goes_on = False
            return self.feed(chunk.text)
        self.skip(chunk)
        return records

    def records_of(self, chunk: Chunk, walker: Walker) -> Iterator[Record] | None:
        """What a chunk holds; None if it was cut where no invoice begins."""
        assert self._forms
        parts = self._forms.parts(chunk.text, chunk.line)
        return None if parts is None else walker.read_parts(parts)


def _invoice_tag(text: str) -> str:
    """The first start tag of an Invoice, with its prefix; nothing if there is none."""
    end = text.find("Invoice>")
    tag = text[text.rfind("<", 0, end) : end + len("Invoice>")] if end >= 0 else ""
    return tag if _INVOICE.fullmatch(tag) else ""


def _with_last(pieces: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Each piece, and whether it is the last; one that is empty if there is none."""
    waiting: str | None = None
    for piece in pieces:
        if waiting is not None:
            yield waiting, False
        waiting = piece
    yield waiting or "", True
