"""A ledger of years against one of weeks: 2,000,000 files and 5,000,000 invoices to 10,000 files.

Both are made by SQL: an office whose companies send 5,000 files in five years each, of which it has
2, and then 400. What is asked is about one company, one month, or what is new.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import psycopg

from saft_pipeline import settings as settings_module
from saft_pipeline.dagster_runtime import partitions, retention
from saft_pipeline.dagster_runtime.in_process import local_runs
from saft_pipeline.settings import Settings
from saft_pipeline.store.alerts import Watch
from saft_pipeline.store.migrate import migrate
from saft_pipeline.store.operations import Operations
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.reports import Reports
from saft_pipeline.store.store import Store
from saft_pipeline_tests.benchmarks.report import Ratio, best_of
from saft_pipeline_tests.benchmarks.rig import Rig, rig
from saft_pipeline_tests.store.building import File, customer, invoice, load

_FILES_A_COMPANY = 5_000
_PARTITIONS_A_FILE = 0.05
_LARGEST = 400  # companies
_MOST = 1.5
_ROUNDS = 15
_OLD = datetime(2000, 1, 1, tzinfo=UTC)
_STATES = ("failed", "unreadable", "gone", "incomplete", "running", "pending", "loaded")

_COMPANIES = """
insert into companies (company_id, company_name)
select (500000000 + n)::text, 'Empresa ' || n from generate_series(0, {companies} - 1) n
"""
# In the order in which they came; the last ones still lie on the server, some never loaded.
_FILES = """
insert into invoice_files (id, source, path, filename, size, modified_at, first_seen_at, loaded_at,
    removed_at, status, sha256, company_id, run_id, total_invoices, total_lines, attempts, error)
select n, '{source}', f.name, f.name, 6000, f.at, f.at, case when f.bad then null else f.at end,
    case when f.bad or n > {files} - 50 then null else f.at end,
    case when f.bad then 'failed' else 'loaded' end, repeat(md5(n::text), 2),
    case when f.bad then null else (500000000 + n % {companies})::text end,
    md5((n / 50)::text)::uuid::text, 2, 5, 1, case when f.bad then 'broken' end
from generate_series(1, {files}) n
cross join lateral (select 'FR' || n || 'Y2025_7-Gramido.xml' as name,
    n % ({files} / 40) = 0 as bad,
    '2020-01-01'::timestamptz + n * (interval '1800 days' / {files}) as at) f
"""
_INVOICES = """
insert into invoices (id, company_id, invoice_no, atcud, hash, hash_control, invoice_date,
    invoice_type, invoice_status, invoice_status_date, customer_id, tax_payable, net_total,
    gross_total, line_count, content_hash)
select n, (500000000 + f.id % {companies})::text, 'FT A/' || n, 'JFHD7XV9-' || n,
    repeat(md5(n::text), 5), '1', f.at::date, 'FT', 'N', f.at, 'C' || n % 50,
    23, 100, 123, 1, md5(n::text)::uuid
from generate_series(3, {files} * 5 / 2 + 1) n
cross join lateral (select n * 2 / 5 as id,
    '2020-01-01'::timestamptz + n * 2 / 5 * (interval '1800 days' / {files}) as at) f
where f.id % ({files} / 40) <> 0
"""
_LINES = """
insert into invoice_lines (invoice_id, line_number, product_code, product_description, quantity,
    unit_price, credit_amount, tax_type, tax_country_region, tax_code, tax_percentage)
select n, 1, 'P' || n % 500, 'Artigo de venda ao balcao ' || n % 500, 1, 100, 100, 'IVA', 'PT',
    'NOR', 23
from generate_series(3, {files} * 5 / 2 + 1) n where n * 2 / 5 % ({files} / 40) <> 0
"""
_LINKS = """
insert into invoice_file_links select n * 2 / 5, n, md5(n::text)::uuid
from generate_series(3, {files} * 5 / 2 + 1) n where n * 2 / 5 % ({files} / 40) <> 0
"""
# What triggers would have noted.
_COUNTS = """
insert into saft.ledger_counts (source, name, value, newest)
select source, status, count(*), max(first_seen_at) from invoice_files group by 1, 2
"""
_TABLES = {
    "companies": _COMPANIES,
    "invoice_files": _FILES,
    "invoices": _INVOICES,
    "invoice_lines": _LINES,
    "invoice_file_links": _LINKS,
}
# An index that is not ready is passed over by inserts, and made whole by REINDEX.
_WITHOUT_INDEXES = "update pg_index set indisready = false where indrelid = '{table}'::regclass"
_HASTE = {
    "synchronous_commit": "off",
    "maintenance_work_mem": "512MB",
    "session_replication_role": "replica",  # no triggers, no foreign keys
}
_PARTITIONS = """
insert into dynamic_partitions (partitions_def_name, partition)
select '{name}', 'FR' || n || 'Y2025-7-Gramido.xml~' || left(md5('{source} FR' || n
    || 'Y2025_7-Gramido.xml'), 12) from generate_series(1, {count}) n
