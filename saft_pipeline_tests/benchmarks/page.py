"""The page and the API over 1,000,000 files, while 1,000 more a second are entered: each answer."""

from __future__ import annotations

import http.client
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg

from saft_pipeline.settings import load
from saft_pipeline.store.migrate import migrate
from saft_pipeline_tests.benchmarks.report import Ratio, seconds
from saft_pipeline_tests.benchmarks.rig import rig
from saft_pipeline_tests.fixtures.sshd import free_port

_FILES = 1_000_000
_A_SECOND = 1_000
_A_GROUP = 50  # files that are published together
_ROUNDS = 40
_FIRST_LOOKS = 5
_BETWEEN = 0.05  # seconds, since more than 20 a second are refused
_UNSEEN = 11.0  # seconds without a look, after which a page waits for the ledger
_MOST = 100.0  # milliseconds
_COMPANIES = 400
_SAFT = str(Path(sys.executable).with_name("saft"))

_NAMES = """
insert into companies (company_id, company_name)
select (500000000 + n)::text, 'Empresa ' || n from generate_series(0, {companies} - 1) n
"""
# A month of files: some of each state that wants looking at, some that hold nothing.
_LEDGER = """
insert into invoice_files (source, path, filename, branch, size, modified_at, first_seen_at,
    loaded_at, status, sha256, company_id, run_id, total_invoices, total_lines, attempts, error)
select '{source}', f.name, f.name, 'Loja ' || n % 20, 6000, f.at, f.at,
    case when f.status = 'loaded' then f.at + interval '4 s' end, f.status, repeat(md5(n::text), 2),
    case when f.status = 'loaded' then (500000000 + n % {companies})::text end,
    md5((n / 1000)::text)::uuid::text, case when f.status = 'loaded' then n % 50 end,
    case when f.status = 'loaded' then n % 50 * 2 end, 1,
    case when f.status in ('failed', 'unreadable') then f.name || ':7:31: no such element' end
from generate_series({first}, {last}) n
cross join lateral (select 'FR' || n || 'Y2025_7-Gramido.xml' as name,
    case n % 2000 when 0 then 'failed' when 1 then 'incomplete' when 2 then 'unreadable'
        when 3 then 'gone' when 4 then 'pending' else 'loaded' end as status,
    now() - interval '30 days' + n * (interval '30 days' / {files}) as at) f
"""
_SEEN = """
insert into invoice_files (source, path, filename, branch, size, modified_at)
select '{source}', f.name, f.name, 'Loja ' || n % 20, 6000, now()
from generate_series({first}, {last}) n
cross join lateral (select 'FR' || n || 'Y2025_7-Gramido.xml' as name) f
returning id
"""
_CLAIMED = """
update invoice_files set status = 'running', claimed_by = %(owner)s, previous_status = 'pending',
    lease_expires_at = now() + interval '2 minutes', attempts = 1, run_id = %(owner)s
where id = any(%(ids)s)
"""
_LOADED = """
update invoice_files set status = 'loaded', loaded_at = now(), claimed_by = null,
    previous_status = null, lease_expires_at = null, sha256 = repeat(md5(id::text), 2),
    company_id = (500000000 + id %% 400)::text, total_invoices = 2, total_lines = 5,
    publication = '{"customers": 2}'
where id = any(%(ids)s)
"""


def run() -> Iterator[Ratio]:
    """Median and 95th percentile of each address, asked in turn, and of first looks."""
    with rig(redis=False) as near:
        remote, url = near.remote_folder("files"), near.database("page")
        migrate(url)
        home = Path(tempfile.mkdtemp(dir=near.folder))
        port = free_port()
        given = {**near.settings(remote, url, home), "API_PORT": str(port)}
        given["DAGSTER_DB_URL"] = near.database("history")
        source = load(given).sources[0].source
        with psycopg.connect(url, autocommit=True) as connection:
            _fill(connection, source)
        with _served(given, port), _Writer(url, source) as writer:
            yield from _figures(port, source)
        yield Ratio("files entered a second meanwhile", writer.rate, 0.9 * _A_SECOND, unit="")


