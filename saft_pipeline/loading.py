"""A group of claimed files on its way to the tables: fetched, kept, read, staged, published.

Each stage goes over the whole group; a file that fails leaves the group with its reason in the
ledger and the others go on. Nothing here knows of Dagster.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from saft_pipeline import __version__
from saft_pipeline.artifacts import Artifacts
from saft_pipeline.saft.errors import IncompleteError, SaftError
from saft_pipeline.saft.fields import INVOICE_FIELDS
from saft_pipeline.saft.ndjson import to_json
from saft_pipeline.saft.reader import read
from saft_pipeline.saft.records import Header, Invoice, Totals
from saft_pipeline.settings import Settings
from saft_pipeline.sftp.client import Fetched
from saft_pipeline.sources import Arrival, Source, source_of
from saft_pipeline.store.model import Content, Failure, LedgerFile, Outcome, Publication
from saft_pipeline.store.spool import FileRows
from saft_pipeline.store.store import Store

_log = logging.getLogger(__name__)

TABLES = ("companies", "customers", "invoices", "invoice_lines")

_TYPE = INVOICE_FIELDS.index("invoice_type")

GROUP_FILES = 100
GROUP_BYTES = 32 << 20
MAX_ATTEMPTS = 6

Item = TypeVar("Item")
Made = TypeVar("Made")
Failed = Literal["failed", "incomplete", "gone", "unreadable"]
_STATE_OF: dict[str, Failed] = {"gone": "gone", "changed": "incomplete", "unreadable": "unreadable"}


@dataclass
class Load:
    """One file on its way; `error` says why it got no further, `state` what that makes of it.

    `types` are its invoices by InvoiceType; bytes that were loaded before are not read again, and
    have none.
    """

    file: LedgerFile
    fetched: Fetched | None = None
    owned: bool = True
    same_as: int | None = None
    rows: FileRows | None = None
    header: Header | None = None
    totals: Totals | None = None
    types: Counter[str] = field(default_factory=Counter)
    records: int = 0
    warnings: list[dict[str, Any]] = field(default_factory=list)
    outcome: Outcome | None = None
    error: str | None = None
    state: Failed | None = None
    passing: bool = False
    seconds: float = 0.0

    @property
    def loaded(self) -> bool:
        """Whether its rows are in the tables."""
        return self.outcome is not None and self.outcome.status == "loaded"

    @property
    def company_id(self) -> str | None:
        """Whose file it is, if it was read as far as its Header."""
        return self.header.values[0] if self.header else None

    @property
    def told(self) -> list[dict[str, Any]]:
        """The warnings that its card in the ledger's asset shows."""
        return self.outcome.warnings if self.outcome else self.warnings

    def discard(self) -> None:
        """Let go of the bytes and the spooled rows."""
        if self.rows is not None:
            self.rows.close()
            self.rows = None
        if self.fetched and self.owned and isinstance(self.fetched.content, Path):
            self.fetched.content.unlink(missing_ok=True)


def groups(files: Sequence[LedgerFile]) -> Iterator[list[LedgerFile]]:
    """Cut files into groups that share one fetch and one publish; a large file goes alone."""
    group: list[LedgerFile] = []
    size = 0
    for file in files:
        if group and (len(group) == GROUP_FILES or size + file.size > GROUP_BYTES):
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size
    if group:
        yield group