"""


@dataclass
class _Office:
    """An installation with the files of so many companies."""

    companies: int
    settings: Settings
    url: str
    history: str

    @property
    def files(self) -> int:
        return self.companies * _FILES_A_COMPANY

    @property
    def source(self) -> str:
        return self.settings.sources[0].source


def run() -> Iterator[Ratio]:
    """What is asked in turn of both, the shortest time each."""
    with rig(redis=False) as near:
        offices = [_office(near, companies) for companies in (2, _LARGEST)]
        short, long = map(_asked, offices)
        for name in short:
            yield _ratio(name, *best_of(_ROUNDS, short[name], long[name]))
        with ExitStack() as stack:
            short, long = (stack.enter_context(_in_dagster(office)) for office in offices)
            for name in short:
                yield _ratio(name, *best_of(_ROUNDS, short[name], long[name]))


def _ratio(name: str, short: float, long: float) -> Ratio:
    note = f"{long * 1e3:,.1f} ms over {short * 1e3:,.1f}"
    return Ratio(f"{name}, long over short", long / short, _MOST, most=True, note=note)


def _office(near: Rig, companies: int) -> _Office:
    """A home, a folder with fifty names, and databases filled."""
    remote = near.remote_folder(f"files-{companies}")
    url, history = near.database(f"ledger_{companies}"), near.database(f"history_{companies}")
    migrate(url)
    home = Path(tempfile.mkdtemp(dir=near.folder))
    given = {**near.settings(remote, url, home), "DAGSTER_DB_URL": history}
    office = _Office(companies, settings_module.load(given), url, history)
    with psycopg.connect(url, autocommit=True) as connection:
        _fill(connection, office)
        rows = connection.execute(
            "select filename, extract(epoch from modified_at) from invoice_files "
            "where removed_at is null order by id desc limit 50"
        ).fetchall()
    for name, modified in rows:
        path = remote / name
        path.write_bytes(b"<" * 6000)
        os.utime(path, (int(modified), int(modified)))
    return office


def _fill(connection: psycopg.Connection, office: _Office) -> None:
    values: Mapping[str, object] = {
        "companies": office.companies,
        "files": office.files,
        "source": office.source,
    }

    def execute(statement: str) -> None:
        connection.execute(statement.format(**values).encode())

    for name, value in _HASTE.items():
        execute(f"set {name} = '{value}'")
    for table, statement in _TABLES.items():
        execute(_WITHOUT_INDEXES.format(table=table))
        execute(statement)
        execute(f"reindex table {table}")
    execute(_COUNTS)
    execute("select setval(pg_get_serial_sequence('invoice_files', 'id'), {files})")
    execute("select setval(pg_get_serial_sequence('invoices', 'id'), {files} * 3)")
    execute("vacuum analyze")


def _asked(office: _Office) -> dict[str, Callable[[], object]]:
    """What commands, pages, publishing and reports ask of the database."""
    transport = PostgresTransport(office.url)
    store, operations = Store(transport, lambda _table: 500), Operations(transport)
    reports, numbers = Reports(transport), count(1)

    def publish() -> None:
        number = f"FT T/{next(numbers)}"
        load(store, File(number, (invoice(number),), (customer(),), datetime.now(UTC)))

    def status() -> None:
        store.counts()
        store.backlog(None, timedelta(hours=1))
        for state in _STATES:
            store.files(state=state, limit=50)

    def page() -> None:
        operations.overview()
        operations.figures()

    def listed(state: str | None) -> Callable[[], object]:
        return lambda: operations.page(state=state, path=None, before=None, limit=100)

    march = date(2022, 3, 1), date(2022, 3, 31)
    return {
        "publish of a tiny file": publish,
        "status": status,
        "status page": page,
        "API list": listed(None),
        "API list of failed": listed("failed"),
        "VAT of a company and month": lambda: reports.vat("500000001", *march),
        "sales of a company and month": lambda: reports.sales("500000001", *march),
    }


@contextmanager
def _in_dagster(office: _Office) -> Iterator[dict[str, Callable[[], object]]]:
    """What Dagster's daemon does with it."""
    with local_runs(office.settings) as runs:
        runs.instance.get_runs(limit=1)
        _register(office)
        runs.tick()  # the first compares the whole
        watch = Watch(PostgresTransport(office.url))
        yield {
            "tick": runs.tick,
            "prune": lambda: retention.prune(runs.instance, watch, office.settings, _OLD),
        }


def _register(office: _Office) -> None:
    """The partitions of the newest files, as runs register them."""
    statement = _PARTITIONS.format(
        name=partitions.files.name,
        source=office.source,
        count=int(office.files * _PARTITIONS_A_FILE),
    )
    with psycopg.connect(office.history, autocommit=True) as connection:
        connection.execute(statement.encode())
        connection.execute("vacuum analyze dynamic_partitions")
