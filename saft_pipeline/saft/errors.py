"""Why a file is refused: one exception per reason that callers treat differently."""

from __future__ import annotations


class SaftError(Exception):
    """A file that can't be read as SAF-T (PT); `str()` is `FILE:LINE:COLUMN: reason`.

    `line` and `column` count from 1, in characters, and are None where no place can be named.
    """

    def __init__(
        self, reason: str, *, line: int | None = None, column: int | None = None, name: str = ""
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.column = column
        self.name = name
        self.sought: tuple[str, str] | None = None
        """The element by which the column is found, and its text if that is what is wrong."""

    def __str__(self) -> str:
        """The place, as far as known, and the reason."""
        place = [
            str(part) for part in (self.name, self.line, self.column) if part not in ("", None)
        ]
        return ": ".join([":".join(place), self.reason]) if place else self.reason


class RepeatedError(Exception):
    """An InvoiceNo stands again: whether with the same content is told by reading once more."""


class NotXmlError(SaftError):
    """The bytes are something else: an archive, a web page, JSON, nothing at all."""


class EncodingRefusedError(SaftError):
    """The characters can't be told from the bytes: unknown encoding or an undefined byte."""


class NotWellFormedError(SaftError):
    """The document breaks the rules of XML."""


class IncompleteError(SaftError):
    """The document ends before its closing tag: still being written, or half uploaded."""


class ForeignSaftError(SaftError):
    """A SAF-T of another country."""


class EncryptedSaftError(SaftError):
    """A SAF-T whose values were encrypted with CryptoSAF-T."""


class SchemaError(SaftError):
    """No verdict by a schema can be given: there is none, it is unusable, or the file too large."""


class ContentError(SaftError):
    """Well-formed, but a value or the structure can't be taken as SAF-T (PT)."""
