"""What the tables are to hold, by a second reading of the files and the contract's rule of order.

It shares nothing with the package: documents are read as trees, and who wins is a `max`.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

import psycopg
from lxml import etree
from psycopg.rows import dict_row

from saft_pipeline_tests.saft.independent import (
    Columns,
    company_of,
    customers_of,
    invoices_of,
    same,
    text_at,
)

Rank = tuple[Any, ...]
Key = tuple[Any, ...]
Tables = dict[str, dict[Key, Columns]]

PATH = "case when source like '%://%' then path else source || '/' || path end as path"
"""What a named source has is told by the source's name and the path."""
_KEYS = {
    "companies": ("company_id",),
    "customers": ("company_id", "customer_id"),
    "invoices": ("company_id", "invoice_no"),
    "invoice_lines": ("company_id", "invoice_no", "line_number"),
    "invoice_file_links": ("path", "version", "company_id", "invoice_no"),
    "invoice_files": ("path", "version"),
}
_QUERIES = {
    "companies": "select * from companies",
    "customers": "select * from customers",
    "invoices": "select * from invoices",
    "invoice_lines": "select i.company_id, i.invoice_no, l.* "
    "from invoice_lines l join invoices i on i.id = l.invoice_id",
    "invoice_file_links": f"select {PATH}, f.version, i.company_id, i.invoice_no "
    "from invoice_file_links l join invoice_files f on f.id = l.invoice_file_id "
    "left join invoices i on i.id = l.invoice_id",
    "invoice_files": f"select {PATH}, version, company_id, total_invoices, total_lines "
    "from invoice_files where loaded_at is not null",
}


class Version(NamedTuple):
    """A loaded version; `seen` is when its bytes were first seen: time on the server, ledger id."""

    path: str
    version: int
    sha256: str
    seen: Rank


@dataclass(frozen=True)
class Document:
    """What a file says."""

    created: str
    company: Columns
    customers: list[Columns]
    invoices: list[tuple[Columns, list[Columns]]]


def read(content: bytes) -> Document:
    """Read a whole file as a tree."""
    root = etree.fromstring(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
    created = text_at(root, "Header/DateCreated") or ""
    return Document(created, company_of(root), customers_of(root), invoices_of(root))


def expected(versions: Iterable[Version], contents: Mapping[str, bytes]) -> Tables:
    """The rows of all tables once these versions were loaded, in whatever order."""
    versions = list(versions)
    seen = {v.sha256: v.seen for v in versions}
    documents = {digest: read(contents[digest]) for digest in seen}
    tables: Tables = {table: {} for table in _KEYS}
    ranks: dict[tuple[str, Key], Rank] = {}

    def offer(table: str, row: Columns, rank: Rank) -> bool:
        key = _key(table, row)
        wins = (table, key) not in ranks or rank > ranks[table, key]
        if wins:
            ranks[table, key] = rank
            tables[table][key] = row
        return wins

    lines: dict[Key, list[Columns]] = {}
    for digest, document in documents.items():
        created = (document.created, *seen[digest])
        offer("companies", document.company, created)
        for customer in document.customers:
            offer("customers", customer, created)
        for invoice, its_lines in document.invoices:
            if offer("invoices", invoice, (*_status(invoice), *seen[digest])):
                lines[_key("invoices", invoice)] = its_lines
    for (company_id, invoice_no), its_lines in lines.items():
        for line in its_lines:
            named = {"company_id": company_id, "invoice_no": invoice_no, **line}
            tables["invoice_lines"][_key("invoice_lines", named)] = named
    for version in versions:
        _add_version(tables, version, documents[version.sha256])
    return tables


def _status(invoice: Columns) -> Rank:
    return invoice["invoice_status_date"] or "", invoice["invoice_status"] == "A"


def _add_version(tables: Tables, version: Version, document: Document) -> None:
    named = {"path": version.path, "version": str(version.version)}
    for invoice, _ in document.invoices:
        link = named | {n: invoice[n] for n in ("company_id", "invoice_no")}
        tables["invoice_file_links"][_key("invoice_file_links", link)] = link
    tables["invoice_files"][_key("invoice_files", named)] = {
        **named,
        "company_id": document.company["company_id"],
        "total_invoices": str(len(document.invoices)),
        "total_lines": str(sum(len(lines) for _, lines in document.invoices)),
    }


def wrong_rows(url: str, wanted: Tables) -> Iterator[str]:
    """Rows that are missing, too many or other than they should be, by table and key."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        for table, rows in wanted.items():
            found = {
                _key(table, row): row
                for row in map(_texts, connection.execute(_QUERIES[table].encode()))
            }
            for key in rows.keys() | found.keys():
                if said := _difference(found.get(key), rows.get(key)):
                    yield f"{table} {key}: {said}"


def _difference(found: Columns | None, wanted: Columns | None) -> str:
    if found is None or wanted is None:
        return "missing" if found is None else "too many"
    wrong = (n for n, value in wanted.items() if not same(n, found[n], value))
    return ", ".join(f"{n} {found[n]!r}, not {wanted[n]!r}" for n in wrong)


def _key(table: str, row: Mapping[str, str | None]) -> Key:
    return tuple(row[name] for name in _KEYS[table])


_TEXT: dict[type, Callable[[Any], str]] = {
    datetime: lambda value: str(value.isoformat()),
    date: lambda value: str(value.isoformat()),
}


def _texts(row: dict[str, Any]) -> Columns:
    """A row as a file would write it."""
    return {
        name: None if value is None else _TEXT.get(type(value), str)(value)
        for name, value in row.items()
    }
