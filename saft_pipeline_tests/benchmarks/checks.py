"""What checking costs: loading one tiny file, many and a large one, with the checks and without."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from statistics import median
from types import MappingProxyType
from unittest.mock import patch

from saft_pipeline.dagster_runtime.in_process import LocalRuns, local_runs
from saft_pipeline.dagster_runtime.submission import run_requests
from saft_pipeline.defs.file_checks import Evaluations
from saft_pipeline.demo.generator import write_large
from saft_pipeline.loading.local_files import local_file
from saft_pipeline.loading.reader_process import FILES_WORTH_IT
from saft_pipeline.loading.sources import LOCAL
from saft_pipeline.saft.parallel import BYTES_WORTH_IT
from saft_pipeline.saft.records import FileWarning, Record
from saft_pipeline.saft.rules.checker import Checker
from saft_pipeline.saft.rules.findings import Findings
from saft_pipeline.settings import load
from saft_pipeline.store.opening import open_store
from saft_pipeline.store.store import Store
from saft_pipeline_tests.benchmarks.designs import write_tiny
from saft_pipeline_tests.benchmarks.report import Ratio, in_turn, ratio_of
from saft_pipeline_tests.fixtures.own_home import own_home

_WANTED = 1.1
_MANY = FILES_WORTH_IT - 1  # one more, and a second process would read them
_MEGABYTES = BYTES_WORTH_IT // 1_000_000 - 1  # or other processes would read it

Files = Iterator[Sequence[Path]]


class _NoChecker(Checker):
    """In the place of the rules: finds nothing. Types tell when what is asked of it changes."""

    def __init__(self, *, most: int, **_: object) -> None:
        self._findings = Findings(most)

    def see(self, record: Record) -> None:
        pass

    def finish(
        self, warnings: Iterable[FileWarning] = (), counts: Mapping[str, int] = MappingProxyType({})
    ) -> Findings:
        return self._findings


def run() -> Iterable[Ratio]:
    """Times of whole runs in one process; where a second one reads, checking costs less."""
    with tempfile.TemporaryDirectory() as name, _opened() as (store, runs):
        folder = Path(name)
        for files, rounds, what in (
            (_tiny(folder / "one", 1), 15, "a run of one tiny file"),
            (_tiny(folder / "many", _MANY), 15, f"a run of {_MANY} tiny files"),
            (_large(folder), 9, f"a run of one file of {_MEGABYTES} MB"),
        ):
            yield _compared(
                what, rounds, [_run(store, runs, next(files)) for _ in range(2 * rounds)]
            )


@contextmanager
def _opened() -> Iterator[tuple[Store, LocalRuns]]:
    with own_home() as home:
        os.environ.update({"SAFT_HOME": str(home), "SUPABASE_DB_URL": ""})
        settings = load()
        with closing(open_store(settings)) as store, local_runs(settings) as runs:
            yield store, runs


def _compared(what: str, rounds: int, prepared: Sequence[Callable[[], None]]) -> Ratio:
    waiting = iter(prepared)

    def without() -> None:
        with (
            patch("saft_pipeline.loading.read.Checker", _NoChecker),
            patch.object(Evaluations, "of", return_value=()),
            patch.object(Evaluations, "finish", return_value=()),
        ):
            next(waiting)()

    checked, unchecked = in_turn(rounds, lambda: next(waiting)(), without)
    note = f"{1000 * median(checked):,.0f} ms over {1000 * median(unchecked):,.0f}"
    ratio = ratio_of(checked, unchecked)
    return Ratio(f"{what}, checked over unchecked", ratio, _WANTED, most=True, note=note)


def _run(store: Store, runs: LocalRuns, paths: Sequence[Path]) -> Callable[[], None]:
    """A run that is yet to begin, of files that were never loaded."""
    seen = [local_file(path) for path in paths]
    store.observe(LOCAL, seen, whole=False)
    ids = [store.files(source=LOCAL, path=each.path)[0].id for each in seen]
    owner = f"bench {ids[0]}"
    files = store.claim(owner, lease=timedelta(hours=1), ids=ids)
    (request,) = run_requests(runs.instance, {owner: files})

    def run() -> None:
        runs.execute(request)
        states = {file.status for file in store.files(ids=ids)}
        assert states == {"loaded"}, f"what failed is no measure: {states}"

    return run


def _tiny(folder: Path, each: int) -> Files:
    first = 10_000 * each
    for number in count():
        part = folder / str(number)
        part.mkdir(parents=True)
        write_tiny(part, each, first + number * each)
        yield list(part.iterdir())


def _large(folder: Path) -> Files:
    for number in count(1):
        path = folder / f"{number}.xml"
        with path.open("wb") as file:
            write_large(file, _MEGABYTES)
            file.write(b"\n" * number)  # other bytes each time
        yield [path]
