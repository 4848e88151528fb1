"""Each index answers a question that people or the program ask, and each question has its index."""

from __future__ import annotations

import psycopg
import pytest

from saft_pipeline_tests.store.looking import rows

_FILL = """
insert into companies (company_id) select n from generate_series(1, 50) n;
insert into customers (company_id, customer_id, customer_tax_id)
select 1 + n % 50, n, n from generate_series(1, 5000) n;
insert into invoices (company_id, invoice_no, invoice_date, customer_id, content_hash)
select 1 + n % 50, 'FT ' || n, '2020-01-01'::date + n % 1000, n % 3000, gen_random_uuid()
from generate_series(1, 10000) n;
insert into invoice_lines (invoice_id, line_number, reference)
select n, 1, case when n % 20 = 0 then 'FT ' || n end from generate_series(1, 10000) n;
insert into invoice_files (source, path, filename, size, modified_at, status, loaded_at, claimed_by,
    sha256, company_id, run_id)
select case when n % 500 = 1 then 't' else 's' end, n, n, 1, now() - n * interval '1 second',
    case when n % 50 = 0 then 'running' when n % 9 = 0 then 'pending' else 'loaded' end, now(),
    case when n % 50 = 0 then 'claim-' || n end, repeat(md5(n::text), 2), 1 + n % 50, 'run-' || n
from generate_series(1, 10000) n;
insert into invoice_file_links (invoice_file_id, invoice_id, content_hash)
select n, n, gen_random_uuid() from generate_series(1, 10000) n;
analyze companies, customers, invoices, invoice_lines, invoice_files, invoice_file_links;
"""


@pytest.fixture(scope="module")
def filled(migrated: str) -> str:
    """The module's database with some thousand rows a table."""
    with psycopg.connect(migrated) as connection:
        connection.execute(_FILL)
    return migrated


# Questions that people and the program ask, and the index that answers each.
QUESTIONS = {
    "customers_customer_tax_id": "select * from customers where customer_tax_id = 'x'",
    "invoices_company_id_invoice_no_key": """
        select * from invoices where company_id = '7' and invoice_no = 'y'""",
    "invoices_invoice_date": "select * from invoices where invoice_date >= '2022-09-01'",
    "invoices_period": """
        select * from invoices where company_id = '7' and invoice_date >= '2022-09-01'""",
    "invoices_customer_id": "select * from invoices where company_id = '7' and customer_id = '6'",
    "invoice_lines_reference": "select * from invoice_lines where reference = 'x'",
    "invoice_files_source_path_version_key": "select * from invoice_files where path = 'x'",
    "invoice_files_current": """
        select * from invoice_files where source = 'x' and path = 'y' and is_current""",
    "invoice_files_key": """
        select * from invoice_files where left(md5(source || ' ' || path), 12) = 'x'""",
    "invoice_files_open": """
        select * from invoice_files where is_current and status <> 'loaded'
        order by modified_at, id limit 50""",
    "invoice_files_on_server": """
        select * from invoice_files where source = 't' and is_current and status = 'loaded'
            and removed_at is null order by id limit 50""",
    "invoice_files_claimed_by": "select * from invoice_files where claimed_by = 'x'",
    "invoice_files_sha256": "select * from invoice_files where sha256 = 'x'",
    "invoice_files_company_id": "select * from invoice_files where company_id = 'x'",
    "invoice_files_run_id": "select * from invoice_files where run_id = 'x'",
    "invoice_files_racy": "select * from invoice_files where source = 't' and racy order by id",
    "invoice_files_unloaded": """
        select * from invoice_files where source = 't' and status = 'failed' and is_current
        order by id""",
    "invoice_files_empty": """
        select * from invoice_files where is_current and status = 'loaded' and total_invoices = 0
        order by id""",
    "invoice_files_first_seen_at": """
        select * from invoice_files where first_seen_at >= now() + interval '1 day'""",
    "invoice_file_links_invoice_id": "select * from invoice_file_links where invoice_id = 1",
}


@pytest.mark.parametrize(("index", "question"), QUESTIONS.items(), ids=QUESTIONS.keys())
def test_each_question_has_its_index(filled: str, index: str, question: str) -> None:
    with psycopg.connect(filled) as connection:
        connection.execute("set enable_seqscan = off; set enable_bitmapscan = off")
        if index == "invoice_files_first_seen_at":  # a BRIN index is read no other way
            connection.execute("set enable_bitmapscan = on")
        plan = connection.execute(f"explain {question}".encode()).fetchall()
    assert index in str(plan)


def test_each_index_has_its_question(filled: str) -> None:
    names = "select indexname from pg_indexes where schemaname = 'public' and indexname !~ '_pkey$'"
    assert {name for (name,) in rows(filled, names)} == QUESTIONS.keys()
