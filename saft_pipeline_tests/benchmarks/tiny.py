"""Files of one invoice from SFTP to rows: `saft poll --drain` against Celery and dlt, near and far.

Of dlt, `records` is the way of its documentation and `tables` its fastest: the goals hold against
either. All rates are files a second. Takes about ten minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import psycopg

from saft_pipeline.dagster_runtime.storage import DAGSTER_DATABASE
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline_tests.benchmarks.designs import Saft, celery, dlt, saft, write_tiny
from saft_pipeline_tests.benchmarks.measuring import run as measure
from saft_pipeline_tests.benchmarks.report import Ratio, best_of
from saft_pipeline_tests.benchmarks.rig import Rig, far, rig

_FILES = 2_000
_MANY = 10_000
_MOST = 20_000
_FEW = 100
_MORE_PROCESSES = 4  # as many as Celery gains from here; its default is one a processor
_FAR_CELERY = 200  # at its rate, 2,000 would take minutes and show nothing else
_ROUND_TRIP = 0.020
_PARTITIONS = 50_000

_ADD_PARTITIONS = f"""
from saft_pipeline import settings
from saft_pipeline.dagster_runtime import instance
from saft_pipeline.dagster_runtime import partitions
with instance.open_instance(settings.load()) as opened:
    keys = [f"older-{{number}}~0" for number in range({_PARTITIONS})]
    opened.add_dynamic_partitions(partitions.files.name, keys)
print(len(keys))
"""


def run() -> Iterable[Ratio]:
    """All figures, in one run on the same servers."""
    yield _imports()
    with rig() as near:
        yield from _near(near)
        yield from _many(near)
        with far(near, _ROUND_TRIP) as distant:
            yield from _far(distant)
        yield from _flat(near)


def _imports() -> Ratio:
    """What a run's process imports, over what every Dagster run does."""
    dagster, ours = best_of(
        3,
        *(
            partial(subprocess.run, [sys.executable, "-c", f"import {modules}"], check=True)
            for modules in ("dagster, dagster_postgres, grpc", "grpc, saft_pipeline.definitions")
        ),
    )
    note = f"{ours:.2f} s over {dagster:.2f}"
    return Ratio("imports of a run, over Dagster's own", ours / dagster, 1.5, most=True, note=note)


def _near(near: Rig) -> Iterator[Ratio]:
    remote = near.remote_folder("near")
    ours = _rate(near, remote)
    for processes, wanted in ((os.cpu_count() or 1, 1.0), (_MORE_PROCESSES, None)):
        theirs = _FILES / celery(near, remote, processes).seconds
        name = f"{_FILES:,} files over Celery with {processes} processes"
        yield Ratio(name, ours / theirs, wanted, note=_rates(ours, theirs))


def _many(near: Rig) -> Iterator[Ratio]:
    remote = near.remote_folder("many")
    installation = saft(near, remote)
    idle = installation.poll()
    idle_bytes = _history_bytes(installation)
    write_tiny(remote, _MANY)
    outcome = installation.poll()
    ours = _MANY / outcome.seconds
    for way in ("records", "tables"):
        theirs = _MANY / dlt(near, remote, way).seconds
        note = _rates(ours, theirs)
        yield Ratio(f"{_MANY:,} files over dlt {way}", ours / theirs, 1.0, note=note)
    memory = outcome.peak_megabytes - idle.peak_megabytes
    note = f"{outcome.peak_megabytes:.0f} MB at most, {idle.peak_megabytes:.0f} with no file"
    yield Ratio(f"memory for {_MANY:,} files beyond idle", memory, 500, "MB", most=True, note=note)
    history = (_history_bytes(installation) - idle_bytes) / _MANY / 1000
    yield Ratio("Dagster's history, a file", history, 10, "KB", most=True)
    yield from _single(installation, remote)


def _single(installation: Saft, remote: Path) -> Iterator[Ratio]:
    """One new file where 10,000 are loaded, by what the ledger says."""
    write_tiny(remote, 1, first=_MANY)
    outcome = installation.poll()
    query = "select extract(epoch from loaded_at - first_seen_at) from public.invoice_files"
    with psycopg.connect(installation.database_url) as connection:
        (latest,) = connection.execute(f"{query} order by id desc limit 1").fetchone() or (None,)
    assert latest is not None
    note = f"the whole command {outcome.seconds:.1f} s"
    yield Ratio("a single new file, seen to loaded", float(latest), 3, "s", most=True, note=note)


def _far(distant: Rig) -> Iterator[Ratio]:
    remote = distant.remote_folder("far")
    ours = _rate(distant, remote)
    for way in ("records", "tables"):
        theirs = _FILES / dlt(distant, remote, way).seconds
        note = _rates(ours, theirs)
        yield Ratio(f"20 ms away, {_FILES:,} files over dlt {way}", ours / theirs, 1.3, note=note)
    few = distant.remote_folder("far-celery")
    write_tiny(few, _FAR_CELERY)
    for processes, wanted in ((os.cpu_count() or 1, 25), (_MORE_PROCESSES, None)):
        theirs = _FAR_CELERY / celery(distant, few, processes).seconds
        name = f"20 ms away, over Celery with {processes} processes"
        yield Ratio(name, ours / theirs, wanted, note=_rates(ours, theirs))


def _flat(near: Rig) -> Iterator[Ratio]:
    """What one more file costs, with the time of a command that finds nothing taken off."""
    costs = {count: _cost(near, count) for count in (_FEW, _FILES, _MOST)}
    for count, cost in costs.items():
        yield Ratio(f"cost of a file among {count:,}", cost, unit="ms")
    growth = costs[_MOST] / costs[_FILES]
    yield Ratio(f"cost among {_MOST:,} over among {_FILES:,}", growth, 1.5, most=True)
    crowded = _cost(near, _FILES, partitions=True)
    note = f"{crowded:.1f} ms over {costs[_FILES]:.1f}"
    name = f"cost with {_PARTITIONS:,} partitions there over without"
    yield Ratio(name, crowded / costs[_FILES], 1.5, most=True, note=note)


def _cost(near: Rig, count: int, *, partitions: bool = False) -> float:
    remote = near.remote_folder(f"flat-{count}-{partitions}")
    installation = saft(near, remote)
    if partitions:
        measure([sys.executable, "-c", _ADD_PARTITIONS], installation.settings, 600)
    idle = min(installation.poll().seconds for _ in range(3))  # the first makes the home
    write_tiny(remote, count)
    return 1000 * (installation.poll().seconds - idle) / count


def _rate(on: Rig, remote: Path) -> float:
    """Files a second, from an empty ledger; the home is there, as Celery's workers are warm."""
    installation = saft(on, remote)
    installation.poll()
    write_tiny(remote, _FILES)
    return _FILES / installation.poll().seconds


def _history_bytes(installation: Saft) -> int:
    """The size of Dagster's database."""
    with (
        EmbeddedPostgres(installation.home) as server,
        psycopg.connect(server.url(DAGSTER_DATABASE)) as connection,
    ):
        (size,) = connection.execute("select pg_database_size(current_database())").fetchone() or (
            0,
        )
    return int(size)


def _rates(ours: float, theirs: float) -> str:
    return f"{ours:,.1f} files/s over {theirs:,.1f}"
