"""The forms of what identifies a document: InvoiceNo, ATCUD, Hash, HashControl.

Sources: the patterns of the 1.04_01 schema; Portaria 195/2020 for ATCUD, in force for all since
2023-01-01 (Despacho 351/2021-XXII); Portaria 363/2010 for Hash, whose characters 1, 11, 21 and 31
are printed on the document: programs had to be certified from 2011 on, and what they wrote before
may be unsigned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from string import ascii_letters, digits

from saft_pipeline.saft.records import Invoice
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.rules.slots import of_invoice

_NUMBER, _ATCUD, _DATE = of_invoice("invoice_no atcud invoice_date")
_HASH, _CONTROL, _EXTRACT = of_invoice("hash hash_control hash_extract")

certificate_number = re.compile(r"\s*0*([1-9][0-9]*)", re.ASCII).match
_is_series = lru_cache(maxsize=1024)(re.compile(r"[^ ]+ [^/^ ]+").fullmatch)
atcud_parts = re.compile(r"([A-Z0-9]{8,})-([0-9]+)", re.ASCII).fullmatch
# What each byte is in base64: A for a character of it, 0 for another.
_KINDS = bytes(
    ord("=" if chr(n) == "=" else "A" if chr(n) in ascii_letters + digits + "+/" else "\0")
    for n in range(256)
)
_SIGNATURE = b"A" * 171 + b"="  # of 1024 bits
_is_control = re.compile(
    r"[0-9]+(?:\.[0-9]+)?|[0-9]+-[A-Z]{2}M [^ ]+/[0-9]+|[0-9]+-[A-Z]{2}D [^ ]+ [^/^ ]+/[0-9]+",
    re.ASCII,
).fullmatch
_MOST_KNOWN = 1_000
_MOST_DIGITS, _ABOVE_ALL = 1_000, 10**1_000
_ATCUD_SINCE = "2023-01-01"
SIGNED_SINCE = "2011-01-01"


@lru_cache(maxsize=64)  # several rules ask of the same one
def invoice_number(text: str) -> tuple[str, str] | None:
    """The series and the number of an InvoiceNo; None if it has another form."""
    series, _, number = text.rpartition("/")
    return (series, number) if are_parts(series, number) else None


def are_parts(series: str, number: str) -> bool:
    """Whether an InvoiceNo of this series and number has the right form."""
    return number.isascii() and number.isdecimal() and _is_series(series) is not None


def value_of(digits: str) -> int:
    """The number that digits write; of more than any number has, one above all others.

    Python refuses to read more than 4,300 digits.
    """
    return int(digits) if len(digits) <= _MOST_DIGITS else _ABOVE_ALL


def is_signature(text: str) -> bool:
    """Whether it is base64 of the 1024 bits that a signature has."""
    return text.encode().translate(_KINDS) == _SIGNATURE


class Identifiers:
    """Checks invoices by what the Header says of the version and of the program."""

    def __init__(self, *, has_atcud: bool, certified: bool) -> None:
        self._has_atcud = has_atcud  # 1.04
        self._certified = certified
        self._controls: set[str | None] = {None}  # right ones

    def identifiers(self, invoice: Invoice) -> Iterable[Finding]:
        """InvoiceNo, ATCUD, Hash and HashControl."""
        values = invoice.values
        parts = invoice_number(values[_NUMBER] or "")
        if (
            parts is not None
            and values[_CONTROL] in self._controls
            and self.are_right(None, parts[1], values[_ATCUD], values[_DATE], values[_HASH])
        ):
            return ()
        return self._looked_at(invoice, parts)

    def are_right(
        self,
        code: str | None,
        number: str,
        atcud: str | None,
        date: str | None,
        signature: str | None,
    ) -> bool:
        """Whether Hash and ATCUD are right; InvoiceNo, which has the right form, ends in a number.

        `code` is that of its series, with its hyphen, if that is known.
        """
        is_usual = code is not None and atcud == code + number
        if not is_usual and self._has_atcud and _atcud(atcud, number, date or ""):
            return False
        is_signed = signature is not None and is_signature(signature)
        return is_signed or self._hash(signature, date) is None

    def _looked_at(self, invoice: Invoice, parts: tuple[str, str] | None) -> Iterator[Finding]:
        values = invoice.values
        number, control = values[_NUMBER] or "", values[_CONTROL]
        if parts is None and number:
            form = "type, blank, series, /, number"
            yield finding("invoice_no", invoice.line, number, form, number)
        if self._has_atcud:
            yield from self._atcud(invoice, parts)
        if control not in self._controls:
            yield from self._control(invoice, control or "")
        if expected := self._hash(values[_HASH], values[_DATE]):
            given = values[_HASH]
            found = given and f"{given[:40]} (printed: {values[_EXTRACT] or 'nothing'})"
            yield finding("hash", invoice.line, number, expected, found)

    def _atcud(self, invoice: Invoice, parts: tuple[str, str] | None) -> Iterator[Finding]:
        given, day = invoice.values[_ATCUD], invoice.values[_DATE] or ""
        if expected := _atcud(given, parts[1] if parts else None, day):
            yield finding("atcud", invoice.line, invoice.values[_NUMBER], expected, given)

    def _control(self, invoice: Invoice, control: str) -> Iterator[Finding]:
        if not _is_control(control):
            number, expected = invoice.values[_NUMBER], "a HashControl such as 1"
            yield finding("hash_control", invoice.line, number, expected, control)
        elif len(self._controls) < _MOST_KNOWN:
            self._controls.add(control)

    def _hash(self, signature: str | None, date: str | None) -> str | None:
        """What is expected instead, None if it is right."""
        if signature is not None and is_signature(signature):
            return None
        is_due = self._certified and (date or SIGNED_SINCE) >= SIGNED_SINCE
        if is_due and signature in (None, "0"):
            return "a signature: the program is certified"
        return None if signature == "0" else "a signature of 172 characters in base64, or 0"


def _atcud(found: str | None, number: str | None, day: str) -> str | None:
    """What is expected instead, None if it is right."""
    if found == "0":
        return "a code of the tax authority: 0 ended in 2022" if day >= _ATCUD_SINCE else None
    parts = atcud_parts(found) if found else None
    if parts is None:
        return "CODE-number, or 0"
    if number is not None and parts[2].lstrip("0") != number.lstrip("0"):
        return f"{parts[1]}-{number}"
    return None
