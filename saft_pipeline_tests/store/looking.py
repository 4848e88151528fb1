"""What is in the tables, seen from outside and told apart from how it came there."""

from __future__ import annotations

import threading
from typing import Any

import psycopg

Rows = list[tuple[Any, ...]]

# Ids and times of publishing depend on the order of loading; what a file says does not.
_CONTENT = {
    "companies": "select company_id, company_name, business_name, address_detail, city, "
    "postal_code, country, date_created from companies order by 1",
    "customers": "select company_id, customer_id, customer_tax_id, account_id, company_name, "
    "address_detail, city, postal_code, country, date_created from customers order by 1, 2",
    "invoices": "select jsonb_strip_nulls(to_jsonb(i) - '{id,updated_at}'::text[]) from invoices i "
    "order by company_id, invoice_no",
    "invoice_lines": "select i.company_id, i.invoice_no, to_jsonb(l) - 'invoice_id' "
    "from invoice_lines l join invoices i on i.id = l.invoice_id order by 1, 2, l.line_number",
    "invoice_file_links": "select f.path, f.version, i.invoice_no from invoice_file_links l "
    "join invoice_files f on f.id = l.invoice_file_id join invoices i on i.id = l.invoice_id "
    "order by 1, 2, 3",
}
_ROWS = ("companies", "customers", "invoices", "invoice_lines")


def execute(url: str, script: str) -> None:
    """Run statements, each for itself."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(script.encode())


def rows(url: str, query: str, *parameters: object) -> Rows:
    """All rows of a query."""
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode(), parameters or None).fetchall()


def value(url: str, query: str, *parameters: object) -> Any:
    """The one value of a query."""
    ((found,),) = rows(url, query, *parameters)
    return found


def content(url: str) -> dict[str, Rows]:
    """What the tables say, by table."""
    return {table: rows(url, query) for table, query in _CONTENT.items()}


def everything(url: str) -> dict[str, Rows]:
    """Every column of companies, customers, invoices and lines, and which row version it is."""
    return {
        table: rows(url, f"select xmin::text, t.* from {table} t order by t") for table in _ROWS
    }


_SCHEMA = """
select 'column', format('%s.%s.%s', table_schema, table_name, column_name),
    concat_ws(' ', data_type, is_nullable, column_default)
from information_schema.columns where table_schema in ('public', 'saft')
union all
select 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
from pg_constraint where connamespace in ('public'::regnamespace, to_regnamespace('saft'))
union all
select 'index', indexname, indexdef from pg_indexes where schemaname in ('public', 'saft')
union all
select 'view', viewname, definition from pg_views where schemaname in ('public', 'saft')
union all
select 'relation', c.oid::regclass::text, concat_ws(' ', c.relkind, c.relrowsecurity, c.reloptions,
    c.relpersistence, c.relacl)
from pg_class c where relnamespace in ('public'::regnamespace, to_regnamespace('saft'))
union all
select 'function', oid::regprocedure::text, pg_get_functiondef(oid) || coalesce(proacl::text, '')
from pg_proc where pronamespace in ('public'::regnamespace, to_regnamespace('saft'))
union all
select 'comment', pg_describe_object(classoid, objoid, objsubid), description
from pg_description where classoid in ('pg_class'::regclass, 'pg_proc'::regclass)
    and pg_describe_object(classoid, objoid, objsubid) !~ 'pg_catalog|information_schema|toast'
    and objoid >= 16384
order by 1, 2, 3
"""


def schema(url: str) -> set[tuple[object, ...]]:
    """All that migrations make, in words."""
    return set(rows(url, _SCHEMA))


_HALF = """
select 'a loaded file has not all its links: ' || f.path from invoice_files f
where f.loaded_at is not null and f.total_invoices
    <> (select count(*) from invoice_file_links l where l.invoice_file_id = f.id)
union all
select 'an invoice has not all its lines: ' || i.invoice_no from invoices i
where i.line_count <> (select count(*) from invoice_lines l where l.invoice_id = i.id)
union all
select 'an invoice is of no loaded file: ' || i.invoice_no from invoices i
where not exists (
    select from invoice_file_links l join invoice_files f on f.id = l.invoice_file_id
    where l.invoice_id = i.id and f.loaded_at is not null)
"""


def halves(url: str) -> list[str]:
    """What is there in part only, at one moment."""
    return [said for (said,) in rows(url, _HALF)]


class Reader(threading.Thread):
    """Looks for half files again and again; `seen` is what it saw, `looks` how often it looked."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.seen: list[str] = []
        self.looks = 0
        self._url = url
        self._done = threading.Event()

    def run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._done.is_set():
                self.seen += [said for (said,) in connection.execute(_HALF.encode()).fetchall()]
                self.looks += 1

    def __enter__(self) -> Reader:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()
