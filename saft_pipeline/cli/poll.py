"""`saft poll`: ticks of the real sensor and their runs, in this process, to the end."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from importlib.abc import MetaPathFinder
from signal import SIGINT, SIGTERM, default_int_handler, signal
from threading import Thread, current_thread
from typing import TYPE_CHECKING, Annotated

import typer

from saft_pipeline.cli.output import AsJson, CannotRunError, file_line, finish, progress, quiet, say
from saft_pipeline.cli.running import uninterrupted
from saft_pipeline.dagster_runtime.garbage import gc_frozen, hand_back_freed_memory
from saft_pipeline.dagster_runtime.home import start_history
from saft_pipeline.settings import Settings, load

if TYPE_CHECKING:
    from saft_pipeline.dagster_runtime.in_process import LocalRuns
    from saft_pipeline.dagster_runtime.sensor_ticks import Tick
    from saft_pipeline.store.store import Store

_TURN_SECONDS = 0.0005
_LOOK_SECONDS = 0.02
_IDLE_LOOKS = 15  # a login is waited for, too


@dataclass
class Polled:
    """What the command did, as `--json` prints it."""

    listed: int = 0
    loaded: int = 0
    failed: int = 0
    pending: int = 0
    incomplete: int = 0
    seconds: float = 0.0


def poll(
    drain: Annotated[bool, typer.Option("--drain", help="Until nothing is pending.")] = False,
    source: Annotated[str | None, typer.Option(help="One of the sources alone.")] = None,
    as_json: AsJson = False,
) -> None:
    """Look at the SFTP folders once and load what is new."""
    started = time.perf_counter()
    hand_back_freed_memory()
    # Dagster gives SIGTERM the handler of SIGINT: none where a shell runs this behind itself.
    for number in (SIGINT, SIGTERM):
        signal(number, default_int_handler)
    settings = _settings(source, drain=drain)
    with _begun(settings) as opening:
        with uninterrupted(), gc_frozen(), _giving_way(settings):
            from saft_pipeline.dagster_runtime.in_process import local_runs
        # Not after the round: what is wrong with Dagster need not wait for servers.
        with local_runs(settings) as runs, _cancelled(runs):
            store = opening.result()
            done = _poll(settings, store, runs, drain=drain)
    store.close()
    done.seconds = round(time.perf_counter() - started, 3)
    sentence = (
        f"{done.listed:,} listed, {done.loaded:,} loaded, {done.failed:,} failed, "
        f"{done.incomplete:,} incomplete, {done.pending:,} pending, {done.seconds:.1f} s"
    )
    finish(asdict(done), sentence, as_json=as_json, failed=done.failed > 0)


def _settings(source: str | None, *, drain: bool) -> Settings:
    settings = quiet(load())
    settings = settings.only(source) if source else settings
    settings.require_sources()
    return settings.without_limit() if drain else settings


@contextmanager
def _begun(settings: Settings) -> Iterator[Future[Store]]:
    """Go the first round while Dagster is imported, which takes longer; gives the store.

    Whatever ends the block early, the files of runs that never began are the next poll's.
    """
    from saft_pipeline.loading.ahead import begin_ahead, shared_ahead
    from saft_pipeline.loading.rounds import rounds_of
    from saft_pipeline.store.opening import shared_store

    rounds = rounds_of(settings.home)
    opening: Future[Store] = Future()

    def go() -> None:
        try:
            store = shared_store(settings)
            if found := rounds.go_early(settings, store):
                begin_ahead(found.claims, settings, store)
            opening.set_result(store)
        except BaseException as error:
            opening.set_exception(error)

    def prepare() -> None:
        with suppress(Exception):  # who opens the history meets it again, and tells of it
            start_history(settings)

    rounds.begin(settings)
    # A server that doesn't answer must not keep the process from its end.
    Thread(target=prepare, name="history", daemon=True).start()
    Thread(target=go, name="first round", daemon=True).start()
    try:
        yield opening
    except BaseException:
        rounds.give_back()
        shared_ahead(settings).abort()
        raise


@contextmanager
def _giving_way(settings: Settings) -> Iterator[None]:
    """Threads that wait for servers get their turn soon: else each answer waits 5 ms for one.

    One that takes in a large file goes before what the block imports, which is as well done while
    that is read by other processes.
    """
    from saft_pipeline.loading.ahead import shared_ahead

    ahead, before = shared_ahead(settings), sys.getswitchinterval()
    waiting = ImportsAfter(lambda: ahead.takes_large_file)
    sys.setswitchinterval(_TURN_SECONDS)
    sys.meta_path.insert(0, waiting)
    try:
        yield
    finally:
        sys.meta_path.remove(waiting)
        sys.setswitchinterval(before)


class ImportsAfter(MetaPathFinder):
    """Has this thread's imports wait while others work, as long as they keep a processor busy."""

    def __init__(self, others_work: Callable[[], bool]) -> None:
        self._others_work = others_work
        self._thread = current_thread()
        self._looks = _IDLE_LOOKS

    def find_spec(self, *_: object) -> None:
        """Wait; where a module is found, others know."""
        while self._looks and current_thread() is self._thread and self._others_work():
            before = time.process_time()
            time.sleep(_LOOK_SECONDS)
            self._looks -= time.process_time() - before < _LOOK_SECONDS / 2


