"""The Header, and what it tells at once: another country, encrypted values, no taxpayer."""

from __future__ import annotations

import re

from saft_pipeline.saft.elements import Element, ElementError, place_all
from saft_pipeline.saft.errors import EncryptedSaftError, ForeignSaftError
from saft_pipeline.saft.fields import COMPANY_FIELDS, COMPANY_PATHS
from saft_pipeline.saft.notes import Notes
from saft_pipeline.saft.records import Extra, Header

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


def refuse_foreign_header(element: Element) -> None:
    """Raise ForeignSaftError if the Header names another country or currency than PT and EUR."""
    facts = {c.tag: c.text for child in element.children for c in (child, *child.children)}
    country = facts.get("AuditFileCountry") or facts.get("Country")
    currency = facts.get("CurrencyCode") or facts.get("DefaultCurrencyCode")
    if country and country.upper() != "PT":
        raise _foreign(country, f"the country in its Header is {country!r}")
    if currency and currency.upper() != "EUR":
        raise _foreign("another country", f"the currency in its Header is {currency!r}")


def header_of(element: Element, line: int) -> Header:
    """Read the Header; ElementError if it has no TaxRegistrationNumber."""
    values: list[str | None] = [None] * len(COMPANY_FIELDS)
    extra: Extra = {}
    place_all(element, COMPANY_PATHS, values, extra)
    if values[0] is None:
        raise ElementError("the Header has no TaxRegistrationNumber: whose file is it?", element)
    facts = {child.tag: child.text for child in element.children if not child.children}
    return Header(
        values=tuple(values),
        line=line,
        audit_file_version=facts.get("AuditFileVersion"),
        date_created=facts.get("DateCreated"),
        start_date=facts.get("StartDate"),
        end_date=facts.get("EndDate"),
        fiscal_year=facts.get("FiscalYear"),
        tax_accounting_basis=facts.get("TaxAccountingBasis"),
        extra=extra,
    )


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
