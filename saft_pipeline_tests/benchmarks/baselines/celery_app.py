"""The old program's way: a Celery task a file, xmltodict, floats, statement by statement.

Better than the old program where its design allows: each worker process keeps its SFTP connection
and a direct connection to Postgres, where the old one made a REST request a statement.
"""
# mypy: disable-error-code="import-not-found,untyped-decorator"

from __future__ import annotations

import functools
import io
import time
from pathlib import PurePosixPath
from typing import Any

import paramiko
import psycopg
import xmltodict
from celery import Celery

from saft_pipeline_tests.benchmarks.baselines.servers import given_servers
from saft_pipeline_tests.benchmarks.baselines.tables import (
    COMPANIES,
    INVOICES,
    LINES,
    REPEATED,
    Node,
    Table,
)

_SCHEMA = "baseline_celery"
_TYPES = {
    "text": "text",
    "amount": "double precision",
    "integer": "integer",
    "date": "date",
    "timestamp": "timestamp",
}

app = Celery("baseline")


@app.task
def warm() -> None:
    """Open this process's connections, and keep it busy so that the others get a turn too."""
    sftp()
    database()
    time.sleep(0.5)


@app.task
def process_file(path: str) -> dict[str, Any]:
    """Fetch one file and write all that is in it."""
    content = io.BytesIO()
    sftp().getfo(path, content)
    document = xmltodict.parse(content.getvalue(), force_list=REPEATED)["AuditFile"]
    company_id = _company(document["Header"])
    invoices = document["SourceDocuments"]["SalesInvoices"].get("Invoice", [])
    file_id = _file(PurePosixPath(path).name, company_id)
    for invoice in invoices:
        _invoice(company_id, file_id, invoice)
    update = f"update {_SCHEMA}.invoice_files set status = %s, total_invoices = %s where id = %s"
    database().execute(update, ("processed", len(invoices), file_id))
    return {"status": "success", "file": path, "total_faturas": len(invoices)}


@functools.cache
def sftp() -> paramiko.SFTPClient:
    """This process's SFTP session."""
    servers = given_servers()
    transport = paramiko.Transport((servers.sftp_host, servers.sftp_port))
    key = paramiko.Ed25519Key.from_private_key_file(servers.sftp_key_path)
    transport.connect(username=servers.sftp_username, pkey=key)
    client = paramiko.SFTPClient.from_transport(transport)
    assert client is not None
    return client


@functools.cache
def database() -> psycopg.Connection[Any]:
    """This process's connection; every statement is a transaction, as it is over REST."""
    return psycopg.connect(given_servers().database_url, autocommit=True)


def _company(header: Node) -> str:
    company_id = str(header["TaxRegistrationNumber"])
    if not _found("companies", company_id=company_id):
        _upsert("companies", _record(COMPANIES, header), "company_id")
    return company_id


def _file(filename: str, company_id: str) -> str:
    found = _found("invoice_files", filename=filename)
    record = {"filename": filename, "company_id": company_id, "status": "processing"}
    return found or _upsert("invoice_files", record, "filename")


def _invoice(company_id: str, file_id: str, invoice: Node) -> None:
    _found("invoices", company_id=company_id, invoice_no=invoice["InvoiceNo"])
    record = _record(INVOICES, invoice, company_id)
    invoice_id = _upsert("invoices", record, "company_id, invoice_no")
    for line in invoice.get("Line", ()):
        values = _record(LINES, line, company_id, invoice["InvoiceNo"])
        _upsert("invoice_lines", {"invoice_id": invoice_id} | values, "invoice_id, line_number")
    link = {"invoice_file_id": file_id, "invoice_id": invoice_id}
    if not _found("invoice_file_links", **link):
        _upsert("invoice_file_links", link, "invoice_file_id, invoice_id")


def _record(table: Table, node: Node, *given: str) -> dict[str, Any]:
    """The values of an element's columns, amounts as floats."""
    pairs = zip(table.columns, table.row(node, *given), strict=True)
    return {
        column.name: float(text) if column.kind == "amount" and text else text
        for column, text in pairs
    }


def _found(table: str, **values: str) -> str | None:
    """The id of the row that has these values."""
    condition = " and ".join(f"{name} = %s" for name in values)
    query = f"select id from {_SCHEMA}.{table} where {condition}"
    row = database().execute(query, list(values.values())).fetchone()
    return row[0] if row else None


def _upsert(table: str, record: dict[str, Any], key: str) -> str:
    """Insert a row, or update the one of the same key; gives its id."""
    names, marks = ", ".join(record), ", ".join(["%s"] * len(record))
    changes = ", ".join(f"{name} = excluded.{name}" for name in record)
    query = (
        f"insert into {_SCHEMA}.{table} ({names}) values ({marks}) "
        f"on conflict ({key}) do update set {changes} returning id"
    )
    row = database().execute(query, list(record.values())).fetchone()
    assert row is not None
    return str(row[0])


def create_tables() -> None:
    """The old program's tables: random keys, amounts as floats."""
    uuid = "uuid primary key default gen_random_uuid()"
    statements = (
        "drop schema if exists {} cascade",
        "create schema {}",
        f"create table {{}}.companies (id {uuid}, {_columns(COMPANIES)}, unique (company_id))",
        f"create table {{}}.invoice_files (id {uuid}, filename text unique, company_id text, "
        "status text, total_invoices integer)",
        f"create table {{}}.invoices (id {uuid}, {_columns(INVOICES)}, "
        "unique (company_id, invoice_no))",
        f"create table {{}}.invoice_lines (id {uuid}, {_columns(LINES)}, "
        "invoice_id uuid references {}.invoices, unique (invoice_id, line_number))",
        f"create table {{}}.invoice_file_links (id {uuid}, "
        "invoice_file_id uuid references {}.invoice_files, "
        "invoice_id uuid references {}.invoices, unique (invoice_file_id, invoice_id))",
    )
    for statement in statements:
        database().execute(statement.replace("{}", _SCHEMA))


def _columns(table: Table) -> str:
    return ", ".join(f"{column.name} {_TYPES[column.kind]}" for column in table.columns)