def _poll(settings: Settings, store: Store, runs: LocalRuns, *, drain: bool) -> Polled:
    done, said = Polled(), set[str]()
    waited = False
    while True:
        tick = _tick(runs)
        figures = json.loads(tick.cursor or "{}")
        done.listed = int(figures["listed"])
        for problem in figures["problems"]:
            if problem not in said:
                say(problem)
        said.update(figures["problems"])
        _execute(done, store, runs, len(tick.run_ids))
        counts = [store.counts(each.source) for each in settings.sources]
        done.pending = sum(each.get("pending", 0) for each in counts)
        elsewhere = sum(each.get("running", 0) for each in counts)
        if not drain or not (done.pending or elsewhere):
            _say_what_stays(settings, store)
            return done
        if not done.pending:
            if not waited:
                say(f"{elsewhere:,} files are with another run; waiting for it")
            waited = True
            time.sleep(2)


def _tick(runs: LocalRuns) -> Tick:
    from saft_pipeline.loading.rounds import GOES_ON

    tick = runs.tick()
    while tick.cursor is None and GOES_ON in (tick.skip_reason or ""):
        say(tick.skip_reason or "")
        tick = runs.tick()
    if tick.cursor is None or (tick.skip_reason or "").startswith("tried again"):
        raise CannotRunError(
            tick.skip_reason or "the sensor did not finish its tick; poll again, or see: saft check"
        )
    return tick


def _execute(done: Polled, store: Store, runs: LocalRuns, total: int) -> None:
    """Execute the runs that wait; one that failed and settled no file met a fault that stays.

    What became of the files of one is told while the next works.
    """
    with progress() as bar, ThreadPoolExecutor(1) as telling:
        task = bar.add_task("loading", total=total)
        counted = []
        for run_id in runs.run_waiting():
            counted.append((run_id, telling.submit(_count, done, store, run_id)))
            bar.advance(task)
        stuck = [run_id for run_id, count in counted if not count.result()]
    if reasons := [reason for run_id in stuck for reason in _reason(runs, run_id)]:
        raise CannotRunError(reasons[0])


def _say_what_stays(settings: Settings, store: Store) -> None:
    for source in settings.sources:
        left = store.uncleared(source.source, timedelta(0)) if source.after_load != "keep" else []
        if left:
            say(
                f"{len(left):,} loaded files stay on the server though AFTER_LOAD is "
                f"{source.after_load}, {left[0].path} first: it is tried again by later polls; "
                "saft check says whether this user may move and delete files"
            )


@contextmanager
def _cancelled(runs: LocalRuns) -> Iterator[None]:
    """Whatever ends the block early, runs that never began are cancelled, if that can be noted."""
    try:
        yield
    except BaseException:
        with suppress(Exception):
            for run in runs.waiting:
                runs.instance.report_run_canceled(run, "saft poll was stopped before it began")
        runs.waiting.clear()
        raise


def _reason(runs: LocalRuns, run_id: str) -> list[str]:
    from saft_pipeline.dagster_runtime.runs import reason

    run = runs.instance.get_run_by_id(run_id)
    return [reason(runs.instance, run_id)] if run and not run.is_success else []


def _count(done: Polled, store: Store, run_id: str) -> int:
    files = store.files(run_id=run_id)
    if files:
        say("\n".join(map(file_line, reversed(files))))
    done.loaded += sum(f.status == "loaded" for f in files)
    done.failed += sum(f.status in ("failed", "gone", "unreadable") for f in files)
    done.incomplete += sum(f.status == "incomplete" for f in files)
    return len(files)