def _fill(connection: psycopg.Connection, source: str) -> None:
    connection.execute("set synchronous_commit = off")
    connection.execute(_NAMES.format(companies=_COMPANIES).encode())
    step = _FILES // 20
    for first in range(0, _FILES, step):
        values = {"source": source, "files": _FILES, "companies": _COMPANIES}
        connection.execute(_LEDGER.format(**values, first=first, last=first + step - 1).encode())
    connection.execute("select saft.add_up_counts()")
    connection.execute("vacuum analyze")


class _Writer(threading.Thread):
    """Enters files, claims and loads them, as fast as a poll and its runs are to."""

    def __init__(self, url: str, source: str) -> None:
        super().__init__(daemon=True)
        self._url, self._source = url, source
        self._done = threading.Event()
        self._began = self._files = self.rate = 0.0

    def __enter__(self) -> _Writer:
        self._began = time.monotonic()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()
        self.rate = self._files / (time.monotonic() - self._began)

    def run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._done.wait(max(0.0, self._due() - time.monotonic())):
                self._enter(connection)

    def _due(self) -> float:
        return self._began + self._files / _A_SECOND

    def _enter(self, connection: psycopg.Connection) -> None:
        first = _FILES + int(self._files)
        count = _A_SECOND // 2
        said = _SEEN.format(source=self._source, first=first, last=first + count - 1)
        ids = [id_ for (id_,) in connection.execute(said.encode())]
        owner = f"bench-{first}"
        connection.execute(_CLAIMED, {"owner": owner, "ids": ids})
        for at in range(0, count, _A_GROUP):
            connection.execute(_LOADED, {"ids": ids[at : at + _A_GROUP]})
        connection.execute("select saft.add_up_counts()")
        self._files += count


@contextmanager
def _served(given: dict[str, str], port: int) -> Iterator[None]:
    """`saft serve`, once it answers."""
    environment = {name: text for name, text in {**os.environ, **given}.items() if text}
    log = Path(given["SAFT_HOME"]) / "serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen([_SAFT, "serve"], env=environment, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 120
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"saft serve doesn't answer: {log.read_text()[-2000:]}")
            time.sleep(0.5)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _answers(port: int) -> bool:
    try:
        _ask(port, "/")
    except OSError:
        return False
    return True


def _ask(port: int, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200 and not (path == "/api/health" and answer.status == 503):
            raise RuntimeError(f"{path}: {answer.status} {body[:500]!r}")
    finally:
        connection.close()


def _addresses(source: str) -> list[str]:
    """All that people and programs ask of the ledger while it is loaded."""
    of = f"source={quote(source, safe='')}"
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 31 * 86_400))
    return [
        "/",
        "/?part=main",
        "/files",
        "/files?state=failed",
        "/files?state=loaded",
        "/files?state=empty",
        "/files?state=pending",
        "/files?path=FR1000Y2025_7-Gramido.xml",
        "/files?before=500000",
        "/api/files",
        "/api/files?limit=1000",
        f"/api/files?{of}",
        f"/api/files?{of}&state=failed",
        f"/api/files?{of}&state=loaded&before=500000",
        "/api/files?state=running",
        "/api/files?path=FR1000Y2025_7-Gramido.xml",
        "/api/health",
        "/api/active-tasks",
        "/metrics",
        f"/reports/files?from={day}",
        f"/reports/files.csv?from={day}",
    ]


def _figures(port: int, source: str) -> Iterator[Ratio]:
    times: dict[str, list[float]] = {}

    def ask(path: str, name: str) -> None:
        time.sleep(_BETWEEN)
        times.setdefault(name, []).append(1000 * seconds(lambda: _ask(port, path)))

    for _ in range(_ROUNDS):
        for path in _addresses(source):
            ask(path, path.replace(quote(source, safe=""), "…"))
    for _ in range(_FIRST_LOOKS):
        time.sleep(_UNSEEN)
        ask("/", "/ when nobody has looked")
    for name, taken in times.items():
        longest = sorted(taken)
        note = f"median {statistics.median(taken):.1f} ms, longest {longest[-1]:.1f}"
        percentile = longest[int(0.95 * (len(taken) - 1))]
        yield Ratio(f"{name}: 95th percentile", percentile, _MOST, "ms", most=True, note=note)