class Loader:
    """The stages, for the files claimed by one owner in one run."""

    def __init__(self, settings: Settings, store: Store, *, owner: str, run_id: str) -> None:
        self._settings = settings
        self._store = store
        self._owner = owner
        self._run_id = run_id
        self._sources: dict[tuple[str, str], Source] = {}
        self._open: list[Load] = []
        self.artifacts = Artifacts(settings.home)

    def fetch_and_read(self, files: Sequence[LedgerFile]) -> list[Load]:
        """All that comes before publishing, for a group."""
        loads = self.fetch(files)
        self.read(loads)
        return loads

    def fetch(self, files: Sequence[LedgerFile]) -> list[Load]:
        """Fetch a group and keep its bytes; those that came are recorded in the ledger."""
        spill = self._settings.home / "spill"
        spill.mkdir(parents=True, exist_ok=True)
        loads = {file.id: Load(file) for file in files}
        self._open += loads.values()
        try:
            for arrival in self._arrivals(files, spill):
                self._arrived(loads[arrival.file.id], arrival)
        except OSError as error:  # a full disk: what came is whole
            for load in loads.values():
                if load.fetched is None and load.error is None:
                    self._fail(load, f"{load.file.path}: {error}", "failed", passing=True)
        self._settle([load for load in loads.values() if load.error is None])
        return list(loads.values())

    def _arrivals(self, files: Sequence[LedgerFile], spill: Path) -> Iterator[Arrival]:
        for name in dict.fromkeys(f.source for f in files):
            of_source = [f for f in files if f.source == name]
            yield from self._source(name, "fetch").fetch(of_source, spill)

    def _arrived(self, load: Load, arrival: Arrival) -> None:
        load.owned = arrival.owned
        if not isinstance(arrival.result, Fetched):
            kind, reason = arrival.result.kind, arrival.result.reason
            self._fail(load, reason, _STATE_OF.get(kind, "failed"), passing=kind == "transient")
            return
        load.fetched = arrival.result
        try:
            with load.fetched.open() as source:
                self.artifacts.keep_raw(load.fetched.sha256, source)
        except OSError as error:
            self._fail(load, f"{load.file.path}: {error}", "failed", passing=True)

    def _settle(self, loads: Sequence[Load]) -> None:
        contents = [_content(load.file.id, load.fetched) for load in loads if load.fetched]
        settled = self._store.settle(self._owner, contents, __version__)
        moved = any(s.ledger_id != load.file.id for s, load in zip(settled, loads, strict=True))
        now = {f.id: f for f in self._store.claimed(self._owner)} if moved else {}
        for load, result in zip(loads, settled, strict=True):
            load.file = now.get(result.ledger_id, load.file)
            load.same_as = result.same_as

    def read(self, loads: Sequence[Load]) -> None:
        """Read each fetched file once: its NDJSON artifact and its rows, spooled for staging."""
        for load in loads:
            if load.error is None and not self._is_known(load):
                started = time.perf_counter()
                self._read_one(load)
                load.seconds = time.perf_counter() - started

    def _is_known(self, load: Load) -> bool:
        """Whether these bytes were loaded before and what was read of them is still kept."""
        assert load.fetched is not None
        return load.same_as is not None and self.artifacts.parsed_path(load.fetched.sha256).exists()

    def _read_one(self, load: Load) -> None:
        assert load.fetched is not None
        load.rows = FileRows(load.file.id)
        try:
            self._read_records(load, load.fetched, load.rows)
        except IncompleteError as error:
            self._fail(load, str(error), "incomplete")
        except SaftError as error:
            self._fail(load, str(error), "failed")
        except OSError as error:
            self._fail(load, f"{load.file.path}: {error}", "failed", passing=True)
        except Exception as error:
            _log.exception("%s", load.file.path)
            reason = f"{load.file.path}: a fault of saft_pipeline, please report it: {error!r}"
            self._fail(load, reason, "failed")

    def _read_records(self, load: Load, fetched: Fetched, rows: FileRows) -> None:
        with (
            fetched.open() as source,
            read(source, name=load.file.path) as document,
            self.artifacts.parsed(fetched.sha256) as parsed,
        ):
            for record in document:
                parsed.write(to_json(record))
                rows.write(record)
                load.records += 1
                if isinstance(record, Invoice):
                    load.types[record.values[_TYPE] or "no type"] += 1
                elif isinstance(record, Header):
                    load.header = record
                elif isinstance(record, Totals):
                    load.totals = record
            load.warnings = list(document.warnings)

    def stage(self, table: str, loads: Sequence[Load]) -> int:
        """Hand one table's rows of the group to the store, which sends them with `publish`."""
        fresh = [load for load in loads if load.error is None and load.same_as is None]
        return self._store.stage([load.rows.spools[table] for load in fresh if load.rows])

    def publish(self, loads: Sequence[Load]) -> None:
        """Make the group's rows visible together with their ledger rows, in one transaction.

        May go on in another thread while the next group is fetched and read.
        """
        ready = [load for load in loads if load.error is None]
        publications = [_publication(load) for load in ready]
        outcomes = self._store.publish(
            self._owner, publications, run_id=self._run_id, saft_version=__version__
        )
        for load, outcome in zip(ready, outcomes, strict=True):
            load.outcome = outcome
            load.error = outcome.error
            if outcome.status == "failed":
                reason = outcome.error or "not published"
                self._fail(load, reason, "failed", passing=outcome.passing)
        self._note_failures(loads)
        self._clear_away([load for load in ready if load.loaded])

    def _clear_away(self, loads: Sequence[Load]) -> None:
        by_id = {load.file.id: load for load in loads}
        for name in dict.fromkeys(load.file.source for load in loads):
            of_source = [load.file for load in loads if load.file.source == name]
            gone = []
            for file, problem in self._source(name, "clear").clear_away(of_source):
                if problem is None:
                    gone.append(file.id)
                else:
                    warning = {"code": "not_cleared", "message": problem, "line": None}
                    by_id[file.id].told.append(warning)
            self._store.departed(gone)

    def abandon(self, reason: str, *, passing: bool = False) -> None:
        """The run ends early: every file it still holds has failed with `reason`.

        If that is a fault that passes, they are tried again by themselves.
        """
        loads = [Load(file) for file in self._store.claimed(self._owner)]
        for load in loads:
            self._fail(load, reason, "failed", passing=passing)
        self._note_failures(loads)

    def discard(self, loads: Sequence[Load]) -> None:
        """Let go of what was fetched and read of a group."""
        for load in loads:
            load.discard()
        done = {id(load) for load in loads}
        self._open = [load for load in self._open if id(load) not in done]

    def close(self) -> None:
        """Let go of everything, and close the connections to where files came from."""
        self.discard(self._open)
        for source in self._sources.values():
            source.close()
        self._sources.clear()

    def _source(self, name: str, use: str) -> Source:
        """One for each use: clearing away goes on while the next group is fetched."""
        if (name, use) not in self._sources:
            self._sources[name, use] = source_of(name, self._settings)
        return self._sources[name, use]

    @staticmethod
    def _fail(load: Load, reason: str, state: Failed, *, passing: bool = False) -> None:
        load.error, load.state, load.passing = reason, state, passing

    def _note_failures(self, loads: Sequence[Load]) -> None:
        failures = [
            _failure(load, load.error, load.state) for load in loads if load.error and load.state
        ]
        self._store.fail(self._owner, failures, run_id=self._run_id)


