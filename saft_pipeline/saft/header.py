"""The Header, and what it tells at once: another country, encrypted values, no taxpayer."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lxml.etree import _Element as Element

from saft_pipeline.saft.errors import ContentError, EncryptedSaftError, ForeignSaftError
from saft_pipeline.saft.fields import COMPANY_FIELDS, COMPANY_PATHS, key_of
from saft_pipeline.saft.kinds import ElementKind, Layout
from saft_pipeline.saft.layouts import local_name
from saft_pipeline.saft.records import HEADER_FACTS, Header
from saft_pipeline.saft.shapes import Warn, nodes_of
from saft_pipeline.saft.warnings import Warnings

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
_USUAL = {"Country": "PT", "CurrencyCode": "EUR"}
_PORTUGAL = ("PT", "PRT", "PORTUGAL")
_EURO = ("EUR", "EURO", "EUROS", "€")
_PREFIXED = re.compile(r"PT\s*([0-9]{9})", re.ASCII)
_FACTS = ("AuditFileVersion", "DateCreated", "StartDate", "EndDate", "FiscalYear")
_FACT_PATHS = {
    tag: len(COMPANY_FIELDS) + HEADER_FACTS.index(key_of(tag))
    for tag in (*_FACTS, "TaxAccountingBasis")
}
_HEADER = ElementKind(
    Layout, len(COMPANY_FIELDS) + len(HEADER_FACTS), COMPANY_PATHS, once=_FACT_PATHS
)
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


def is_portuguese(namespace: str | None) -> bool:
    """Whether a namespace is that of Portugal's SAF-T."""
    match = _NAMESPACE.search(namespace or "")
    return match is not None and match[1] == "PT"


def read_header(
    element: Element, namespace: str | None, warn: Warn, warnings: Warnings, line: int
) -> Header:
    """The Header; warns of what is odd in it.

    Raises SaftError for an encrypted one and for one of another country, before any value is
    checked; ContentError if it has no TaxRegistrationNumber.
    """
    facts = _facts(element)
    _refuse_encrypted(facts)
    odd = _foreign_facts(facts)
    if odd and not is_portuguese(namespace):
        _refuse_foreign(odd)
    row, extra_json = _HEADER.read(nodes_of(element, warn), warn)
    header = Header(row[: len(COMPANY_FIELDS)], line, extra_json=extra_json)
    for name, fact in zip(HEADER_FACTS, row[len(COMPANY_FIELDS) :], strict=True):
        setattr(header, name, fact)
    if row[0] is None:
        raise ContentError("the Header has no TaxRegistrationNumber: whose file is it?")
    for tag, found in odd.items():
        warnings.add(key_of(tag), f"{tag} in the Header is {found!r}, not {_USUAL[tag]}", line)
    _without_prefix(header, warnings)
    _note_oddities(header, namespace, warnings)
    return header


def _facts(element: Element) -> dict[str, str]:
    """The texts in it by local names, as they are."""
    texts = [(local_name(str(node.tag)), (node.text or "").strip()) for node in element.iter()]
    return {tag: text for tag, text in texts if text}


def _refuse_encrypted(facts: Mapping[str, str]) -> None:
    """Raise EncryptedSaftError if none of the Header's plain facts can be read as such."""
    known = [(tag, facts[tag]) for tag in _CLEAR if tag in facts]
    hidden = [tag for tag, text in known if not _CLEAR[tag].fullmatch(text) and _is_base64(text)]
    if len(known) >= 3 and len(hidden) == len(known):
        raise EncryptedSaftError(
            "the values of this file are encrypted (CryptoSAF-T): decrypt it or export it again"
        )


def _is_base64(text: str) -> bool:
    return _BASE64.fullmatch(text) is not None


def _foreign_facts(facts: Mapping[str, str]) -> dict[str, str]:
    """Country and CurrencyCode where they are there and not as the schema has them."""
    country = facts.get("AuditFileCountry") or facts.get("Country")
    currency = facts.get("CurrencyCode") or facts.get("DefaultCurrencyCode")
    found = {"Country": country, "CurrencyCode": currency}
    return {tag: text for tag, text in found.items() if text and text.upper() != _USUAL[tag]}


def _refuse_foreign(odd: Mapping[str, str]) -> None:
    """Raise ForeignSaftError unless they are another way to write Portugal and euro."""
    country, currency = odd.get("Country"), odd.get("CurrencyCode")
    if country and country.upper() not in _PORTUGAL:
        raise _foreign(country, f"the country in its Header is {country!r}")
    if currency and currency.upper() not in _EURO:
        raise _foreign("another country", f"the currency in its Header is {currency!r}")


def _without_prefix(header: Header, warnings: Warnings) -> None:
    number = header.values[0] or ""
    if match := _PREFIXED.fullmatch(number):
        header.values = (match[1], *header.values[1:])
        message = f"TaxRegistrationNumber is {number!r}: read as {match[1]!r}, its nine digits"
        warnings.add("tax_registration_number", message, header.line)


def _note_oddities(header: Header, namespace: str | None, warnings: Warnings) -> None:
    """Warn of an unknown version, and of one that is not the namespace's."""
    version = header.audit_file_version
    of_namespace = _NAMESPACE_VERSION.search(namespace or "")
    if not version or not VERSIONS.fullmatch(version):
        message = f"AuditFileVersion is {version!r}; versions 1.00 to 1.04_01 are known"
        warnings.add("version", message, header.line)
    elif of_namespace and of_namespace[1] != version:
        message = f"AuditFileVersion is {version!r}, and the namespace is that of {of_namespace[1]}"
        warnings.add("version", message, header.line)
