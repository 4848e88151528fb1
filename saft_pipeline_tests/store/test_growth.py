"""Questions take no more work in a long ledger than in a short one, by what Postgres counts.

A hundred times the files and invoices stand for the years; sequential scans are off as they would
be in large tables, so that what no index answers goes through all rows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from saft_pipeline.store.alerts import AlertLimits, Watch
from saft_pipeline.store.operations import Operations
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.reports import Reports
from saft_pipeline.store.store import Store
from saft_pipeline_tests.store.building import LEASE, SOURCE, File, at, customer, invoice, load
from saft_pipeline_tests.store.looking import execute
from saft_pipeline_tests.store.test_plans import Work, counted

_HOUR = timedelta(hours=1)
_SHORT, _LONG = 60, 6_000
# All but a few of the ledger's files are loaded; one company has as many documents in either.
_GROW = """
insert into companies (company_id) select n from generate_series(1, 20) n on conflict do nothing;
insert into invoices (company_id, invoice_no, invoice_date, net_total, line_count, content_hash)
select 1 + n % 20, 'FT ' || n, '2020-01-01'::date + n, 1, 1, gen_random_uuid()
from generate_series({first}, {last}) n;
insert into invoice_lines (invoice_id, line_number, credit_amount)
select id, 1, 1 from invoices where invoice_no ~ '^FT \\d+$' on conflict do nothing;
insert into invoice_files (source, path, filename, size, modified_at, first_seen_at, loaded_at,
    status, sha256, company_id, run_id)
select 'sftp://test:22/.', n, n, 1, now(), '2020-01-01'::timestamptz + n * interval '1 day',
    now(), 'loaded', repeat(md5(n::text), 2), 1 + n % 20, 'run-' || n
from generate_series({first}, {last}) n;
insert into invoice_file_links select id, id, gen_random_uuid() from invoices
on conflict do nothing;
select saft.add_up_counts();
analyze;
"""


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    return counted(monkeypatch, "set enable_seqscan = off; set max_parallel_workers = 0;")


def questions(url: str) -> dict[str, Callable[[], object]]:
    """What ticks, commands, pages, alerts and reports ask."""
    transport = PostgresTransport(url)
    store, operations = Store(transport, lambda _table: 100), Operations(transport)
    watch, reports = Watch(transport), Reports(transport)
    march = date(2020, 2, 1), date(2020, 2, 20)
    tiny = iter(range(10))

    def publish() -> None:
        number = next(tiny)
        load(store, File(f"t{number}", (invoice(f"FT T/{number}"),), (customer(),), at(number)))

    return {
        "publish": publish,
        "claim": lambda: store.claim("me", lease=LEASE, source=SOURCE),
        "counts": store.counts,
        "backlog": lambda: store.backlog(SOURCE, _HOUR),
        "loaded": lambda: store.files(state="loaded", limit=20),
        "failed": lambda: store.files(state="failed"),
        "path": lambda: store.files(path="7"),
        "run": lambda: store.files(run_id="run-7"),
        "page": lambda: operations.page(state=None, path=None, before=50, limit=20),
        "figures": operations.figures,
        "alerts": lambda: watch.unsent("mail", AlertLimits([SOURCE], _HOUR, _HOUR, _HOUR), []),
        "open keys": watch.open_keys,
        "retry": lambda: store.retry(paths=["7"]),
        "vat": lambda: reports.vat("7", *march),
        "sales": lambda: reports.sales("7", *march),
        "files": lambda: reports.files(*march),
    }


def test_questions_take_no_more_work_in_a_longer_ledger(url: str, work: Work) -> None:
    found = []
    for first, last in ((1, _SHORT), (_SHORT + 1, _LONG)):
        execute(url, _GROW.format(first=first, last=last))
        found.append({name: work(ask) for name, ask in questions(url).items()})
    short, long = found
    # A BRIN index leads to a range of pages, some 1,500 rows, however long the table is.
    grown = {name: (short[name], n) for name, n in long.items() if n > 1.5 * short[name] + 2000}
    assert grown == {}


_FAIL = """
insert into invoice_files (source, path, filename, size, modified_at, status)
select 'sftp://test:22/.', n || s, n, 1, '2020-01-01'::timestamptz + n * interval '1 s', s
from generate_series({first}, {last}) n, unnest('{{failed,gone,incomplete,pending}}'::text[]) s;
insert into invoice_files (source, path, filename, size, modified_at, status, loaded_at)
select 'well', n, n, 1, now(), 'loaded', now() from generate_series({first}, {last}) n;
analyze;
"""


def test_the_page_takes_no_more_work_where_more_failed_and_waits(url: str, work: Work) -> None:
    transport, found = PostgresTransport(url), []
    operations, reports = Operations(transport), Reports(transport)
    asked: dict[str, Callable[[], object]] = {
        "overview": operations.overview,
        "figures": operations.figures,
        "running": lambda: operations.page(state="running", path=None, before=None, limit=20),
        "failed of a source that is well": lambda: operations.page(
            source="well", state="failed", path=None, before=None, limit=20
        ),
        "failed of all": lambda: operations.page(state="failed", path=None, before=9, limit=20),
        "report of files": lambda: reports.files(None, None),
    }
    for first, last in ((1, _SHORT), (_SHORT + 1, _LONG)):
        execute(url, _FAIL.format(first=first, last=last))
        found.append({name: work(ask) for name, ask in asked.items()})
    short, long = found
    assert {name: n for name, n in long.items() if n > 1.5 * short[name] + 500} == {}
