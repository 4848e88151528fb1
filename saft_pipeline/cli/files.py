"""`saft parse`, `saft ingest`, `saft status` and `saft retry`: commands about single files."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from saft_pipeline.cli.output import CannotRunError, answer, finish, print_json, words
from saft_pipeline.settings import Settings, load

if TYPE_CHECKING:
    from saft_pipeline.store.model import LedgerFile, Seen
    from saft_pipeline.store.store import Store

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (ingest, parse, status, retry):
        app.command(command.__name__)(command)


def parse(file: Annotated[Path, typer.Argument(help="A SAF-T (PT) file.")]) -> None:
    """Print what a file says as NDJSON: header, customers, invoices with lines, totals."""
    from saft_pipeline.saft.ndjson import to_json
    from saft_pipeline.saft.reader import read

    try:
        with read(file, name=str(file)) as document:
            for record in document:
                sys.stdout.buffer.write(to_json(record))
        sys.stdout.buffer.flush()
    except OSError as error:
        raise CannotRunError(f"{file}: {error.strerror}") from None


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Local SAF-T files.")], as_json: AsJson = False
) -> None:
    """Load local files through the same assets, without the SFTP server."""
    started = time.perf_counter()
    os.environ.setdefault("LOG_LEVEL", "critical")
    settings = load()
    seen = [_seen(path) for path in paths]
    from saft_pipeline.local_runs import local_runs
    from saft_pipeline.sources import LOCAL
    from saft_pipeline.stores import open_store

    store = open_store(settings)
    store.observe(LOCAL, seen, whole=False)
    files = [store.files(source=LOCAL, path=s.path)[0] for s in seen]
    with local_runs(settings) as runs:
        _claim_and_run(settings, store, runs, files)
    after = [store.files(source=LOCAL, path=s.path)[0] for s in seen]
    store.close()
    _tell(after, time.perf_counter() - started, as_json=as_json)


def _seen(path: Path) -> Seen:
    from saft_pipeline.saft.filename import branch_of
    from saft_pipeline.store.model import Seen

    try:
        stat = path.stat()
    except OSError as error:
        raise CannotRunError(f"{path}: {error.strerror}") from None
    return Seen(
        path=str(path.absolute()),
        filename=path.name,
        branch=branch_of(path.name),
        size=stat.st_size,
        modified_at=datetime.fromtimestamp(int(stat.st_mtime), UTC),
    )


def _claim_and_run(settings: Settings, store: Store, runs: Any, files: list[LedgerFile]) -> None:
    from saft_pipeline import partitions
    from saft_pipeline.assets import CLAIM_TAG

    owner = f"ingest-{os.getpid()}-{time.time_ns()}"
    lease = timedelta(seconds=settings.lease_seconds)
    claimed = store.claim(owner, lease=lease, ids=[f.id for f in files])
    if len(claimed) < len(files):
        words.print(f"{len(files) - len(claimed)} files are being loaded by another run")
    keys = [partitions.partition_key(f.path, f.key) for f in claimed]
    if keys:
        runs.instance.add_dynamic_partitions(str(partitions.files.name), keys)
        for _ in runs.run_partitions(keys, {CLAIM_TAG: owner}):
            pass


def _tell(files: list[LedgerFile], seconds: float, *, as_json: bool) -> None:
    bad = [f for f in files if f.status != "loaded"]
    for file in bad:
        words.print(f"{file.status}: {file.error}", markup=False, soft_wrap=True)
    loaded = len(files) - len(bad)
    document = {
        "loaded": loaded,
        "failed": len(bad),
        "invoices": sum(f.total_invoices or 0 for f in files),
        "lines": sum(f.total_lines or 0 for f in files),
        "seconds": round(seconds, 3),
        "files": [_row(f) for f in files],
    }
    sentence = f"{loaded} loaded, {len(bad)} failed, {seconds:.1f} s"
    finish(document, sentence, as_json=as_json, failed=bool(bad))


def status(
    path: Annotated[str | None, typer.Argument(help="One file, as the ledger names it.")] = None,
    state: Annotated[str | None, typer.Option(help="Only files in this state.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the ledger: files by state, with reasons and attempts."""
    from saft_pipeline.stores import open_store

    store = open_store(load())
    counts = store.counts()
    files = store.files(state=state, path=path, limit=None if as_json else 50)
    store.close()
    if path and not files:
        raise CannotRunError(f"{path}: not in the ledger; `saft status` lists what is")
    if as_json:
        print_json({"counts": counts, "files": [_row(f) for f in files]})
        return
    summary = ", ".join(f"{n:,} {s}" for s, n in counts.items() if n)
    words.print(summary or "the ledger is empty")
    answer.print(_table(files))
    if len(files) == 50:
        words.print("the newest 50; --json has all, --state or a path chooses")


def _table(files: list[LedgerFile]) -> Table:
    table = Table("file", "version", "state", "tries", "invoices", "lines", "reason", box=None)
    for f in files:
        cells = (f.path, f.version, f.status, f.attempts, f.total_invoices, f.total_lines, f.error)
        table.add_row(*("" if c is None else str(c) for c in cells))
    return table


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
    as_json: AsJson = False,
) -> None:
    """Take failed files again, at the next poll."""
    if bool(paths) == failed:
        raise CannotRunError("name the files to take again, or say --failed for all that failed")
    from saft_pipeline.stores import open_store

    store = open_store(load())
    files = store.retry(paths=paths if paths else None)
    store.close()
    document = {"pending": len(files), "files": [f.path for f in files]}
    sentence = f"{len(files)} files wait for the next poll (`saft poll` does it now)"
    finish(
        document, sentence, as_json=as_json, failed=bool(paths) and len(files) < len(paths or ())
    )
