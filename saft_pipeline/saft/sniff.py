"""Files that are no XML at all, told by their first bytes so that the message can name them."""

from __future__ import annotations

import re

from saft_pipeline.saft.errors import NotXmlError
from saft_pipeline.saft.values import XML_BLANKS

_MAGIC = (
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"%PDF", "a PDF document"),
)
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)[\s>]",
    re.IGNORECASE | re.DOTALL,
)
_JSON = re.compile(rb'\s*(?:\{\s*["}]|\[\s*[\[\]{"0-9])')


def refuse_other_formats(head: bytes) -> None:
    """Raise NotXmlError if a file that begins with `head` (some kilobytes) is no XML document."""
    for magic, title in _MAGIC:
        if head.startswith(magic):
            raise NotXmlError(f"this is {title}, not an XML file; unpack it or export it again")
    text = head.removeprefix(b"\xef\xbb\xbf")
    if not text.strip():
        raise NotXmlError("the file is empty" if not head else "the file holds nothing but blanks")
    if not head.strip(b"\0"):
        raise NotXmlError("the file begins with NUL bytes only: it was never written to the disk")
    if _HTML.match(text):
        raise NotXmlError("this is an HTML page, not a SAF-T file", line=1)
    if _JSON.match(text):
        raise NotXmlError("this is JSON, not XML", line=1)


def refuse_other_text(text: str) -> None:
    """Raise NotXmlError if a document that begins with `text` has something before its first tag.

    NUL is left to who tells where it is.
    """
    start = text.lstrip(XML_BLANKS)
    if start and start[0] not in "<\0":
        raise NotXmlError(f"this is no XML: it begins with {start[:30]!r}", line=1)
