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
from lxml.etree import _Element as Element

from saft_pipeline.saft.encoding import Text
from saft_pipeline.saft.parser import OPTIONS, Parser
from saft_pipeline.saft.records import Record
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


class Splitter:
    """Reads a document, once, but for the chunks that it cuts."""

    def __init__(self, text: Text, totals: RunningTotals) -> None:
        self._text = text
        self._parser = Parser(text.place_after)
        self.walker = Walker(totals)
        self._waiting = ""  # neither read nor cut
        self._line = 1  # where that begins
        self.goes_on = True  # whether chunks are read apart
        self.wrapper = b""  # a start tag that declares what an invoice may use

    def parts(self) -> Iterator[Chunk | Iterator[Record]]:
        """Chunks, and records of what is between them, in their order."""
        pieces = _with_last(self._text)
        for piece, last in pieces:
            tag = "" if last or self.wrapper else _invoice_tag(piece)
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
        self.wrapper = etree.tostring(wrapper).replace(b"/>", b">")

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
        chunk = Chunk(*_encoded(text), self._line, text.count("\n"), at)
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
        section = tree_of(self.wrapper, chunk)
        if section is None or not self.goes_on:
            self.goes_on = False
            return self.feed(chunk.content.decode(chunk.encoding))
        self.skip(chunk)
        return self.walker.read_invoices(section, chunk.line)


def tree_of(wrapper: bytes, chunk: Chunk) -> Element | None:
    """An element that holds a chunk's invoices; None if it was cut where none begins."""
    options = OPTIONS | {"encoding": chunk.encoding}
    parser = etree.XMLParser(**options)  # type: ignore[arg-type]
    try:
        return etree.fromstring(b"%b%b</SalesInvoices>" % (wrapper, chunk.content), parser)
    except etree.XMLSyntaxError:
        return None


def _encoded(text: str) -> tuple[bytes, str]:
    """As ISO-8859-1 if it can be: Python writes that at once, and libxml2 reads it fast."""
    try:
        return text.encode("iso-8859-1"), "iso-8859-1"
    except UnicodeEncodeError:
        return text.encode(), "utf-8"


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
