"""`saft parse`, `saft ingest`, `saft status` and `saft retry`: commands about single files."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saft_pipeline.cli.output import (
    CannotRunError,
    answer,
    file_line,
    finish,
    print_json,
    print_json_rows,
    quiet,
    say,
    show,
    words,
)
from saft_pipeline.dagster_runtime.garbage import gc_frozen
from saft_pipeline.durations import format_duration
from saft_pipeline.settings import Settings, load

if TYPE_CHECKING:
    from saft_pipeline.store.model import LedgerFile, Seen
    from saft_pipeline.store.store import Store

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]
OfSource = Annotated[str | None, typer.Option("--source", help="Only files of this source.")]

# In the order in which they want looking at.
State = StrEnum("State", "failed unreadable gone incomplete running pending loaded")
# What else may become of a file that `ingest` is given is a failure.
_ENDS = ("loaded", "incomplete", "running")
_SHOWN = 50
_LOOK_EVERY = 2.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (ingest, parse, status, retry):
        app.command(command.__name__)(command)


def parse(file: Annotated[Path, typer.Argument(help="A SAF-T (PT) file.")]) -> None:
    """Print what a file says as NDJSON, one record a line."""
    from saft_pipeline.loading.archives import ArchiveError, unpacked_here
    from saft_pipeline.saft.parallel import ndjson
    from saft_pipeline.saft.reader import read

    gc.disable()  # reading makes no cycles, and the search takes a tenth of its time
    try:
        for name, path in unpacked_here(file):
            with read(path, name=name) as document:
                for lines in ndjson(document):
                    sys.stdout.buffer.write(lines)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except ArchiveError as error:
        raise CannotRunError(f"{file}: {error}") from None
    except OSError as error:
        raise CannotRunError(f"{file}: {error.strerror or error}") from None


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Local SAF-T files.")], as_json: AsJson = False
) -> None:
    """Load local files through the same assets, without SFTP."""
    started = time.perf_counter()
    settings = quiet(load())
    seen = list({s.path: s for path in paths for s in _seen(path)}.values())
    with gc_frozen():
        from saft_pipeline.dagster_runtime.in_process import local_runs
        from saft_pipeline.loading.sources import LOCAL
        from saft_pipeline.store.opening import open_store

    store = open_store(settings)
    store.observe(LOCAL, seen, whole=False)
    files = [store.files(source=LOCAL, path=s.path)[0] for s in seen]
    with local_runs(settings) as runs:
        runs.end_dead(store)
        _claim_and_run(settings, store, runs, files)
    after = [store.files(source=LOCAL, path=s.path)[0] for s in seen]
    store.close()
    _tell(after, time.perf_counter() - started, as_json=as_json)


def _seen(path: Path) -> list[Seen]:
    from saft_pipeline.loading.archives import ArchiveError
    from saft_pipeline.loading.local_files import local_files

    try:
        return local_files(path)
    except ArchiveError as error:
        raise CannotRunError(f"{path}: {error}") from None
    except OSError as error:
        raise CannotRunError(f"{path}: {error.strerror}") from None


def _claim_and_run(settings: Settings, store: Store, runs: Any, files: list[LedgerFile]) -> None:
    from saft_pipeline.dagster_runtime.submission import run_requests

    owner = f"ingest-{os.getpid()}-{time.time_ns()}"
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
        "files": [_row(f) for f in files],
    }
    counts = ", ".join(f"{ends[n]:,} {n}" for n in ("loaded", "failed", "incomplete"))
    counts += f", {ends['running']:,} with another run" if ends["running"] else ""
    failed = ends["loaded"] < len(files)
    finish(document, f"{counts}, {seconds:.1f} s", as_json=as_json, failed=failed)


def status(
    path: Annotated[str | None, typer.Argument(help="One file, as the ledger names it.")] = None,
    state: Annotated[
        State | None,
        typer.Option(metavar="STATE", help=f"All files in one state: {', '.join(State)}."),
    ] = None,
    source: OfSource = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the ledger: files by state, with reasons and tries."""
    from saft_pipeline.store.opening import open_to_look
    from saft_pipeline.store.store import Store

    if watch and as_json:
        raise CannotRunError("--json prints one document; leave --watch out")
    settings = load()
    with closing(Store(open_to_look(settings), settings.batch_size)) as store:
        while True:
            if watch and answer.is_terminal:
                answer.clear()
            _status(settings, store, path, state, source, as_json=as_json)
            if not watch:
                return
            time.sleep(_LOOK_EVERY)


