"""The Header: its facts once each, its codes and its dates."""

from __future__ import annotations

import re
from collections.abc import Iterator

from saft_pipeline.saft.records import Header
from saft_pipeline.saft.rules.codes import BASES_SINCE, TAX_ACCOUNTING_BASES
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.rules.identifiers import value_of
from saft_pipeline.saft.rules.registry import version_of
from saft_pipeline.saft.rules.slots import of_company

_is_company_id = re.compile(r"(PT)?([0-9]{9})+|[^^]+ [0-9/]+").fullmatch
_COUNTRY, _POSTAL_CODE = of_company("country postal_code")
_FORMS = {
    "FiscalYear": ("a year from 2000 on", re.compile(r"[2-9][0-9]{3}").fullmatch),
    "SoftwareCertificateNumber": ("a number", re.compile(r"\+?[0-9]+|-0+").fullmatch),
    "ProductID": ("a program's name, / and its maker's", re.compile(r"[^/]+/[^/]+").fullmatch),
    "PostalCode": ("a postal code such as 1000-001", re.compile(r"[0-9]{4}-[0-9]{3}").fullmatch),
}


def header(record: Header) -> Iterator[Finding]:
    """What the Header says of itself and of the file."""
    extra = record.extra
    country, currency = record.values[_COUNTRY], extra.get("currency_code")
    if country is not None and country != "PT":
        yield finding("country", record.line, "Header", "Country PT", country)
    if isinstance(currency, str) and currency != "EUR":
        yield finding("country", record.line, "Header", "CurrencyCode EUR", currency)
    company = extra.get("company_id")
    if isinstance(company, str) and not _is_company_id(company):
        expected = "nine digits, or a registry, a blank and its number"
        yield finding("company_id", record.line, "Header", expected, company)
    yield from _basis(record)
    yield from _forms(record)
    yield from _dates(record)


def _basis(record: Header) -> Iterator[Finding]:
    basis, version = record.tax_accounting_basis, version_of(record.audit_file_version)
    codes = [row.value for row in TAX_ACCOUNTING_BASES.rows]
    known = [code for code in codes if BASES_SINCE.get(code, version) <= version]
    if basis is not None and basis not in known:
        expected = f"one of {', '.join(known)}"
        yield finding("tax_accounting_basis", record.line, "Header", expected, basis)


def _forms(record: Header) -> Iterator[Finding]:
    extra = record.extra
    given = {
        "FiscalYear": record.fiscal_year,
        "SoftwareCertificateNumber": extra.get("software_certificate_number"),
        "ProductID": extra.get("product_id"),
        "PostalCode": record.values[_POSTAL_CODE],
    }
    if version_of(record.audit_file_version) < "1.02":
        del given["SoftwareCertificateNumber"]  # any text
    for name, text in given.items():
        expected, is_right = _FORMS[name]
        if isinstance(text, str) and not is_right(text):
            yield finding("header_form", record.line, "Header", f"{name} of {expected}", text)


def _dates(record: Header) -> Iterator[Finding]:
    start, end, created = record.start_date, record.end_date, record.date_created
    if start and end and start > end:
        expected = f"an EndDate of {start} or later"
        yield finding("header_dates", record.line, "Header", expected, end)
    if start and created and created < start:
        expected = f"a DateCreated of {start} or later"
        yield finding("date_created", record.line, "Header", expected, created)
    year = record.fiscal_year
    if start and year and year.isdecimal() and int(start[:4]) - value_of(year) not in (0, 1):
        yield finding("fiscal_year", record.line, "Header", f"FiscalYear {start[:4]}", year)
