"""libxml2, fed piece by piece: the tree as far as it is known, and where a text breaks XML's rules.

Its limits are on, it fetches nothing and expands nothing but the predefined entities. Comments,
processing instructions and blanks between elements don't get into the tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lxml import etree
from lxml.etree import _Element as Element

from saft_pipeline.saft.errors import (
    ContentError,
    IncompleteError,
    NotWellFormedError,
    NotXmlError,
    SaftError,
)
from saft_pipeline.saft.header import refuse_foreign_namespace
from saft_pipeline.saft.layouts import local_name
from saft_pipeline.saft.places import advanced
from saft_pipeline.saft.sections import DECLARED_TAGS
from saft_pipeline.saft.sniff import refuse_other_text
from saft_pipeline.saft.values import XML_BLANKS

OPTIONS = {
    "encoding": "utf-8",
    "resolve_entities": False,
    "no_network": True,
    "remove_blank_text": True,
    "remove_comments": True,
    "remove_pis": True,
    "collect_ids": False,
}
PlaceAfter = Callable[[int | None], tuple[int, int]]

_MOST = 10_000_000  # bytes of a text: libxml2's limit
_DEEPEST = 256  # likewise
_END = re.compile(r"</(?:[^\s<>:/]+:)?AuditFile\s*>")
_LINE = re.compile(r"\bline ([0-9]+)")
_TAIL = 1 << 12
# A root without its default namespace has elements whose names are read in half the time. The
# attribute that it becomes tells the namespace all the same.
_DEFAULT_NAMESPACE = re.compile(
    r"(<AuditFile\s[^<>]*?)\bxmlns(?=\s*=\s*[\"'](?:urn|https?):[A-Za-z0-9:._/-]+[\"'])"
)
_RENAMED = "_mlns"
_MARK = "<_/>"
_OPEN = re.compile(rf"<(?:[^\s<>:/]+:)?(?:{'|'.join(DECLARED_TAGS)})(?:\s[^<>]*)?>[^<>]*\Z")


class _PrologEnded(Exception):  # noqa: N818 - no error of ours: it stops the parser
    """Raised through libxml2 as soon as it meets a DOCTYPE or the root element."""

    def __init__(self, root: str = "") -> None:
        self.root = root


class _Prolog:
    """A parser target that looks no further than to the root element."""

    def doctype(self, _name: str, _public: str, _system: str) -> None:
        raise _PrologEnded

    def start(self, tag: str, _attributes: object) -> None:
        raise _PrologEnded(tag)

    def close(self) -> None:
        """lxml asks for it."""


class Parser:
    """Takes a document's text in pieces; raises SaftError where it can't be a SAF-T file.

    `root` is None until its start tag was fed. `place_after` tells the line and column after so
    many characters, of the end without a number.
    """

    def __init__(self, place_after: PlaceAfter) -> None:
        self.root: Element | None = None
        self.namespace: str | None = None
        self.line = 1  # where what is fed next begins
        self.skipped_lines = 0  # of text that was read apart
        self._first_skipped = self._skipped_from = self._skipped_to = 0
        self._marks: list[int] = []  # how many characters there were before each
        self._place_after = place_after
        self._parser = etree.XMLPullParser(events=("start",), tag="{*}AuditFile", **OPTIONS)  # type: ignore[arg-type]
        self._head = ""  # all that was fed, while there is no root
        self._tail = ""
        self._characters = 0
        self._tag_end = 0  # how many there were when the last tag ended
        self._since = 0  # bytes since then
        self._nul = -1  # how many there were before the first NUL

    def feed(self, text: str) -> None:
        """Take a piece more."""
        if self.root is None:
            if not self._head.strip(XML_BLANKS):
                refuse_other_text(text)
            self._head += text
            if found := _DEFAULT_NAMESPACE.search(text):
                text = text[: found.end(1)] + _RENAMED + text[found.end() :]
        # Lone surrogates can't come out of the decoders, so this can't fail.
        data = text.encode()
        self._limit(text, data)
        if self._nul < 0 <= (found_at := text.find("\0")):
            self._nul = self._characters + found_at
        self._tail = text[-_TAIL:] if len(text) >= _TAIL else (self._tail + text)[-_TAIL:]
        try:
            self._parser.feed(data)
        except etree.XMLSyntaxError as error:
            self._look_for_root()
            raise self._refused(str(error.msg), error.position) from None
        if self.root is None:
            self._look_for_root()
        self._refuse_noted()
        self._characters += len(text)
        self.line += text.count("\n")

    def skip(self, characters: int, lines: int) -> None:
        """Pass by what was read apart, and is whole elements."""
        self._first_skipped = self._first_skipped or self.line
        self._skipped_from = self._skipped_from or self._characters
        self.line += lines
        self.skipped_lines += lines
        self._characters += characters
        self._skipped_to = self._characters

    def is_between_invoices(self) -> bool:
        """Whether what comes next stands in SalesInvoices, before the first Invoice.

        The tree can't tell whether a comment is open, so an empty element is fed, and looked for.
        """
        if not self._in_sales_invoices(*DECLARED_TAGS) or _OPEN.search(self._tail):
            return False
        self._marks.append(self._characters)
        try:
            self._parser.feed(_MARK.encode())
        except etree.XMLSyntaxError as error:  # so no Invoice may stand here
            raise self._refused(str(error.msg), error.position) from None
        return self._in_sales_invoices(_MARK.strip("</>"))

    def _in_sales_invoices(self, *last: str) -> bool:
        element = self.root
        for tags in (["SourceDocuments"], ["SalesInvoices"], last):
            if element is None or not len(element):
                return False
            element = element[-1]
            if local_name(str(element.tag)) not in tags:
                return False
        return True

    def _limit(self, text: str, data: bytes) -> None:
        """libxml2 waits for the end of a tag, however long that takes."""
        end = text.rfind(">")
        if end >= 0:
            self._tag_end, self._since = self._characters + end + 1, 0
        self._since += len(data)
        if self._since > _MOST:
            line, column = self._place_after(self._tag_end)
            raise ContentError(f"more than {_MOST} bytes without a tag", line=line, column=column)

    def _look_for_root(self) -> None:
        """Raise SaftError for a DOCTYPE, and for a root element that isn't AuditFile."""
        for _, root in self._parser.read_events():
            if self.root is None and isinstance(root, Element):
                self.root = root
                self.namespace = str(root.tag)[1:].rpartition("}")[0] or root.get(_RENAMED)
        if self.root is None or "<!DOCTYPE" in self._head:
            self._look_at_prolog()
        if self.root is not None:
            self._head = ""

    def _look_at_prolog(self) -> None:
        prolog = etree.XMLParser(target=_Prolog(), **OPTIONS)  # type: ignore[arg-type]
        try:
            prolog.feed(self._head.encode())
        except etree.XMLSyntaxError:
            return
        except _PrologEnded as found:
            if not found.root:
                raise self._doctype() from None
            if local_name(found.root) != "AuditFile":
                raise self._other_root(found.root) from None

    def _doctype(self) -> SaftError:
        before = self._head[: max(self._head.find("<!DOCTYPE"), 0)]
        line, column = advanced(1, 1, before)
        reason = "a DOCTYPE is refused: SAF-T has none, and it can make a reader fetch or swell"
        return ContentError(reason, line=line, column=column)

    def _other_root(self, name: str) -> SaftError:
        namespace, _, tag = name[name[0] == "{" :].rpartition("}")
        at = re.search(rf"<(?:[^\s<>/]+:)?{re.escape(tag)}[\s/>]", self._head)
        line, column = advanced(1, 1, self._head[: at.start() if at else 0])
        try:
            refuse_foreign_namespace(namespace)
        except SaftError as error:
            error.line, error.column = line, column
            return error
        reason = f"the root element is <{tag}>, not <AuditFile>: this is no SAF-T file"
        return NotXmlError(reason, line=line, column=column)

    def close(self) -> None:
        """Judge the end: IncompleteError if the closing tag of AuditFile didn't come."""
        try:
            self._parser.close()
        except etree.XMLSyntaxError as error:
            if not _END.search(self._tail):
                raise self._incomplete() from None
            raise self._refused(str(error.msg), error.position) from None

    def _refuse_noted(self) -> None:
        """libxml2 goes on after an undefined entity, and lxml doesn't say so."""
        for entry in self._parser.feed_error_log:
            if entry.level >= etree.ErrorLevels.ERROR:
                raise self._refused(entry.message, (entry.line, entry.column))

    def _incomplete(self) -> IncompleteError:
        line, column = self._place_after(None)
        reason = "the file ends before </AuditFile>: it is incomplete"
        return IncompleteError(reason, line=line, column=column)

    def _refused(self, message: str, place: tuple[int, int]) -> SaftError:
        line, column = place
        column -= len(_MARK) * self._marks_before(line, column)
        if self._skipped_to and line == self._first_skipped:
            before, after = (
                self._place_after(self._skipped_from),
                self._place_after(self._skipped_to),
            )
            column += after[1] - before[1]
        line += self.skipped_lines
        reason = _LINE.sub(self._shifted, message.split(", line ")[0].strip())
        if limit := self._limit_of(reason):
            return ContentError(limit, line=line, column=column)
        if self._nul >= 0 and (line, column) == self._place_after(self._nul):
            reason = f"NUL bytes in the text, as a broken disk or transfer leaves them ({reason})"
        return NotWellFormedError(f"not well-formed: {reason}", line=line, column=column)

    def _marks_before(self, line: int, column: int) -> int:
        places = map(self._place_after, self._marks)
        return sum(line == at and column >= first + len(_MARK) for at, first in places)

    def _shifted(self, line: re.Match[str]) -> str:
        """A line of the tree as one of the file, in libxml2's words."""
        number = int(line[1])
        return f"line {number + self.skipped_lines if number >= self._first_skipped else number}"

    def _limit_of(self, reason: str) -> str | None:
        """What is too large where libxml2 says that something is."""
        tag, element = "", self.root
        while element is not None:
            tag = local_name(str(element.tag))
            element = element[-1] if len(element) else None
        if "depth" in reason:
            return f"<{tag}>: elements nested deeper than {_DEEPEST} levels"
        if "ext node" in reason:
            return f"more than {_MOST} characters of text in <{tag}>"
        return None
