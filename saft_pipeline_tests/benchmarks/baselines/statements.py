"""The old program's way with rows that are read already: look-ups and upserts, one at a time.

Over one direct connection and into this project's tables; each statement is a transaction, as it is
over REST. Beside it the invoices that the benchmark publishes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from saft_pipeline.saft.fields import CUSTOMER_FIELDS, INVOICE_FIELDS, LINE_FIELDS
from saft_pipeline.saft.records import Invoice, Lines
from saft_pipeline_tests.store import building
from saft_pipeline_tests.store.building import File

Connection = psycopg.Connection[tuple[Any, ...]]


def invoice(number: int, lines: int) -> Invoice:
    """An invoice whose columns are filled as real ones are: 13 of a line's 21 on average."""
    values = {
        "atcud": f"ABCD1234-{number}",
        "hash": f"{number:012}{'x' * 160}",
        "hash_control": "1",
        "hash_extract": "abcd",
        "period": "7",
        "source_billing": "P",
        "system_entry_date": "2025-07-01T09:00:00",
        "customer_id": f"C{number % 500}",
        "tax_payable": "2.30",
        "gross_total": "12.30",
    }
    head = building.invoice(f"FT 2025/{number}", lines, values=values)
    body = Lines()
    for place in range(1, lines + 1):
        body.append(_line(place, f"P{number % 997}"), "")
    return Invoice(head.values, body, line=1)


def _line(place: int, product: str) -> tuple[str | None, ...]:
    values = {
        "line_number": str(place),
        "product_code": product,
        "product_description": "Pão de forma integral",
        "description": "Pão de forma integral 500 g",
        "quantity": "2",
        "unit_of_measure": "UN",
        "unit_price": "5.0000",
        "tax_point_date": "2025-07-01",
        "credit_amount": "10.00",
        "tax_type": "IVA",
        "tax_country_region": "PT",
        "tax_code": "NOR",
        "tax_percentage": "23",
    }
    return tuple(values.get(name) for name in LINE_FIELDS)


def load(connection: Connection, files: Iterable[File]) -> None:
    """Write all that is in the files."""
    for file in files:
        _load(connection, file)


def _load(connection: Connection, file: File) -> None:
    if not _found(connection, "companies", "company_id", company_id=file.company_id):
        company = {"company_id": file.company_id, "company_name": file.company_name}
        _upsert(connection, "companies", company, ["company_id"])
    file_id = _file(connection, file)
    for customer in file.customers:
        record = dict(zip(CUSTOMER_FIELDS, customer.values, strict=True))
        _upsert(connection, "customers", record, ["company_id", "customer_id"])
    for one in file.invoices:
        _invoice(connection, file_id, one)
    done = "update invoice_files set status = 'loaded', loaded_at = now() where id = %s"
    connection.execute(done, [file_id])


def _file(connection: Connection, file: File) -> Any:
    found = _found(connection, "invoice_files", "id", source="old", path=file.path)
    record = {"source": "old", "path": file.path, "filename": file.path, "size": 1}
    record |= {"modified_at": file.modified_at, "company_id": file.company_id, "version": 1}
    return found or _upsert(
        connection, "invoice_files", record, ["source", "path", "version"], "id"
    )


def _invoice(connection: Connection, file_id: object, one: Invoice) -> None:
    record: dict[str, Any] = dict(zip(INVOICE_FIELDS, one.values, strict=True))
    key = {"company_id": record["company_id"], "invoice_no": record["invoice_no"]}
    _found(connection, "invoices", "id", **key)
    record["content_hash"] = "0" * 32
    invoice_id = _upsert(connection, "invoices", record, list(key), "id")
    for line in one.lines:
        row = {"invoice_id": invoice_id, **dict(zip(LINE_FIELDS, line, strict=True))}
        _upsert(connection, "invoice_lines", row, ["invoice_id", "line_number"])
    link = {"invoice_file_id": file_id, "invoice_id": invoice_id}
    if not _found(connection, "invoice_file_links", "invoice_id", **link):
        link["content_hash"] = "0" * 32
        _upsert(connection, "invoice_file_links", link, ["invoice_file_id", "invoice_id"])


def _found(connection: Connection, table: str, column: str, **values: Any) -> Any:
    row = connection.execute(_select(table, column, tuple(values)), values).fetchone()
    return row[0] if row else None


def _upsert(
    connection: Connection, table: str, record: dict[str, Any], key: Sequence[str],
    returned: str | None = None,
) -> Any:  # fmt: skip
    query = _insert(table, tuple(record), tuple(key), returned or key[0])
    row = connection.execute(query, record).fetchone()
    assert row is not None
    return row[0]


@functools.cache
def _select(table: str, column: str, names: tuple[str, ...]) -> str:
    condition = " and ".join(f"{name} = %({name})s" for name in names)
    return f"select {column} from public.{table} where {condition}"


@functools.cache
def _insert(table: str, names: tuple[str, ...], key: tuple[str, ...], returned: str) -> str:
    marks = ", ".join(f"%({name})s" for name in names)
    changes = ", ".join(f"{name} = excluded.{name}" for name in names)
    return (
        f"insert into public.{table} ({', '.join(names)}) values ({marks}) "
        f"on conflict ({', '.join(key)}) do update set {changes} returning {returned}"
    )
