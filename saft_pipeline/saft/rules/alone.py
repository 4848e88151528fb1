"""What is to be said of a Header or of an element of MasterFiles by itself, whatever file it is in.

Those of many files say the same, so what was found of the last thousand is kept: a small file has
more of them than documents. Their findings are kept without a line.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from saft_pipeline.saft.records import HEADER_FACTS, Customer, Extra, Header, Other, Row
from saft_pipeline.saft.rules import header as of_header
from saft_pipeline.saft.rules import mandatory, tax_numbers
from saft_pipeline.saft.rules.codes import COUNTRIES, PRODUCT_TYPES
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.rules.identifiers import certificate_number
from saft_pipeline.saft.rules.regimes import indicators
from saft_pipeline.saft.rules.registry import version_of
from saft_pipeline.saft.rules.slots import of_customer
from saft_pipeline.saft.rules.taxes import Rate, odd_codes

_ID, _COUNTRY = of_customer("customer_id country")
_COUNTRIES = {None, "Desconhecido", *(r.value for r in COUNTRIES.rows if "-" not in r.value)}
_MOST_KEPT, _LONGEST_KEPT = 1_000, 1_000  # characters

_Found = tuple[Finding, ...]


class HeaderSays(NamedTuple):
    """What the rules of documents ask of a Header, and what is to be said of it."""

    version: str
    is_certified: bool
    found: _Found


class OtherSays(NamedTuple):
    """Which products, or which rate, an element tells of, and what is to be said of it."""

    products: tuple[str | None, ...]
    rate: Rate | None
    found: _Found


def header(record: Header) -> HeaderSays:
    """Of a Header."""
    facts = tuple([getattr(record, name) for name in HEADER_FACTS])
    is_short = len(record.extra_json) < _LONGEST_KEPT
    return (_kept_header if is_short else _header)(record.values, facts, record.extra_json)


def _header(values: Row, facts: Row, extra_json: str) -> HeaderSays:
    record = Header(values, 0, extra_json=extra_json)
    for name, fact in zip(HEADER_FACTS, facts, strict=True):
        setattr(record, name, fact)
    version = version_of(record.audit_file_version)
    found = [*tax_numbers.company(record), *of_header.header(record)]
    if version > "1.00":
        found += mandatory.header(record)
    certificate = str(record.extra.get("software_certificate_number"))
    return HeaderSays(version, certificate_number(certificate) is not None, tuple(found))


def customer(record: Customer) -> _Found:
    """Of a Customer."""
    is_short = len(record.extra_json) < _LONGEST_KEPT
    return (_kept_customer if is_short else _customer)(record.values, record.extra_json)


def _customer(values: Row, extra_json: str) -> _Found:
    record, found = Customer(values, 0, extra_json), []
    if (country := values[_COUNTRY]) not in _COUNTRIES:
        expected = "a country's two letters, or Desconhecido"
        found.append(finding("customer_country", 0, values[_ID], expected, country))
    found += tax_numbers.customer(record)
    found += mandatory.customer(record)
    found += indicators(extra_json, 0, values[_ID])
    return tuple(found)


def other(record: Other) -> OtherSays:
    """Of a Product, a Supplier or a TaxTableEntry."""
    is_short = len(record.json) < _LONGEST_KEPT
    return (_kept_other if is_short else _other)(record.kind, record.json)


def _other(kind: str, json: str) -> OtherSays:
    record = Other(kind, json, 0)
    row, rate = record.row, None
    products: list[str | None] = []
    found: list[Finding] = []
    if kind == "product":
        code = row.get("product_code")
        products = code if isinstance(code, list) else [code]
        found += _product_type(row)
    elif kind == "tax_table_entry":
        rate = _rate_of(row)
        found += _odd_codes(row)
    found += mandatory.other(record, row)
    found += indicators(json, 0, f"Supplier {row.get('supplier_id')}")
    return OtherSays(tuple(products), rate, tuple(found))


def _product_type(row: Extra) -> Iterable[Finding]:
    kind = row.get("product_type")
    if isinstance(kind, str) and kind not in PRODUCT_TYPES:
        about = f"Product {row.get('product_code')}"
        yield finding("product_type", 0, about, "P, S, O, E or I", kind)


def _key_of(row: Extra) -> tuple[str | None, str | None, str | None] | None:
    """TaxCode is any text of ten letters, digits and points here."""
    key = row.get("tax_type"), row.get("tax_country_region"), row.get("tax_code")
    return None if any(isinstance(part, list) for part in key) else key


def _rate_of(row: Extra) -> Rate | None:
    key, rate = _key_of(row), row.get("tax_percentage")
    return (key, rate) if key is not None and isinstance(rate, str) else None


def _odd_codes(row: Extra) -> Iterable[Finding]:
    if (key := _key_of(row)) is not None:
        for rule, expected, found in odd_codes(*key[:2]):
            yield finding(rule, 0, f"TaxTableEntry {key[2]}", expected, found)


_kept_header = lru_cache(maxsize=_MOST_KEPT)(_header)
_kept_customer = lru_cache(maxsize=_MOST_KEPT)(_customer)
_kept_other = lru_cache(maxsize=_MOST_KEPT)(_other)
