"""The Header: its facts once each, its codes and its dates."""

from __future__ import annotations

import re
from collections.abc import Iterator

from saft_pipeline.saft.records import Header
from saft_pipeline.saft.rules.codes import TAX_ACCOUNTING_BASES
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.rules.identifiers import value_of
from saft_pipeline.saft.rules.mandatory import element
from saft_pipeline.saft.rules.slots import of_company

_is_company_id = re.compile(r"(PT)?([0-9]{9})+|[^^]+ [0-9/]+").fullmatch
_COUNTRY = of_company("country")[0]


def header(record: Header) -> Iterator[Finding]:
    """What the Header says of itself and of the file."""
    extra = record.extra
    for key, value in extra.items():
        if isinstance(value, list):
            found = " and ".join(map(str, value))
            yield finding("header_repeated", record.line, "Header", f"one {element(key)}", found)
    country, currency = record.values[_COUNTRY], extra.get("currency_code")
    if country is not None and country != "PT":
        yield finding("country", record.line, "Header", "Country PT", country)
    if isinstance(currency, str) and currency != "EUR":
        yield finding("country", record.line, "Header", "CurrencyCode EUR", currency)
    company = extra.get("company_id")
    if isinstance(company, str) and not _is_company_id(company):
        expected = "nine digits, or a registry, a blank and its number"
        yield finding("company_id", record.line, "Header", expected, company)
    basis = record.tax_accounting_basis
    if basis is not None and basis not in TAX_ACCOUNTING_BASES:
        expected = "C, E, F, I, P, R, S or T"
        yield finding("tax_accounting_basis", record.line, "Header", expected, basis)
    yield from _dates(record)


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
