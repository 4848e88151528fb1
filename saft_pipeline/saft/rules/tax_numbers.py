"""Taxpayer numbers: of the company, of Portuguese customers, and of those of other countries.

999999990 stands for a consumer without a number, of whatever country.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from saft_pipeline.saft.records import Customer, Header
from saft_pipeline.saft.rules.codes import EU_MEMBERS, NIF_PREFIXES
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.rules.slots import of_customer

_ID, _NIF, _COUNTRY = of_customer("customer_id customer_tax_id country")
_DIGITS, CONSUMER = 9, "999999990"
_UNKNOWN = frozenset((None, "Desconhecido", "desconhecido", "DESCONHECIDO"))
PORTUGAL = frozenset(("PT", "pt", "PRT", "Portugal", "PORTUGAL"))


@lru_cache(maxsize=4096)
def is_nif(text: str) -> bool:
    """Whether a Portuguese taxpayer number has its nine digits and the right check digit."""
    from stdnum.pt import nif  # costs more to import than a small file takes to read

    return bool(nif.is_valid(text))


def has_prefix(nif: str) -> bool:
    """Whether its first digits are those of a range that was ever given out."""
    digits = nif.removeprefix("PT").strip()
    return digits[:1] in NIF_PREFIXES or digits[:2] in NIF_PREFIXES


def company(header: Header) -> Iterator[Finding]:
    """The taxpayer's own number."""
    nif = header.values[0]
    if nif and not is_nif(nif):
        yield finding("nif", header.line, nif, "a valid NIF", nif)
    elif nif and not has_prefix(nif):
        yield finding("nif_prefix", header.line, nif, "digits that NIFs begin with", nif)


def customer(record: Customer) -> Iterator[Finding]:
    """The number of a customer, by the country of its address."""
    number, country = record.values[_NIF], record.values[_COUNTRY]
    if not number or number == CONSUMER:
        return
    if country in PORTUGAL or (
        country in _UNKNOWN and len(number) == _DIGITS and number.isdecimal()
    ):
        yield from _portuguese(record, number)
    elif country in EU_MEMBERS and not (_is_vat_number(country, number) or is_nif(number)):
        expected = f"a VAT number of {country}"
        yield finding("vat_number", record.line, record.values[_ID], expected, number)


def _portuguese(record: Customer, number: str) -> Iterator[Finding]:
    if not is_nif(number):
        yield finding("customer_nif", record.line, record.values[_ID], "a valid NIF", number)
    elif len(number.removeprefix("PT")) != _DIGITS:
        expected = "nine digits without blanks"
        yield finding("customer_nif", record.line, record.values[_ID], expected, number)
    elif not has_prefix(number):
        expected = "digits that NIFs begin with"
        yield finding("nif_prefix", record.line, record.values[_ID], expected, number)


def _is_vat_number(country: str | None, number: str) -> bool:
    from stdnum.eu import vat

    code = "EL" if country == "GR" else country or ""
    return bool(vat.is_valid(number) or vat.is_valid(f"{code}{number}"))
