"""libxml2 as the judge of well-formedness: over the whole document, without building a tree."""

from __future__ import annotations

import re
from collections.abc import Callable

from lxml import etree

from saft_pipeline.saft.errors import ContentError, IncompleteError, NotWellFormedError, SaftError
from saft_pipeline.saft.markup import advanced

_END = re.compile(r"</(?:[^\s<>:/]+:)?AuditFile\s*>")
_TAIL = 1 << 12


class _DoctypeFound(Exception):  # noqa: N818 - no error of ours: it stops the parser
    """Raised through libxml2 as soon as it meets a DOCTYPE, before it reads what is in there."""


class _NoTree:
    """A parser target that takes nothing: libxml2 checks, and no Python runs for each element."""

    def doctype(self, _name: str, _public: str, _system: str) -> None:
        raise _DoctypeFound

    def close(self) -> None:
        """lxml asks for it."""


class Judge:
    """Takes the document's text piece by piece and raises SaftError where it breaks XML's rules.

    A piece is only known to be right when the next one was taken too: the parser may wait with
    the last few hundred characters. libxml2's limits are on and it reads nothing but what it gets.
    """

    def __init__(self, place_after: Callable[[int], tuple[int, int]]) -> None:
        """`place_after` tells the line and column after so many pieces."""
        self._place_after = place_after
        self._taken = 0
        self._parser = etree.XMLParser(
            target=_NoTree(),  # type: ignore[arg-type]  # the stubs ask for methods that lxml does not
            encoding="utf-8",
            resolve_entities=False,
            no_network=True,
        )
        self._tail = ""

    @property
    def has_begun(self) -> bool:
        """Whether it was fed anything but blanks."""
        return bool(self._tail.strip())

    def feed(self, text: str) -> None:
        """Judge a piece more."""
        try:
            # Lone surrogates can't come out of the decoders, so this can't fail.
            self._parser.feed(text.encode())
        except etree.XMLSyntaxError as error:
            raise self._refused(error, text) from None
        except _DoctypeFound:
            raise self._doctype(text) from None
        self._taken += 1
        self._tail = text[-_TAIL:] if len(text) >= _TAIL else (self._tail + text)[-_TAIL:]

    def close(self) -> None:
        """Judge the end: IncompleteError if the closing tag of AuditFile didn't come."""
        try:
            self._parser.close()
        except etree.XMLSyntaxError as error:
            if not _END.search(self._tail):
                raise self._incomplete() from None
            raise self._refused(error, "") from None
        except _DoctypeFound:
            raise self._doctype("") from None
        self._namespaces()

    def _namespaces(self) -> None:
        for entry in self._parser.feed_error_log:
            if entry.domain_name == "NAMESPACE" and entry.level >= etree.ErrorLevels.ERROR:
                raise NotWellFormedError(entry.message, line=entry.line, column=entry.column)

    def _incomplete(self) -> IncompleteError:
        line, column = self._place_after(self._taken)
        reason = "the file ends before </AuditFile>: it is incomplete"
        return IncompleteError(reason, line=line, column=column)

    def _refused(self, error: etree.XMLSyntaxError, text: str) -> SaftError:
        line, column = error.position
        reason = str(error.msg).split(", line ")[0].strip()
        if "\0" in text or "\0" in self._tail:
            reason = f"NUL bytes in the text, as a broken disk or transfer leaves them ({reason})"
        return NotWellFormedError(f"not well-formed: {reason}", line=line, column=column)

    def _doctype(self, text: str) -> SaftError:
        before = self._tail + text
        start = before[: max(before.find("<!DOCTYPE"), len(self._tail))]
        line, column = advanced(*self._place_after(self._taken), start[len(self._tail) :])
        reason = "a DOCTYPE is refused: SAF-T has none, and it can make a reader fetch or swell"
        return ContentError(reason, line=line, column=column)