def overlapped(
    items: Iterable[Item], first: Callable[[Item], Made], second: Callable[[Made], object]
) -> None:
    """`second(first(item))` for each item in order; the next `first` goes on meanwhile."""
    with ThreadPoolExecutor(1, "second") as pool:
        under_way: Future[object] | None = None
        for item in items:
            made = first(item)
            if under_way is not None:
                under_way.result()
            under_way = pool.submit(second, made)
        if under_way is not None:
            under_way.result()


def _failure(load: Load, reason: str, state: Failed) -> Failure:
    again = load.passing and load.file.attempts < MAX_ATTEMPTS
    after = timedelta(seconds=30 * 2**load.file.attempts) if again else None
    return Failure(load.file.id, reason, state, after)


def _content(ledger_id: int, fetched: Fetched) -> Content:
    modified = datetime.fromtimestamp(fetched.file.modified_at, UTC)
    return Content(ledger_id, fetched.sha256, fetched.file.size, modified)


def _publication(load: Load) -> Publication:
    if load.same_as is not None:
        return Publication(load.file.id, same_as=load.same_as)
    assert load.header is not None
    assert load.totals is not None
    assert load.rows is not None
    created = load.header.date_created
    counts = load.rows.counts
    return Publication(
        load.file.id,
        company_id=load.company_id,
        date_created=date.fromisoformat(created) if created else None,
        invoices=counts["invoices"],
        lines=counts["invoice_lines"],
        customers=counts["customers"],
        declared=load.totals.declared,
        computed=load.totals.computed,
        warnings=load.warnings,
    )
