"""Tags and text, cut from the text of a document that libxml2 found well-formed.

Without a DOCTYPE, which is refused, a well-formed document has nothing but tags, text, comments,
CDATA sections, processing instructions and the five predefined entities; so each `<` outside of
comments, CDATA and instructions begins a tag, and a tag ends at the first `>` outside of quotes.
"""

from __future__ import annotations

import re
from typing import Protocol

from saft_pipeline.saft.errors import ContentError, NotWellFormedError, SaftError

XML_BLANKS = " \t\n\r"
MOST_TEXT = 10_000_000  # bytes: libxml2's limit, which it keeps only when it builds a tree
_MOST_KEPT = 12_000_000  # of one customer or line, with its tags and comments

# A tag and the text after it, up to the next `<`, so that a value is always seen whole.
_TAG = re.compile(r"<(/?)([^\s<>/!?]++)([^<>]*+)>([^<]*+)(?=<)")
# The same where an attribute may hold a `>`, which is rare and takes twice as long.
_QUOTING = re.compile(r"<(/?)([^\s<>/!?]++)((?:[^<>\"']++|\"[^\"]*+\"|'[^']*+')*+)>([^<]*+)(?=<)")
# A leaf and the blanks after it: most of a document.
_LEAF = re.compile(r"<([^\s<>/!?]++)>([^<]*+)</\1>\s*+(?=<)")
# What is passed over may go faster: leaves in a row.
_LEAVES = re.compile(r"(?:<([^\s<>/!?]++)>[^<]*+</\1>\s*+)++(?=<)")
_TEXT = re.compile(r"[^<]*+(?=<)")
_NEAR = 1 << 14  # as much of a line as is worth waiting for
_WHOLE = frozenset(
    (
        *("Line", "DocumentTotals", "ShipTo", "ShipFrom", "WithholdingTax"),
        *("Header", "Customer", "Supplier", "Product", "TaxTableEntry"),
    )
)
_ODD = (("<!--", "-->", False), ("<![CDATA[", "]]>", True), ("<?", "?>", False))
_ENTITY = re.compile(r"&(?:#x([0-9a-fA-F]+)|#([0-9]+)|([a-z]+));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def unescaped(text: str) -> str:
    """Text with its character references and predefined entities replaced."""
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(match: re.Match[str]) -> str:
    if match[3]:
        return _NAMED[match[3]]
    return chr(int(match[1], 16) if match[1] else int(match[2]))


def _tag(text: str, at: int) -> re.Match[str] | None:
    found = _TAG.match(text, at)
    if found and found[3] and ("'" in found[3] or '"' in found[3]):
        return _QUOTING.match(text, at)
    return found


def _passed_over(text: str, at: int) -> int:
    run = _LEAVES.match(text, at)
    return run.end() if run else at


def advanced(line: int, column: int, text: str) -> tuple[int, int]:
    """The line and column after `text` that begins at these."""
    newline = text.rfind("\n")
    if newline < 0:
        return line, column + len(text)
    return line + text.count("\n"), len(text) - newline


class Handler(Protocol):
    """Who is told what stands in the document, in its order; offsets count from its beginning."""

    skipping: int  # how many elements are open that are passed over

    def opened(self, prefix: str, tag: str, attributes: str, at: int) -> None:
        """An element begins."""

    def leaf(self, prefix: str, tag: str, text: str, at: int) -> None:
        """An element without children and attributes, whole."""

    def closed(self) -> None:
        """The innermost element ends."""

    def characters(self, text: str, at: int) -> None:
        """Text in the innermost element."""

    def whole(self, tag: str, text: str, at: int) -> int | None:
        """Read what begins at `text[at]` with this element at once: where it ends, None if not."""

    def head(self, text: str, at: int) -> int | None:
        """Read the first children of the Invoice that has just begun at `text[at]` likewise."""

    def needed_from(self, at: int) -> int:
        """The first offset whose line may still be asked for, if all before `at` was told."""


class Markup:
    """Feeds a Handler from pieces of text, and knows the line and column of what it told last."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._text = ""
        self._ended = False
        self._next = 0  # offset of what wasn't told yet
        self.base = 0  # offset of _text[0] in the document
        self._line, self._column = 1, 1  # of _text[0]
        self._mark, self._mark_line = 0, 1  # an index in _text and its line

    def feed(self, text: str, *, ended: bool = False) -> None:
        """Take a piece more; raises what the handler raises, ContentError for too long a text.

        `ended` tells that the document ends after it, or goes on with a tag.
        """
        self._text += text
        self._ended = ended
        if ended:
            self._text += "<"  # what closes the last text
        at = self._tags(self._text)
        keep = min(at, max(self._handler.needed_from(self.base + at) - self.base, 0))
        self._limit(at, len(self._text), MOST_TEXT, "without a tag")
        self._limit(keep, at, _MOST_KEPT, "in one element that is kept as a whole")
        self._drop(keep)
        if ended:
            self._text = self._text[:-1]

    def _limit(self, start: int, end: int, most: int, what: str) -> None:
        """Refuse more than `most` bytes of UTF-8 in a part of what is waiting."""
        if 4 * (end - start) > most and len(self._text[start:end].encode()) > most:
            line, column = self.place(self.base + start)
            raise ContentError(f"more than {most} bytes {what}", line=line, column=column)

    @property
    def is_told(self) -> bool:
        """Whether the handler was told of all that was fed."""
        return not self._text

    @property
    def end(self) -> tuple[int, int]:
        """The line and column of what is fed next, if all is told."""
        return self._line, self._column

    def go_on_at(self, line: int, column: int, *, after: int = 0) -> None:
        """Say where what is fed next stands in its file, `after` characters that others read."""
        self._line, self._column = line, column
        self.base += after
        self._next = self.base
        self._mark, self._mark_line = 0, line

    def _tags(self, text: str) -> int:
        """Tell the handler of all whole tags in `text`; the index of what isn't whole yet."""
        handler, at, base = self._handler, self._next - self.base, self.base
        while True:
            if handler.skipping:
                at = _passed_over(text, at)
            elif found := _LEAF.match(text, at):
                prefix, _, tag = found[1].rpartition(":")
                handler.leaf(prefix, tag, found[2], base + at)
                at = found.end()
                continue
            found = _tag(text, at)
            after = self._odd(text, at) if found is None else self._tag(found, text, at)
            if after is None:
                self._next = base + at
                return at
            at = after

    def _tag(self, found: re.Match[str], text: str, at: int) -> int | None:
        """Tell the handler of a tag and the text after it; where it goes on, None to wait."""
        handler = self._handler
        closing, name, attributes, inside = found.groups()
        if closing:
            handler.closed()
        else:
            prefix, _, tag = name.rpartition(":")
            if tag in _WHOLE:
                end = handler.whole(tag, text, at)
                if end is not None or self._is_cut(name, text, at):
                    return end
            handler.opened(prefix, tag, attributes, self.base + at)
            if attributes.endswith("/"):
                handler.closed()
            elif tag == "Invoice" and (end := handler.head(text, at)) is not None:
                return end
        if inside:
            handler.characters(inside, self.base + found.start(4))
        return found.end()

    def _is_cut(self, name: str, text: str, at: int) -> bool:
        """Whether an element may be read at once when the next piece has come."""
        near_end = not self._ended and len(text) - at < _NEAR
        return near_end and text.find(f"</{name}>", at) < 0

    def _odd(self, text: str, at: int) -> int | None:
        """Pass a comment, CDATA, an instruction or text; None if it isn't whole yet."""
        if not text.startswith("<", at):
            return self._blanks(text, at)
        for opening, closing, is_text in _ODD:
            if text.startswith(opening, at):
                end = text.find(closing, at + len(opening))
                inside = _TEXT.match(text, end + len(closing)) if end >= 0 else None
                if inside is None:
                    return None
                if is_text:
                    whole = text[at + len(opening) : end].replace("&", "&amp;")
                    self._handler.characters(whole, self.base + at)
                self._handler.characters(inside[0], self.base + inside.start())
                return inside.end()
        if text.startswith("<!DOCTYPE", at):
            raise ContentError("a DOCTYPE is refused")
        return None

    def _blanks(self, text: str, at: int) -> int | None:
        inside = _TEXT.match(text, at)
        if inside is None or inside.end() == at:
            return None
        self._handler.characters(inside[0], self.base + at)
        return inside.end()

    def _drop(self, count: int) -> None:
        """Let go of the text before index `count`."""
        self._line = self.line(self.base + count)
        newline = self._text.rfind("\n", 0, count)
        self._column = count - newline if newline >= 0 else self._column + count
        self._text = self._text[count:]
        self.base += count
        self._mark, self._mark_line = 0, self._line

    def place(self, offset: int) -> tuple[int, int]:
        """The line and column, from 1, of an offset; of the oldest text kept if it is gone."""
        index = max(offset - self.base, 0)
        newline = self._text.rfind("\n", 0, index)
        column = index - newline if newline >= 0 else self._column + index
        return self.line(offset), column

    def line(self, offset: int) -> int:
        """The line, from 1, of an offset: cheap if asked for in order."""
        index = max(offset - self.base, 0)
        if index < self._mark:
            self._mark, self._mark_line = 0, self._line
        self._mark_line += self._text.count("\n", self._mark, index)
        self._mark = index
        return self._mark_line


def not_well_formed() -> SaftError:
    """For tags that don't nest: libxml2 would have said so first."""
    return NotWellFormedError("not well-formed: the tags don't nest")
