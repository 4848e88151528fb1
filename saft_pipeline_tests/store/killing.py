"""Publishers that are killed at random moments while somebody reads: for a test and a benchmark."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.waiting import wait_for
from saft_pipeline_tests.store import publisher
from saft_pipeline_tests.store.building import SOURCE, load, owner
from saft_pipeline_tests.store.looking import Reader, halves, value

_FILES = 5


def kills(url: str, rounds: int) -> Iterator[list[str]]:
    """Kill a publisher `rounds` times; each time what a reader saw in part only, or was left so.

    After each kill the files are taken again, as they are when the lease has ended.
    """
    chance = random.Random(rounds)
    usual = _time_of_a_run(url)
    for seed in range(1, rounds + 1):
        with Reader(url) as reader:
            process = publisher.start(url, seed, _FILES)
            time.sleep(chance.uniform(0, usual))
            process.kill()
            process.communicate()
        left = halves(url)
        _take_again(url, seed)
        yield [*reader.seen, *left, *halves(url)]


def _time_of_a_run(url: str) -> float:
    process = publisher.start(url, 0, _FILES)
    started = time.perf_counter()
    process.communicate()
    return time.perf_counter() - started


def _take_again(url: str, seed: int) -> None:
    """What the dead process had claimed comes back when its lease is over."""
    wait_for(lambda: not value(url, _AT_WORK))
    store = Store(PostgresTransport(url), lambda _table: 1000)
    for file in store.files(source=SOURCE, state="running"):
        store.renew(file.claimed_by or "", -publisher.LEASE)  # as if time had passed
    load(store, *publisher.files(_FILES, seed), by=owner())
    assert store.counts() == {"loaded": (seed + 1) * _FILES}
    store.close()


# Postgres goes on for a moment with what a dead client had asked.
_AT_WORK = "select count(*) from pg_stat_activity "
_AT_WORK += "where application_name = 'saft_pipeline' and datname = current_database()"
