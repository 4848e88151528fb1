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
from typing import TYPE_CHECKING, BinaryIO

from saft_pipeline.saft.errors import EncodingRefusedError, IncompleteError, SaftError
from saft_pipeline.saft.places import advanced
from saft_pipeline.saft.warnings import Warnings

if TYPE_CHECKING:
    from typing_extensions import Buffer

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
    warnings: Warnings = field(default_factory=Warnings)

    def warn(self, message: str, line: int | None = None) -> None:
        """Note that the declaration and the bytes disagree."""
        self.warnings.add("encoding", message, line)


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


class _Windows1252(codecs.IncrementalDecoder):
    """ISO-8859-1 but for a few characters, and as that it is decoded in a third of the time."""

    _DIFFERENT = range(0x80, 0xA0)

    def decode(self, data: Buffer, final: bool = False) -> str:  # noqa: FBT001, FBT002
        piece = bytes(data)
        has_different = any(map(piece.__contains__, self._DIFFERENT))
        return piece.decode("cp1252" if has_different else "iso8859-1")


class Text:
    """The text of a source, from its current position on, with XML's line ends (all `\\n`).

    Iterating gives it piece by piece, once. It raises EncodingRefusedError, with its place, for a
    byte that the encoding doesn't define, and IncompleteError where a character is cut by the end.
    """

    def __init__(self, source: BinaryIO, encoding: Encoding) -> None:
        source.read(encoding.mark)
        self._source = source
        self._start = source.tell()
        self._encoding = encoding
        self._latin = encoding.codec == "iso8859-1"
        self._codec = "cp1252" if self._latin else encoding.codec
        self._given = 0  # characters
        self._ended = False

    def __iter__(self) -> Iterator[str]:
        try:
            for text in self._decoded():
                if self._latin:
                    self._look_beyond_latin(text)
                yield text
                self._given += len(text)
        except UnicodeDecodeError as error:
            raise self._refused(error) from None

    def _decoded(self) -> Iterator[str]:
        is_windows = self._codec == "cp1252"
        of_codec = _Windows1252 if is_windows else codecs.getincrementaldecoder(self._codec)
        decoder = io.IncrementalNewlineDecoder(of_codec(), translate=True)
        while piece := self._source.read(PIECE):
            yield decoder.decode(piece)
        self._ended = True
        if rest := decoder.decode(b"", final=True):
            yield rest

    def again(self) -> Iterator[str]:
        """The same pieces once more, from the first."""
        self._source.seek(self._start)
        return self._decoded()

    def place_after(self, characters: int | None = None) -> tuple[int, int]:
        """The line and column after so many characters, of the end without a number.

        The text is read again, since that is asked for only where something is wrong.
        """
        position = self._source.tell()
        place, left = (1, 1), characters
        texts = self.again()
        while left != 0 and (text := next(texts, None)) is not None:
            place = advanced(*place, text[:left])
            left = None if left is None else max(left - len(text), 0)
        self._source.seek(position)
        return place

    def _look_beyond_latin(self, text: str) -> None:
        """Warn, once, where Windows-1252 has a character that ISO-8859-1 has none for."""
        try:
            text.encode("latin-1")
        except UnicodeEncodeError as error:
            self._latin = False
            line, _ = advanced(*self.place_after(self._given), text[: error.start])
            name = self._encoding.declared
            self._encoding.warn(f"declared as {name}, read as Windows-1252", line)

    def _refused(self, error: UnicodeDecodeError) -> SaftError:
        before = error.object[: error.start].decode(self._codec, "replace")
        line, column = advanced(*self.place_after(self._given), before)
        if self._ended:
            return IncompleteError("the file ends within a character", line=line, column=column)
        byte, title = error.object[error.start], _TITLES[self._codec]
        reason = f"byte 0x{byte:02X} is not a character of {title}"
        return EncodingRefusedError(reason, line=line, column=column)
