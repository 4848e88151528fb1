"""Whether each document's Hash is its signature by the producer's key.

What is signed is InvoiceDate;SystemEntryDate;InvoiceNo;GrossTotal;Hash of the document before in
the series, by RSA with SHA-1 and PKCS #1 v1.5 (Portaria 363/2010, article 6; Despacho 8632/2014).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from saft_pipeline.saft.records import Invoice, Row
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.rules.identifiers import invoice_number, value_of
from saft_pipeline.saft.rules.slots import of_invoice

_NUMBER, _DATE, _ENTERED, _GROSS, _HASH = of_invoice(
    "invoice_no invoice_date system_entry_date gross_total hash"
)
_MOST_OPEN = 10_000


class KeyFileError(Exception):
    """A file that holds no RSA public key in PEM."""


class Open(NamedTuple):
    """A document whose predecessor was not seen: with its Hash it can be verified."""

    values: Row
    line: int
    before: str  # InvoiceNo


class Signatures:
    """Verifies documents in their order, through one file or several."""

    def __init__(self, key: RSAPublicKey) -> None:
        self._key = key
        self._last: dict[tuple[str | None, str], tuple[int, str]] = {}  # of company and series
        self.open: list[Open] = []
        self.verified = 0

    def signatures(self, invoice: Invoice) -> Iterator[Finding]:
        """A document against the one before it in its series."""
        signature, number = invoice.values[_HASH], invoice.values[_NUMBER]
        parts = invoice_number(number or "")
        if parts is None or signature in (None, "0"):
            return
        series, count = (invoice.values[0], parts[0]), value_of(parts[1])
        last = self._last.get(series)
        if last is not None and last[0] == count - 1:
            yield from self.verify(invoice.values, invoice.line, last[1])
        elif count == 1:
            yield from self.verify(invoice.values, invoice.line, "")
        else:
            before = f"{parts[0]}/{count - 1}"
            if len(self.open) < _MOST_OPEN:
                self.open.append(Open(invoice.values, invoice.line, before))
            expected = f"the Hash of {before}, without which it can't be verified"
            yield finding("signature_open", invoice.line, number, expected, None)
        self._last[series] = (count, signature or "")

    def verify(self, values: Row, line: int, before: str) -> Iterator[Finding]:
        """A document with the Hash of the one before it, empty for the first of a series."""
        signed = (values[_DATE], values[_ENTERED], values[_NUMBER], values[_GROSS], before)
        message = ";".join(part or "" for part in signed)
        try:
            signature = base64.b64decode(values[_HASH] or "", validate=True)
            self._key.verify(signature, message.encode(), PKCS1v15(), SHA1())  # noqa: S303
        except (InvalidSignature, binascii.Error):
            expected = f"a signature of {message[: len(message) - len(before)]}{before[:8]}"
            found = f"{values[_HASH]}"[:40]
            yield finding("signature", line, values[_NUMBER], expected, found)
        else:
            self.verified += 1


def public_key(path: Path) -> RSAPublicKey:
    """The key in a PEM file; KeyFileError if there is none, OSError if it can't be read."""
    return parsed(path.read_bytes(), str(path))


def parsed(pem: bytes, name: str) -> RSAPublicKey:
    """The same of its bytes; `name` is what messages call it."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFileError(f"{name}: it holds no public key in PEM") from None
    if not isinstance(key, RSAPublicKey):
        raise KeyFileError(f"{name}: not an RSA key")
    return key
