"""The forms of what identifies: taxpayer numbers, InvoiceNo, ATCUD, Hash.

Sources: the patterns of the 1.04_01 schema; Portaria 195/2020 for ATCUD, in force for all since
2023-01-01 (Despacho 351/2021-XXII); Portaria 363/2010 for Hash, whose characters 1, 11, 21 and 31
are printed on the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from saft_pipeline.saft.fields import CUSTOMER_FIELDS, INVOICE_FIELDS
from saft_pipeline.saft.header import is_nif
from saft_pipeline.saft.records import Customer, Header, Invoice
from saft_pipeline.saft.rules.findings import Finding

_NUMBER, _ATCUD, _HASH, _CONTROL, _EXTRACT, _DATE = (
    INVOICE_FIELDS.index(name)
    for name in ("invoice_no", "atcud", "hash", "hash_control", "hash_extract", "invoice_date")
)
_ID, _NIF, _COUNTRY = (
    CUSTOMER_FIELDS.index(name) for name in ("customer_id", "customer_tax_id", "country")
)

invoice_number = re.compile(r"([^ ]+ [^/^ ]+)/([0-9]+)", re.ASCII).fullmatch
atcud_parts = re.compile(r"([A-Z0-9]{8,})-([0-9]+)", re.ASCII).fullmatch
_is_signature = re.compile(r"[A-Za-z0-9+/]{171}=", re.ASCII).fullmatch  # 1024 bits in base64
_is_control = re.compile(
    r"[0-9]+(?:\.[0-9]+)?|[0-9]+-[A-Z]{2}M [^ ]+/[0-9]+|[0-9]+-[A-Z]{2}D [^ ]+ [^/^ ]+/[0-9]+",
    re.ASCII,
).fullmatch
_ATCUD_SINCE = "2023-01-01"


def company(header: Header) -> Iterator[Finding]:
    """The taxpayer's own number."""
    nif = header.values[0]
    if nif and not is_nif(nif):
        yield Finding("nif", "error", header.line, nif, "a valid NIF", nif)


def customer(record: Customer) -> Iterator[Finding]:
    """The number of a Portuguese customer; 999999990 stands for a consumer without one."""
    nif = record.values[_NIF]
    if nif and record.values[_COUNTRY] == "PT" and not is_nif(nif):
        yield Finding("nif", "warning", record.line, record.values[_ID], "a valid NIF", nif)


class Identifiers:
    """Checks invoices by what the Header says of the version and of the program."""

    def __init__(self, *, has_atcud: bool, certified: bool) -> None:
        self._has_atcud = has_atcud  # 1.04
        self._certified = certified

    def identifiers(self, invoice: Invoice) -> Iterator[Finding]:
        """InvoiceNo, ATCUD, Hash and HashControl."""
        values = invoice.values
        number = values[_NUMBER] or ""
        parts = invoice_number(number)
        if parts is None:
            form = "type, blank, series, /, number"
            yield Finding("invoice_no", "error", invoice.line, number, form, number)
        if self._has_atcud:
            code = _atcud(values[_ATCUD], parts[2] if parts else None, values[_DATE] or "")
            if code:
                yield Finding("atcud", "error", invoice.line, number, code, values[_ATCUD])
        signature = self._hash(values[_HASH], values[_CONTROL])
        if signature:
            found = f"{values[_HASH]}"[:40] + f" (printed: {values[_EXTRACT] or 'nothing'})"
            yield Finding("hash", "error", invoice.line, number, signature, found)

    def _hash(self, signature: str | None, control: str | None) -> str | None:
        """What is expected instead, None if it is right."""
        if control is not None and not _is_control(control):
            return f"a HashControl such as 1, not {control!r}"
        if signature is None or _is_signature(signature):
            return None
        if signature != "0":
            return "a signature of 172 characters in base64, or 0"
        return "a signature: the program is certified" if self._certified else None


def _atcud(found: str | None, number: str | None, day: str) -> str | None:
    """What is expected instead, None if it is right."""
    if found == "0":
        return "a code of the tax authority: 0 ended in 2022" if day >= _ATCUD_SINCE else None
    parts = atcud_parts(found) if found else None
    if parts is None:
        return "CODE-number, or 0"
    if number is not None and int(parts[2]) != int(number):
        return f"{parts[1]}-{number}"
    return None