def _status(
    settings: Settings,
    store: Store,
    path: str | None,
    state: State | None,
    source: str | None,
    *,
    as_json: bool,
) -> None:
    from saft_pipeline.store.opening import where

    counts = store.counts(source)
    waiting = store.backlog(source, settings.incomplete_after).oldest_pending_seconds
    backlog = {"pending": counts.get("pending", 0), "oldest_pending_seconds": waiting}
    head = {"database": where(settings), "counts": counts, "backlog": backlog}
    if as_json and not path:
        every = (_row(f) for page in store.pages(source=source, state=state) for f in page)
        print_json_rows(head, "files", every)
        return
    if path or state:
        files = store.files(source=source, state=state, path=path)
    else:
        files = [f for s in State for f in store.files(source=source, state=s, limit=_SHOWN)]
    if path and not files:
        raise CannotRunError(f"{path}: not in the ledger; `saft status` lists what is")
    if as_json:
        print_json({**head, "files": [_row(f) for f in files]})
        return
    say(f"in {where(settings)}:")
    known = [s for s in State if counts.get(s)]
    say(", ".join(f"{counts[s]:,} {s}" for s in known) or _nothing(settings, source))
    if waiting is not None:
        lasted = format_duration(waiting)
        say(f"{counts.get('pending', 0):,} wait to be loaded, the oldest for {lasted}")
    _list(files, whole=path is not None)
    if not (path or state):
        for more in (s for s in known if counts[s] > _SHOWN):
            say(f"the newest {_SHOWN} that are {more}; all of them: saft status --state {more}")


def _nothing(settings: Settings, source: str | None) -> str:
    if source is None:
        return "the ledger is empty"
    names = ", ".join(each.source for each in settings.sources)
    return f"no file of {source} in the ledger; sources: {names}"


def _list(files: Sequence[LedgerFile], *, whole: bool) -> None:
    """A line for each file, its path last; below it what it is not loaded for, and its warnings."""
    if not files:
        return
    show(_line("state", "version", "tries", "invoices", "lines", "file"))
    alone = len({f.source for f in files}) == 1
    for f in files:
        name = f.path if alone else f"{f.source}: {f.path}"
        show(_line(f.status, f.version, f.attempts, f.total_invoices, f.total_lines, name))
        if f.error:
            show(f"    {f.error.removeprefix(f.path + ':')}")
        if f.status == "loaded" and f.total_invoices == 0:
            show("    it holds no invoices: nothing came into the tables")
        if f.next_attempt_at:
            show(f"    tried again after {f.next_attempt_at.astimezone():%Y-%m-%d %H:%M}")
        for warning in f.warnings if whole else ():
            place = f"line {warning['line']}: " if warning.get("line") else ""
            show(f"    {place}{warning['code']}: {warning['message']}")


def _line(*cells: object) -> str:
    state, version, tries, invoices, lines, file = ("" if c is None else str(c) for c in cells)
    return f"{state:10} {version:>7} {tries:>5} {invoices:>8} {lines:>9}  {file}"


def _row(file: LedgerFile) -> dict[str, Any]:
    names = (
        "id source path version filename branch size modified_at status attempts next_attempt_at "
        "error warnings run_id company_id total_invoices total_lines first_seen_at loaded_at"
    )
    return {name: getattr(file, name) for name in names.split()}


def retry(
    paths: Annotated[
        list[str] | None, typer.Argument(help="Files as the ledger names them.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All failed files.")] = False,
    source: OfSource = None,
    as_json: AsJson = False,
) -> None:
    """Take failed files again, at the next poll."""
    if bool(paths) == failed:
        raise CannotRunError("name the files to take again, or say --failed for all that failed")
    from saft_pipeline.loading.sources import LOCAL
    from saft_pipeline.store.opening import open_store

    store = open_store(load())
    files = store.retry(paths=paths if paths else None, source=source)
    store.close()
    local = [f.path for f in files if f.source == LOCAL]
    missed = sorted(set(paths or ()) - {f.path for f in files})
    document = {"pending": len(files), "files": [f.path for f in files]}
    for path in missed:
        say(f"{path}: not taken: not in the ledger, loaded, or with a run; see: saft status")
    for path in local:
        say(f"{path}: a file of this machine, which no poll takes: saft ingest {path}")
    sentence = f"files that wait for the next poll (saft poll): {len(files) - len(local):,}"
    finish(document, sentence, as_json=as_json, failed=bool(missed))
