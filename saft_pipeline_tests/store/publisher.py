"""A process that publishes, to be killed or to meet others: `python -m … URL SEED FILES`.

It loads `files(FILES)` in an order of its own and in groups, then prints the states they ended in.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from datetime import timedelta

from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.store import Store
from saft_pipeline_tests.store.building import File, at, customer, invoice, load

COMPANIES = ("500000000", "500100144", "500960046")
LEASE = timedelta(seconds=1)
GROUP = 5


def files(count: int, seed: int, invoices: int = 20) -> list[File]:
    """Files of one process, about invoices that other processes' files speak of too."""
    return [_file(f"{seed}/{n}.xml", n, seed, invoices) for n in range(count)]


def _file(path: str, number: int, seed: int, invoices: int) -> File:
    company = COMPANIES[number % len(COMPANIES)]
    held = (
        invoice(f"FT {number // 7}/{i}", 1 + (number + i + seed) % 3, company_id=company)
        for i in range(invoices)
    )
    customers = (customer("C1", company_id=company, city=path),)
    return File(path, tuple(held), customers, at(number * 10 + seed), company, f"{company} {path}")


def start(url: str, seed: int, count: int) -> subprocess.Popen[str]:
    """A new process; it says `ready` before it begins."""
    command = [sys.executable, "-m", __name__, url, str(seed), str(count)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def run(url: str, seed: int, count: int) -> Counter[str]:
    """Load the files; how many ended in each state."""
    store = Store(PostgresTransport(url), lambda _table: 1000)
    mine = files(count, seed)
    random.Random(seed).shuffle(mine)
    states: Counter[str] = Counter()
    for first in range(0, count, GROUP):
        states.update(o.status for o in load(store, *mine[first : first + GROUP]))
    store.close()
    return states


if __name__ == "__main__":
    print("ready", flush=True)  # noqa: T201 - to the process that started this one
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))  # noqa: T201
