"""Ticks over a folder that only grows: 200,000 names, then a million, of which 50 are new.

The others are loaded, by SQL. Of five ticks the one is told that took least beyond its own look.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from saft_pipeline.store.migrate import migrate
from saft_pipeline_tests.benchmarks.report import Ratio
from saft_pipeline_tests.benchmarks.rig import Rig, rig

_NAMES = (200_000, 1_000_000)
_MOST_MEMORY, _MOST_SECONDS = 150.0, 1.0

_TICKS = """
import json, resource, sys, time
from pathlib import Path
import psycopg
from saft_pipeline import definitions, settings
from saft_pipeline.dagster_runtime.in_process import local_runs
from saft_pipeline.loading import looks
from saft_pipeline.store.opening import open_store

listing, look = [], looks.look

def timed(source):
    began = time.perf_counter()
    found = look(source)
    listing.append(time.perf_counter() - began)
    return found

looks.look = timed

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def ticks(runs, store, source, names):  # seconds of each, until the ledger knows so many
    took = []
    while sum(store.counts(source).values()) < names:
        if sum(took) > 600:
            sys.exit(f"the ledger doesn't know {names:,} names after {len(took)} ticks: {tick}")
        began = time.perf_counter()
        tick = runs.tick()
        took.append(time.perf_counter() - began)
    return took

folder, known = Path(sys.argv[1]), settings.load()
store, said = open_store(known), {}
(source,) = known.sources
with local_runs(known) as runs:
    runs.instance.get_runs(limit=1)
    said["before"] = peak()
    said["first"] = ticks(runs, store, source.source, int(sys.argv[2]))
    with psycopg.connect(known.supabase_db_url.get_secret_value(), autocommit=True) as connection:
        for first in range(0, int(sys.argv[2]) + 1, 50_000):
            connection.execute(
                "update invoice_files set status = 'loaded', loaded_at = now(), claimed_by = null, "
                "previous_status = null, lease_expires_at = null where id between %s and %s",
                (first, first + 49_999),
            )
        connection.execute("vacuum analyze invoice_files")
    said["ticks"] = []
    for turn in range(1, 6):
        for number in range(50):
            (folder / f"new-{turn}-{number}.xml").write_bytes(b"<")
        names = int(sys.argv[2]) + 50 * turn
        listing.clear()
        said["ticks"].append([sum(ticks(runs, store, source.source, names)), sum(listing)])
    said["after"] = peak()
print(json.dumps(said))
"""


def run() -> Iterator[Ratio]:
    """Both sizes, one after the other."""
    with rig(redis=False) as near:
        for names in _NAMES:
            yield from _ticks(near, names)


def _ticks(near: Rig, names: int) -> Iterator[Ratio]:
    remote = near.remote_folder(f"names-{names}")
    for number in range(names):
        path = remote / f"FT{number % 90 + 10}Y2025_{number}-Gramido.xml"
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
    url = near.database(f"names_{names}")
    migrate(url)
    home = Path(tempfile.mkdtemp(dir=near.folder))
    given = near.settings(remote, url, home)
    environment = {n: v for n, v in {**os.environ, **given}.items() if v}
    done = subprocess.run(
        [sys.executable, "-c", _TICKS, str(remote), str(names)],
        check=True, capture_output=True, text=True, env=environment, cwd=home,
    )  # fmt: skip
    said = json.loads(done.stdout.splitlines()[-1])
    goal = names == _NAMES[0]
    first = ", ".join(f"{each:.1f}" for each in said["first"])
    more, listing = min((tick - listing, listing) for tick, listing in said["ticks"])
    note = f"listing {listing:.1f} s, the first tick(s) {first} s"
    yield Ratio(
        f"{names:,} names, 50 new: a tick beyond its listing", more,
        _MOST_SECONDS if goal else None, "s", most=True,
        note=note,
    )  # fmt: skip
    yield Ratio(
        f"{names:,} names: memory beyond imports", said["after"] - said["before"],
        _MOST_MEMORY if goal else None, "MB", most=True,
    )  # fmt: skip
