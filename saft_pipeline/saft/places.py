"""Lines and columns in a document's text, counted from 1 in characters."""

from __future__ import annotations

from collections.abc import Iterable
from xml.parsers import expat


def advanced(line: int, column: int, text: str) -> tuple[int, int]:
    """The line and column after `text` that begins at these."""
    newline = text.rfind("\n")
    if newline < 0:
        return line, column + len(text)
    return line + text.count("\n"), len(text) - newline


class _Found(Exception):  # noqa: N818 - no error: it stops the parser
    """Raised through expat where looking on is of no use."""


class _Search:
    """Looks for an element whose start tag ends on a line.

    libxml2 tells no columns of elements, so expat takes a second look where a file is refused.
    """

    def __init__(self, line: int, tag: str, text: str) -> None:
        self._line, self._tag, self._wanted = line, tag, text
        self._parts: list[str] | None = None  # the text in the element that may be it
        self._at = 0, 0
        self.place: tuple[int, int] | None = None
        self._parser = parser = expat.ParserCreate("utf-8")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters

    def feed(self, text: str) -> None:
        self._parser.Parse(text.encode(), False)  # noqa: FBT003 - takes no keyword

    def _start(self, name: str, _: dict[str, str]) -> None:
        line = self._parser.CurrentLineNumber
        if line > self._line:
            raise _Found
        if name.rpartition(":")[2] != self._tag:
            return
        self._parts, self._at = [], (line, self._parser.CurrentColumnNumber + 1)
        # A start tag that takes several lines begins before; all else before isn't it.
        if self.place is None or self.place[0] < self._line:
            self.place = self._at
        if line == self._line and not self._wanted:
            raise _Found

    def _characters(self, text: str) -> None:
        if self._parts is not None:
            self._parts.append(text)

    def _end(self, _: str) -> None:
        is_there = self._parts is not None and self._at[0] == self._line
        if is_there and "".join(self._parts or ()).strip() == self._wanted:
            self.place = self._at
            raise _Found
        self._parts = None


def place_of(texts: Iterable[str], line: int, tag: str, text: str) -> tuple[int, int] | None:
    """Where the first such element on a line begins; the first with this text if there is one.

    `texts` are the document's, in pieces. None if it isn't there.
    """
    search = _Search(line, tag, text)
    try:
        for piece in texts:
            search.feed(piece)
    except (_Found, expat.ExpatError):
        pass
    return search.place
