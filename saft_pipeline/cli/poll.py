"""`saft poll`: ticks of the real sensor and their runs, in this process, to the end."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from saft_pipeline.cli.output import CannotRunError, finish, words
from saft_pipeline.settings import Settings, load

if TYPE_CHECKING:
    from saft_pipeline.local_runs import LocalRuns
    from saft_pipeline.store.store import Store


@dataclass
class Polled:
    """What the command did, as `--json` prints it."""

    listed: int = 0
    loaded: int = 0
    failed: int = 0
    pending: int = 0
    incomplete: int = 0
    seconds: float = 0.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("poll")(poll)


def poll(
    drain: Annotated[bool, typer.Option("--drain", help="Until nothing is pending.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Look at the SFTP folder once and load what is new."""
    started = time.perf_counter()
    settings = _settings(drain=drain)
    from saft_pipeline.local_runs import local_runs
    from saft_pipeline.stores import open_store

    store = open_store(settings)
    with local_runs(settings) as runs:
        done = _poll(settings, store, runs, drain=drain)
    store.close()
    done.seconds = round(time.perf_counter() - started, 3)
    sentence = (
        f"{done.listed:,} listed, {done.loaded:,} loaded, {done.failed:,} failed, "
        f"{done.incomplete:,} incomplete, {done.pending:,} pending, {done.seconds:.1f} s"
    )
    finish(asdict(done), sentence, as_json=as_json, failed=done.failed > 0)


def _settings(*, drain: bool) -> Settings:
    # The sensor and the runs load their settings from the environment of this process.
    os.environ.setdefault("LOG_LEVEL", "critical")
    if drain:
        os.environ["MAX_FILES_PER_BATCH"] = "0"
    settings = load()
    settings.require_sftp()
    return settings


def _poll(settings: Settings, store: Store, runs: LocalRuns, *, drain: bool) -> Polled:
    done = Polled()
    while True:
        done.listed = _tick(runs)
        for run_id in runs.run_waiting():
            _count(done, store, run_id)
        counts = store.counts(settings.source)
        done.pending = counts.get("pending", 0)
        if not drain or not (done.pending or counts.get("running", 0)):
            return done
        if not done.pending:
            words.print(f"{counts['running']:,} files are with another run; waiting")
            time.sleep(2)


def _tick(runs: LocalRuns) -> int:
    tick = runs.tick()
    if tick.cursor is None or (tick.skip_reason or "").startswith("tried again"):
        raise CannotRunError(tick.skip_reason or "the sensor did not finish its tick")
    return int(json.loads(tick.cursor)["listed"])


def _count(done: Polled, store: Store, run_id: str) -> None:
    files = store.files(run_id=run_id)
    done.loaded += sum(f.status == "loaded" for f in files)
    done.failed += sum(f.status in ("failed", "gone", "unreadable") for f in files)
    done.incomplete += sum(f.status == "incomplete" for f in files)
