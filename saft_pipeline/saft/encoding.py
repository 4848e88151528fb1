"""Which encoding a file's bytes are in, whatever it declares, and its text piece by piece.

The rules are those of the contract: bytes that are valid UTF-8 beyond ASCII are UTF-8; what was
declared UTF-8 and isn't, is Windows-1252; ISO-8859-1 is read as Windows-1252, which differs only
in bytes that ISO-8859-1 gives no letters to.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from saft_pipeline.saft.errors import EncodingRefusedError, IncompleteError
from saft_pipeline.saft.records import Warning_

PIECE = 1 << 17  # bytes read at a time: larger is no faster and takes memory

_HEAD = 1 << 12
_DECLARATION = re.compile(rb"""<\?xml\s(?:[^>]*?\s)?encoding\s*=\s*["']([^"'<>]*)["']""", re.ASCII)
_CODECS = {
    "utf-8": "utf-8",
    "utf-16": "utf-16",
    "utf-16-le": "utf-16",
    "utf-16-be": "utf-16",
    "cp1252": "cp1252",
    "iso8859-1": "iso8859-1",
    "iso8859-15": "iso8859-15",
    "ascii": "utf-8",  # a subset
}
_TITLES = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp1252": "Windows-1252",
    "iso8859-15": "ISO-8859-15",
}
_C1 = re.compile(rb"[\x80-\x9f]")
_NEVER = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    b"<\0\0\0": "UTF-32",
    b"\0\0\0<": "UTF-32",
    "<?xm".encode("cp037"): "EBCDIC",
    "<Aud".encode("cp037"): "EBCDIC",
    b"+/v8": "UTF-7",
    b"+/v9": "UTF-7",
}


@dataclass
class Encoding:
    """How to decode a file: a Python codec, the bytes of its mark, and what was found odd."""

    codec: str
    mark: int = 0
    declared: str | None = None
    warnings: list[Warning_] = field(default_factory=list)

    def warn(self, message: str, line: int | None = None) -> None:
        """Note that the declaration and the bytes disagree."""
        self.warnings.append({"code": "encoding", "message": message, "line": line})


def detect(source: BinaryIO) -> Encoding:
    """Tell the encoding from all the bytes of `source`, from its current position to its end.

    Raises EncodingRefusedError for an encoding that isn't read. The position is left anywhere.
    """
    head = source.read(_HEAD)
    for start, title in _NEVER.items():
        if head.startswith(start):
            raise _refused(title)
    wide = _utf16(head)
    if wide:
        return wide
    declared, codec = _declared(head)
    mark = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    return _settle(Encoding(codec, mark, declared), _is_utf8(head, source))


def _refused(title: str) -> EncodingRefusedError:
    return EncodingRefusedError(
        f"the encoding {title!r} isn't read; export the file as UTF-8, UTF-16, Windows-1252, "
        "ISO-8859-1 or ISO-8859-15",
        line=1,
    )


def _utf16(head: bytes) -> Encoding | None:
    if head.startswith((codecs.BOM_UTF16_LE, b"<\0")):
        codec = "utf-16-le"
    elif head.startswith((codecs.BOM_UTF16_BE, b"\0<")):
        codec = "utf-16-be"
    else:
        return None
    mark = 2 if head[0] in (0xFE, 0xFF) else 0
    declared, known = _declared(head.replace(b"\0", b""))
    found = Encoding(codec, mark, declared)
    if declared and known != "utf-16":
        found.warn(f"declared as {declared}, read as UTF-16: that is what the bytes are")
    return found


def _declared(head: bytes) -> tuple[str | None, str]:
    """The name declared and the codec it stands for (UTF-8 if there is no declaration)."""
    match = _DECLARATION.match(head.removeprefix(codecs.BOM_UTF8))
    if not match:
        return None, "utf-8"
    name = match[1].decode("ascii", "backslashreplace")
    try:
        return name, _CODECS[codecs.lookup(name).name]
    except (LookupError, ValueError):
        raise _refused(name) from None


def _is_utf8(head: bytes, source: BinaryIO) -> bool | None:
    """Whether all bytes are UTF-8; None if they are ASCII, which tells nothing."""
    decode = codecs.getincrementaldecoder("utf-8")().decode
    beyond_ascii = False
    piece = head
    try:
        while piece:
            if beyond_ascii or not piece.isascii():
                beyond_ascii = True
                decode(piece)
            piece = source.read(PIECE)
    except UnicodeDecodeError:
        return False
    return True if beyond_ascii else None


def _settle(found: Encoding, is_utf8: bool | None) -> Encoding:  # noqa: FBT001
    if is_utf8 is None:
        found.codec = "utf-8" if found.codec == "utf-16" else found.codec
        return found
    if is_utf8:
        if found.codec != "utf-8":
            found.warn(f"declared as {found.declared}, read as UTF-8: that is what the bytes are")
        found.codec = "utf-8"
    elif found.codec in ("utf-8", "utf-16"):
        says = f"declared as {found.declared}" if found.declared else "no encoding declared"
        found.warn(f"{says}, read as Windows-1252: the bytes aren't valid UTF-8")
        found.codec = "cp1252"
    return found


def pieces(source: BinaryIO, encoding: Encoding) -> Iterator[str]:
    """The text of `source`, from its current position on, with XML's line ends (all `\\n`).

    Raises EncodingRefusedError, with its line, for a byte that the encoding doesn't define, and
    IncompleteError where a character is cut by the end.
    """
    return _Decoder(encoding).pieces(source)


class _Decoder:
    """Decodes piece after piece and knows the line it is at."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._latin = encoding.codec == "iso8859-1"
        self._codec = "cp1252" if self._latin else encoding.codec
        decoder = codecs.getincrementaldecoder(self._codec)()
        self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        self._line = 1

    def pieces(self, source: BinaryIO) -> Iterator[str]:
        source.read(self._encoding.mark)
        while piece := source.read(PIECE):
            text = self._decoded(piece, final=False)
            yield text
            self._line += text.count("\n")
        if rest := self._decoded(b"", final=True):
            yield rest

    def _decoded(self, piece: bytes, *, final: bool) -> str:
        if self._latin and (match := _C1.search(piece)):
            self._latin = False
            line = self._line + piece.count(b"\n", 0, match.start())
            name = self._encoding.declared
            self._encoding.warn(f"declared as {name}, read as Windows-1252", line)
        try:
            return self._decoder.decode(piece, final)
        except UnicodeDecodeError as error:
            raise self._refused(error, final=final) from None

    def _refused(self, error: UnicodeDecodeError, *, final: bool) -> Exception:
        before = error.object[: error.start].decode(self._codec, "replace")
        line = self._line + before.count("\n")
        if final:
            return IncompleteError("the file ends within a character", line=line)
        byte = error.object[error.start]
        title = _TITLES[self._codec]
        reason = f"byte 0x{byte:02X} is not a character of {title}"
        return EncodingRefusedError(reason, line=line, column=len(before) - before.rfind("\n"))
