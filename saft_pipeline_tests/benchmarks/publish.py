"""Publishing: large files, tiny ones, again, over REST; and whether it holds when it is killed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from psycopg import sql

from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.settings import load as load_settings
from saft_pipeline.store.migrate import migrate
from saft_pipeline.store.model import Outcome, Publication
from saft_pipeline.store.postgres import PostgresTransport, connect_postgres
from saft_pipeline.store.rest import RestTransport
from saft_pipeline.store.store import Store
from saft_pipeline_tests.benchmarks.baselines import statements
from saft_pipeline_tests.benchmarks.report import Ratio, seconds
from saft_pipeline_tests.fixtures.sshd import free_port
from saft_pipeline_tests.postgrest.roles import create_roles
from saft_pipeline_tests.store import building, publisher
from saft_pipeline_tests.store.building import File, at
from saft_pipeline_tests.store.killing import kills
from saft_pipeline_tests.store.looking import halves

LINES = 1_000_000
REST_LINES = 250_000
LINES_AN_INVOICE = 10
TINY = 2_000
GROUP = 50
ROUNDS = 3
KILLS = 50
PUBLISHERS, FILES_OF_ALL = 4, 1_000

_KEY = "sb_secret_of-the-benchmark"
_batch_size = load_settings({}).batch_size


def run() -> Iterable[Ratio]:
    """All figures; about five minutes."""
    home = Path(tempfile.mkdtemp(prefix="saft-"))
    home.chmod(0o711)  # for root the server is another user
    try:
        with EmbeddedPostgres(home) as server:
            bench = _Bench(server)
            yield from bench.large()
            yield from bench.tiny()
            yield from bench.over_rest()
            yield from bench.killed()
            yield from bench.crowded()
    finally:
        shutil.rmtree(home)


@dataclass(frozen=True)
class _Bench:
    server: EmbeddedPostgres

    def database(self) -> str:
        """The URL of a new database with the tables, which was never analyzed."""
        url = self.server.url(f"bench_{uuid.uuid4().hex}")
        create_roles(url)
        migrate(url)
        return url

    def large(self) -> Iterator[Ratio]:
        """A large file, from rows as reading gives them."""
        file = _large(LINES)
        first, same_bytes, same_rows, bare = _best(lambda: self._large_once(file))
        note = f"{LINES:,} lines in {first:.1f} s"
        yield Ratio("large file, to a bare COPY of its lines", bare / first, 0.15, note=note)
        yield Ratio("the same bytes again, to the first time", first / same_bytes, 3)
        yield Ratio("the same rows in other bytes, to the first time", first / same_rows)

    def _large_once(self, file: File) -> tuple[float, ...]:
        url = self.database()
        others = replace(file, path="same bytes.xml"), replace(file, path="x.xml", bytes_="x")
        with closing(Store(PostgresTransport(url), _batch_size)) as store:
            return *(_timed(store, f) for f in (file, *others)), seconds(lambda: _copy(url, file))

    def tiny(self) -> Iterator[Ratio]:
        """Files of one invoice, so many a call, beside the old program's statements."""
        ours, theirs = _best(self._tiny_once)
        note = f"{1 / ours:,.0f} and {1 / theirs:,.0f} files a second"
        yield Ratio("tiny files, to statement by statement", theirs / ours, 15, note=note)

    def _tiny_once(self) -> tuple[float, ...]:
        files = [_tiny(n) for n in range(TINY)]
        few = files[: TINY // 10]
        with closing(Store(PostgresTransport(self.database()), _batch_size)) as store:
            ours = _grouped(store, files)
        # A connection as ours are, fit for a transaction pooler: without prepared statements.
        with closing(connect_postgres(self.database())) as connection:
            theirs = seconds(lambda: statements.load(connection, few))
        return ours / len(files), theirs / len(few)

    def over_rest(self) -> Iterator[Ratio]:
        """The same work over the stand-in for PostgREST, which is a process of its own."""
        file, files = _large(REST_LINES), [_tiny(n) for n in range(TINY)]
        large, tiny, large_rest, tiny_rest = _best(
            lambda: tuple(t for is_rest in (False, True) for t in self._once(file, files, is_rest))
        )
        note = f"{REST_LINES:,} lines in {large_rest:.1f} s"
        yield Ratio("large file over REST, to direct", large / large_rest, 0.4, note=note)
        yield Ratio("tiny files over REST, to direct", tiny / tiny_rest, 0.4)

    def _once(self, file: File, files: Sequence[File], is_rest: bool) -> tuple[float, float]:
        with _transport(self.database(), is_rest=is_rest) as store:
            return _timed(store, file), _grouped(store, files)

    def killed(self) -> Iterator[Ratio]:
        """Publishers killed at random moments, with a reader that looks for half a file."""
        seen = [said for round_ in kills(self.database(), KILLS) for said in round_]
        note = "; ".join(seen[:3])
        yield Ratio(f"half files after {KILLS} kills", len(seen), 0, "", most=True, note=note)

    def crowded(self) -> Iterator[Ratio]:
        """Publishers of the same companies at once."""
        url = self.database()
        count = FILES_OF_ALL // PUBLISHERS
        started = [publisher.start(url, seed, count) for seed in range(PUBLISHERS)]
        states = sum((Counter(json.loads(p.communicate()[0])) for p in started), Counter[str]())
        lost = FILES_OF_ALL - states["loaded"] + len(halves(url))
        yield Ratio(
            f"of {FILES_OF_ALL:,} files by {PUBLISHERS} at once, not loaded or in part",
            lost, 0, "", most=True,
        )  # fmt: skip


def _best(once: Callable[[], tuple[float, ...]]) -> list[float]:
    """The shortest of each time in several rounds: what else goes on here hits all alike."""
    return [min(times) for times in zip(*(once() for _ in range(ROUNDS)), strict=True)]


@contextmanager
def _transport(url: str, *, is_rest: bool) -> Iterator[Store]:
    if not is_rest:
        with closing(Store(PostgresTransport(url), _batch_size)) as store:
            yield store
        return
    port = free_port()
    command = [sys.executable, "-m", "saft_pipeline_tests.postgrest", "--db-url", url]
    command += ["--port", str(port), "--key", _KEY]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            with closing(RestTransport(f"http://127.0.0.1:{port}", _KEY)) as transport:
                transport.call("saft_schema_version", {})
                yield Store(transport, _batch_size)
        finally:
            process.terminate()


def _large(lines: int) -> File:
    invoices = tuple(
        statements.invoice(n, LINES_AN_INVOICE) for n in range(lines // LINES_AN_INVOICE)
    )
    customers = tuple(building.customer(f"C{n}") for n in range(500))
    return File("large.xml", invoices, customers, at(1))


def _tiny(number: int) -> File:
    invoices = (statements.invoice(10_000_000 + number, 3),)
    return File(f"{number}.xml", invoices, (building.customer(f"C{number % 500}"),), at(1))


def _timed(store: Store, file: File) -> float:
    """From parsed rows to committed ones; what goes before (the claim) is not counted."""
    by = building.owner()
    (settled,) = building.claim(store, file, by=by)

    def work() -> list[Outcome]:
        if settled.same_as is not None:
            told = [Publication(settled.ledger_id, same_as=settled.same_as)]
        else:
            told = building.stage(store, (settled.ledger_id, file))
        return building.publish(store, told, by)

    return _seconds(work)


def _grouped(store: Store, files: Sequence[File]) -> float:
    by = building.owner()
    settled = building.claim(store, *files, by=by)
    keyed = [(s.ledger_id, f) for s, f in zip(settled, files, strict=True) if f.records]
    return sum(
        _seconds(lambda: building.publish(store, building.stage(store, *group), by))  # noqa: B023
        for group in (keyed[n : n + GROUP] for n in range(0, len(keyed), GROUP))
    )


def _seconds(work: Callable[[], list[Outcome]]) -> float:
    started = time.perf_counter()
    states = {outcome.status for outcome in work()}
    if states != {"loaded"}:
        raise RuntimeError(f"files ended as {states}")
    return time.perf_counter() - started


def _copy(url: str, file: File) -> None:
    """The same parsed lines into a plain table, as psycopg copies rows."""
    with psycopg.connect(url) as connection:
        connection.execute("create table public.plain as table invoice_lines with no data")
        query = sql.SQL("copy public.plain from stdin")
        with connection.cursor().copy(query) as copy:
            for number, invoice in enumerate(file.invoices):
                key = str(number)
                for line in invoice.lines:
                    copy.write_row((key, *line))
