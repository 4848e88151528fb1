"""`saft parse`, `saft ingest` and `saft retry`: commands about single files."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saft_pipeline.cli.output import (
    AsJson,
    CannotRunError,
    OfSource,
    OneOfLedger,
    file_line,
    file_row,
    finish,
    nothing_of,
    quiet,
    say,
    words,
)
from saft_pipeline.cli.parse import write_ndjson
from saft_pipeline.cli.running import uninterrupted
from saft_pipeline.dagster_runtime.garbage import gc_frozen, hand_back_freed_memory
from saft_pipeline.settings import Settings, load

if TYPE_CHECKING:
    from saft_pipeline.store.model import LedgerFile, SeenFile
    from saft_pipeline.store.store import Store

# What else may become of a file that `ingest` is given is a failure.
_ENDS = ("loaded", "incomplete", "running")


def parse(file: Annotated[Path, typer.Argument(help="A SAF-T (PT) file.")]) -> None:
    """Print what a file says as NDJSON, one record a line."""
    write_ndjson(file)


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Local SAF-T files.")], as_json: AsJson = False
) -> None:
    """Load local files through the same assets, without SFTP."""
    started = time.perf_counter()
    hand_back_freed_memory()
    settings = quiet(load())
    seen = {s.path: s for path in paths for s in _seen(path)}
    with uninterrupted(), gc_frozen():
        from saft_pipeline.dagster_runtime.in_process import local_runs
        from saft_pipeline.loading.sources import LOCAL
        from saft_pipeline.store.opening import shared_store

    store = shared_store(settings)
    store.observe(LOCAL, list(seen.values()), whole=False)
    files = _in_ledger(store, seen)
    with local_runs(settings) as runs:
        runs.end_dead(store)
        _claim_and_run(settings, store, runs, files)
    after = _in_ledger(store, seen)
    store.close()
    _tell(after, time.perf_counter() - started, as_json=as_json)


def _seen(path: Path) -> list[SeenFile]:
    from saft_pipeline.loading.archives import ArchiveError
    from saft_pipeline.loading.local_files import local_files

    try:
        return local_files(path)
    except ArchiveError as error:
        raise CannotRunError(f"{path}: {error}") from None
    except OSError as error:
        raise CannotRunError(f"{path}: {error.strerror}") from None


def _in_ledger(store: Store, paths: Iterable[str]) -> list[LedgerFile]:
    """The newest versions of local files."""
    from saft_pipeline.loading.sources import LOCAL
    from saft_pipeline.store.model import file_key

    keys = [file_key(LOCAL, path) for path in paths]
    found = {file.key: file for file in store.files(keys=keys)}
    return [found[key] for key in keys]


def _claim_and_run(settings: Settings, store: Store, runs: Any, files: list[LedgerFile]) -> None:
    from saft_pipeline.dagster_runtime.submission import run_requests
    from saft_pipeline.store.owners import is_left, new_owner

    for other in {f.claimed_by for f in files if f.claimed_by and is_left(f.claimed_by)}:
        store.renew(other, timedelta(0))
    owner = new_owner(of_this=True)
    claimed = store.claim(owner, lease=settings.lease, ids=[f.id for f in files])
    if busy := len(files) - len(claimed):
        say(f"files that another run is loading: {busy:,}; see: saft status")
    if claimed:
        (request,) = run_requests(runs.instance, {owner: claimed})
        with words.status(f"loading {len(claimed):,} files"):
            runs.execute(request)


def _tell(files: list[LedgerFile], seconds: float, *, as_json: bool) -> None:
    for file in files:
        say(file_line(file))
    ends = Counter(f.status if f.status in _ENDS else "failed" for f in files)
    document = {
        **{end: ends[end] for end in (*_ENDS, "failed")},
        "invoices": sum(f.total_invoices or 0 for f in files),
        "lines": sum(f.total_lines or 0 for f in files),
        "seconds": round(seconds, 3),
        "files": [file_row(f) for f in files],
    }
    counts = ", ".join(f"{ends[n]:,} {n}" for n in ("loaded", "failed", "incomplete"))
    counts += f", {ends['running']:,} with another run" if ends["running"] else ""
    failed = ends["loaded"] < len(files)
    finish(document, f"{counts}, {seconds:.1f} s", as_json=as_json, failed=failed)


def retry(
    paths: Annotated[list[str] | None, OneOfLedger] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All failed files.")] = False,
    source: OfSource = None,
    as_json: AsJson = False,
) -> None:
    """Take failed files again, at the next poll."""
    if bool(paths) == failed:
        raise CannotRunError("name the files to take again, or say --failed for all that failed")
    from saft_pipeline.loading.sources import LOCAL
    from saft_pipeline.store.opening import open_store

    settings = load()
    with closing(open_store(settings)) as store:
        files = store.retry(paths=paths or None, source=source)
        is_known = source is None or bool(store.counts(source))
    if not is_known:
        raise CannotRunError(nothing_of(settings, source))
    local = [f.path for f in files if f.source == LOCAL]
    missed = sorted(set(paths or ()) - {f.path for f in files})
    document = {"pending": len(files), "files": [f.path for f in files]}
    for path in missed:
        say(f"{path}: not taken: not in the ledger, loaded, or with a run; see: saft status")
    for path in local:
        say(f"{path}: a file of this machine, which no poll takes: saft ingest {path}")
    sentence = f"files that wait for the next poll (saft poll): {len(files) - len(local):,}"
    finish(document, sentence, as_json=as_json, failed=bool(missed))
