"""What is to be said of a Header or of an element of MasterFiles by itself, whatever file it is in.

Those of many files say the same, so what was found of the last thousand is kept: a small file has
more of them than documents. Their findings are kept without a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from saft_pipeline.saft.records import HEADER_FACTS, Customer, Extra, Header, Other, Row, Value
from saft_pipeline.saft.rules import header as of_header
from saft_pipeline.saft.rules import mandatory, tax_numbers
from saft_pipeline.saft.rules.addresses import OF_CUSTOMERS, OF_SUPPLIERS, countries
from saft_pipeline.saft.rules.codes import PRODUCT_TYPES
from saft_pipeline.saft.rules.elements import element, held_in
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.rules.identifiers import certificate_number
from saft_pipeline.saft.rules.once import again
from saft_pipeline.saft.rules.regimes import indicators
from saft_pipeline.saft.rules.registry import version_of
from saft_pipeline.saft.rules.slots import of_customer
from saft_pipeline.saft.rules.taxes import Rate, odd_codes

_ID, _ACCOUNT, _COUNTRY = of_customer("customer_id account_id country")
_is_account = re.compile(r"[0-9a-zA-Z/._+*-]*", re.ASCII).fullmatch
_is_account_of_101 = re.compile(r"[1-8][0-9a-zA-Z]*|Desconhecido", re.ASCII).fullmatch
_is_tax_code = re.compile(r"[0-9a-zA-Z.]{1,10}", re.ASCII).fullmatch
_is_usual_code = re.compile(r"RED|INT|NOR|ISE|OUT|NS|NA|[0-9.]+", re.ASCII).fullmatch
_CUSTOMS = (("cn_code", "CNCode", 8), ("un_number", "UNNumber", 4))
_MOST_KEPT, _LONGEST_KEPT = 1_000, 1_000  # characters

_Found = tuple[Finding, ...]


class HeaderSays(NamedTuple):
    """What the rules of documents ask of a Header, and what is to be said of it."""

    version: str
    is_certified: bool
    found: _Found


class OtherSays(NamedTuple):
    """Which products, supplier or rate an element tells of, and what is to be said of it."""

    products: tuple[str | None, ...]
    supplier: str | None
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
    if (country := values[_COUNTRY]) is not None and country not in OF_CUSTOMERS:
        expected = "a country's two letters, or Desconhecido"
        found.append(finding("customer_country", 0, values[_ID], expected, country))
    found += tax_numbers.customer(record)
    found += mandatory.customer(record)
    found += indicators(extra_json, 0, values[_ID])
    found += _account(values[_ACCOUNT], values[_ID])
    if '"ship_to_address":' in extra_json:
        found += countries(record.extra, ("ship_to_address",), OF_CUSTOMERS, 0, values[_ID])
        found += again(record.extra, 0, values[_ID])
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
        found += _customs(row)
    elif kind == "tax_table_entry":
        rate = _rate_of(row)
        found += _odd_codes(row)
        found += _table_entry(row)
    elif kind == "supplier":
        found += _supplier(row)
    found += mandatory.other(record, row)
    found += indicators(json, 0, f"Supplier {row.get('supplier_id')}")
    supplier = row.get("supplier_id")
    known_as = supplier if isinstance(supplier, str) else None
    return OtherSays(tuple(products), known_as, rate, tuple(found))


def _product_type(row: Extra) -> Iterable[Finding]:
    kind = row.get("product_type")
    if isinstance(kind, str) and kind not in PRODUCT_TYPES:
        about = f"Product {row.get('product_code')}"
        yield finding("product_type", 0, about, "P, S, O, E or I", kind)


def _customs(row: Extra) -> Iterable[Finding]:
    for details in held_in(row, "customs_details"):
        for key, name, digits in _CUSTOMS:
            for code in details.get(key, ()):
                if not (len(code) == digits and code.isascii() and code.isdecimal()):
                    about = f"Product {row.get('product_code')}"
                    yield finding("code_form", 0, about, f"{digits} digits as {name}", code)


def _supplier(row: Extra) -> Iterable[Finding]:
    about = f"Supplier {row.get('supplier_id')}"
    yield from _account(row.get("account_id"), about)
    yield from countries(row, ("billing_address", "ship_from_address"), OF_SUPPLIERS, 0, about)
    yield from again(row, 0, about)


def _account(account: Value, about: str | None) -> Iterable[Finding]:
    if isinstance(account, str) and not _is_account(account):
        expected = "letters, digits and -/._+* in an AccountID, or Desconhecido"
        yield finding("account_id", 0, about, expected, account)
    elif isinstance(account, str) and not _is_account_of_101(account):
        expected = "1 to 8, letters and digits in an AccountID, or Desconhecido"
        yield finding("account_id_101", 0, about, expected, account)


def _table_entry(row: Extra) -> Iterable[Finding]:
    code = row.get("tax_code")
    about = f"TaxTableEntry {code}"
    if isinstance(code, str) and not _is_tax_code(code):
        yield finding("tax_code", 0, about, "at most ten letters, digits and points", code)
    elif isinstance(code, str) and not _is_usual_code(code):
        yield finding("tax_table_code", 0, about, "RED, INT, NOR, ISE, OUT or a number", code)
    for key in ("tax_percentage", "tax_amount"):
        if isinstance(amount := row.get(key), str) and amount.startswith("-"):
            expected = f"{element(key)} of 0 or more"
            yield finding("negative_amount", 0, about, expected, amount)


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
