"""Where the Line that a finding is about stands: a second look at the file's bytes.

Only the elements of documents with findings are looked into, the rest is counted over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from saft_pipeline.saft.rules.findings import Finding

_MOST = 1 << 16  # bytes: what is longer without a line's end is taken in pieces
_opens_line = re.compile(rb"<(?:[\w.-]+:)?Line[\s>]").search
_numbers = re.compile(rb"LineNumber\s*>\s*(\d+)\s*<").finditer
_ends = re.compile(rb"</(?:[\w.-]+:)?Invoice\s*>").search


def with_row_lines(source: BinaryIO, findings: Iterable[Finding]) -> list[Finding]:
    """Findings with the line of their Line in place of that of their document.

    `source` is the file as it was read, from its beginning, in any encoding that has ASCII's
    letters; what is not found there keeps the document's line.
    """
    found = list(findings)
    wanted = {f.line: about[0] for f in found if f.line and (about := _about(f))}
    if not wanted:
        return found
    where = dict(_places(source, wanted))
    return [f._replace(line=where.get(_about(f) or ("", ""), f.line)) for f in found]


def _about(finding: Finding) -> tuple[str, str] | None:
    document, _, number = (finding.document or "").rpartition(" line ")
    return (document, number) if document else None


def _places(source: BinaryIO, wanted: dict[int, str]) -> Iterator[tuple[tuple[str, str], int]]:
    """Each Line of the documents that begin at these lines of the file, and where it stands."""
    at, name, seen, opened = 1, "", False, 0
    while text := source.readline(_MOST):
        if at in wanted and wanted[at] != name:
            name, seen, opened = wanted[at], False, at
        if name:
            seen = seen or name.encode() in text
            opened = at if _opens_line(text) else opened
            if seen:
                yield from (((name, n[1].decode()), opened) for n in _numbers(text))
            if seen and _ends(text):
                name = ""
        at += text.endswith(b"\n")
