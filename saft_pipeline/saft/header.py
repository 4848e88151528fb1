"""The Header, and what it tells at once: another country, encrypted values, no taxpayer."""

from __future__ import annotations

import re
from collections.abc import Callable

from saft_pipeline.saft.elements import Element, members, place_all
from saft_pipeline.saft.errors import ContentError, EncryptedSaftError, ForeignSaftError
from saft_pipeline.saft.fields import COMPANY_FIELDS, COMPANY_PATHS
from saft_pipeline.saft.notes import Notes
from saft_pipeline.saft.records import HEADER_FACTS, Extra, Header, Row

VERSIONS = re.compile(r"1\.0[0-4](?:_[0-9]{1,2})?")

_NAMESPACE = re.compile(r"StandardAuditFile-Tax(?:ation-Financial)?:([A-Z]{2})(?![A-Za-z])")
_NAMESPACE_VERSION = re.compile(r":PT_([0-9][0-9._]*)$")
_FOREIGN_NAMESPACES = (
    ("anaf", "Romania"),
    ("vmi.lt", "Lithuania"),
    ("jpk.mf.gov.pl", "Poland"),
    ("crd.gov.pl", "Poland"),
)
_COUNTRIES = {
    "AO": "Angola",
    "CV": "Cabo Verde",
    "DK": "Denmark",
    "LT": "Lithuania",
    "LU": "Luxembourg",
    "MZ": "Mozambique",
    "NO": "Norway",
    "PL": "Poland",
    "RO": "Romania",
}
_COUNTRY = COMPANY_FIELDS.index("country")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_CLEAR = {
    "AuditFileVersion": re.compile(r"[0-9A-Z]{0,3}_?[0-9.]+(?:_[0-9]+)?"),
    "FiscalYear": re.compile(r"[0-9]{4}"),
    "StartDate": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*"),
    "EndDate": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*"),
    "DateCreated": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*"),
}


def refuse_foreign_namespace(namespace: str | None) -> None:
    """Raise ForeignSaftError for a root element in the namespace of another country's SAF-T."""
    if not namespace:
        return
    match = _NAMESPACE.search(namespace)
    if match and match[1] != "PT":
        raise _foreign(match[1], f"its namespace is {namespace}")
    for part, country in _FOREIGN_NAMESPACES:
        if part in namespace:
            raise _foreign(country, f"its namespace is {namespace}")


def _foreign(country: str, why: str) -> ForeignSaftError:
    name = _COUNTRIES.get(country.upper(), country)
    return ForeignSaftError(f"this is a SAF-T of {name}, not of Portugal: {why}")


def refuse_encrypted(element: Element) -> None:
    """Raise EncryptedSaftError if none of the Header's plain facts can be read as such."""
    facts = [(c.tag, c.text) for c in element.children if c.tag in _CLEAR and c.text]
    hidden = [tag for tag, text in facts if not _CLEAR[tag].fullmatch(text) and _is_base64(text)]
    if len(facts) >= 3 and len(hidden) == len(facts):
        raise EncryptedSaftError(
            "the values of this file are encrypted (CryptoSAF-T): decrypt it or export it again"
        )


def _is_base64(text: str) -> bool:
    return _BASE64.fullmatch(text) is not None


def refuse_foreign_header(values: Row, extra: Extra) -> None:
    """Raise ForeignSaftError if the Header names another country or currency than PT and EUR."""
    country = extra.get("audit_file_country") or values[_COUNTRY]
    currency = extra.get("currency_code") or extra.get("default_currency_code")
    if isinstance(country, str) and country.upper() != "PT":
        raise _foreign(country, f"the country in its Header is {country!r}")
    if isinstance(currency, str) and currency.upper() != "EUR":
        raise _foreign("another country", f"the currency in its Header is {currency!r}")


def read_header(element: Element, check: Callable[[Element], None]) -> tuple[Row, str]:
    """The Header's columns and all else as members of a JSON object; `check` is for each leaf.

    Raises SaftError for an encrypted one and for that of another country, before any check.
    """
    refuse_encrypted(element)
    refuse_foreign_header(*_placed(element))
    for child in element.children:
        check(child)
    values, extra = _placed(element)
    return values, members(extra)


def _placed(element: Element) -> tuple[Row, Extra]:
    values: list[str | None] = [None] * len(COMPANY_FIELDS)
    extra: Extra = {}
    place_all(element, COMPANY_PATHS, values, extra)
    return tuple(values), extra


def header_of(values: Row, extra_json: str, line: int) -> Header:
    """The record; ContentError if it has no TaxRegistrationNumber, ForeignSaftError as above."""
    header = Header(values, line, extra_json=extra_json)
    extra = header.extra
    refuse_foreign_header(values, extra)
    if values[0] is None:
        raise ContentError("the Header has no TaxRegistrationNumber: whose file is it?")
    for name in HEADER_FACTS:
        fact = extra.get(name)
        if isinstance(fact, str):
            setattr(header, name, fact)
    return header


def note_oddities(header: Header, namespace: str | None, notes: Notes) -> None:
    """Warn of an unknown version and of a taxpayer number with a wrong check digit."""
    version, nif = header.audit_file_version, header.values[0]
    of_namespace = _NAMESPACE_VERSION.search(namespace or "")
    if not version or not VERSIONS.fullmatch(version):
        message = f"AuditFileVersion is {version!r}; versions 1.00 to 1.04_01 are known"
        notes.add("version", message, header.line)
    elif of_namespace and of_namespace[1] != version:
        message = f"AuditFileVersion is {version!r}, and the namespace is that of {of_namespace[1]}"
        notes.add("version", message, header.line)
    if nif and not is_nif(nif):
        message = f"TaxRegistrationNumber {nif!r} is not a valid NIF: its check digit is wrong"
        notes.add("nif", message, header.line)


def is_nif(text: str) -> bool:
    """Whether a Portuguese taxpayer number has its nine digits and the right check digit."""
    from stdnum.pt import nif  # costs more to import than a small file takes to read

    return bool(nif.is_valid(text))
