"""Claimed files on their way to the tables: fetched, kept, read; and what became of each.

Each stage goes over a whole group; a file that fails leaves the group with its reason in the
ledger and the others go on. Who writes the group's rows (`GroupRows`) is not this.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from saft_pipeline import __version__
from saft_pipeline.loading.archives import splits
from saft_pipeline.loading.file_load import Arrived, Group, GroupRows, Load
from saft_pipeline.loading.read import FileToRead, Reading, RejectedState, Rejection, keep_raw
from saft_pipeline.loading.reader_process import FileReader, is_small
from saft_pipeline.loading.sftp_source import count_traffic, racy_from
from saft_pipeline.loading.sources import LOCAL, Source, source_of
from saft_pipeline.loading.spill import spill_folder
from saft_pipeline.loading.unpacking import Arrival
from saft_pipeline.saft.rules.checks import blocked
from saft_pipeline.settings import Settings
from saft_pipeline.sftp.client import Fetched
from saft_pipeline.sftp.open_connections import OPEN_CONNECTIONS
from saft_pipeline.store.model import Failure, FetchedContent, LedgerFile
from saft_pipeline.store.store import Store

MAX_ATTEMPTS = 6

# What a source is used for: each use has a connection of its own where the server allows it.
_FETCH, _CLEAR = "fetch", "clear"

_EMPTY = hashlib.sha256().hexdigest()

_STATE_OF: dict[str, RejectedState] = {
    "gone": "gone",
    "changed": "incomplete",
    "cut": "incomplete",
    "broken": "incomplete",
    "unreadable": "unreadable",
}
_TRIED_AGAIN = ("transient", "cut", "broken")


class Loader:
    """The stages, for the files claimed by one owner in one run; each may have its own thread."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        reader: FileReader,
        *,
        owner: str,
        run_id: str | None = None,
    ) -> None:
        """`run_id`: of the run, once there is one."""
        self._settings = settings
        self._store = store
        self._reader = reader
        self._owner = owner
        self.run_id = run_id
        self._sources: dict[tuple[str, str], Source] = {}
        self._beside: dict[str, Source] = {}
        self._open: dict[int, Load] = {}
        self._artifacts = reader.artifacts
        self._spill = spill_folder(settings.home)
        keys = settings.saft_public_keys
        self._keys = {program: path.expanduser().read_bytes() for program, path in keys}

    def next(self, owner: str) -> Loader | None:
        """One for the run after this one, with connections of its own where those are allowed."""
        fetched_from = {n: source for (n, use), source in self._sources.items() if use == _FETCH}
        if not all(source.allows_another for source in fetched_from.values()):
            return None
        loader = Loader(self._settings, self._store, self._reader, owner=owner)
        loader._beside = fetched_from
        return loader

    def renew(self) -> int:
        """Renew its claim; how many files it still has."""
        return self._store.renew(self._owner, self._settings.lease)

    def claimed(self) -> list[LedgerFile]:
        """The files of its claim, which is renewed."""
        self.renew()
        return self._store.claimed(self._owner)

    def fetch(self, files: Sequence[LedgerFile]) -> Arrived:
        """The bytes of a group's files, or why they could not be had. Raises SourceError."""
        loads = {file.id: Load(file) for file in files}
        self._open.update((id(load), load) for load in loads.values())
        began = time.time()
        try:
            for arrival in self._arrivals(files):
                self._arrived(loads[arrival.file.id], arrival)
        except OSError as error:  # a full disk: what came is whole
            if error.errno:
                error.filename = error.filename or str(self._spill)
            for load in loads.values():
                if load.fetched is None and load.rejection is None:
                    load.rejection = _fault(load, error)
        return Arrived(list(loads.values()), began)

    def read(self, arrived: Arrived) -> Group:
        """Record in the ledger what came of a group, and have it read."""
        loads, pack = arrived.loads, secrets.token_hex(16)
        came = [load for load in loads if load.rejection is None]
        self._record(came, pack, arrived.began)
        fresh = [load for load in loads if load.rejection is None and not self._is_known(load)]
        jobs = [
            FileToRead(x.file.id, x.file.path, x.fetched, x.pack == pack, self._spill, self._keys)
            for x in fresh
            if x.fetched
        ]
        return Group(loads, fresh, self._reader.read(jobs, pack))

    def finish_reading(self, group: Group) -> Sequence[Load]:
        """The group's files, with what each says; of known bytes that is not read again."""
        for load, reading in zip(group.under_way, group.readings.result(), strict=True):
            self._verify(reading)
            load.reading = reading
            load.rejection = reading.rejection or self._blocked(load, reading)
            if load.rejection and load.rejection.state == "incomplete":
                load.rejection = load.rejection._replace(transient=load.is_other)
        self._keep_companies_out(group.loads)
        return group.loads

    def _keep_companies_out(self, loads: Sequence[Load]) -> None:
        """A source brings files of its companies only; of known bytes the ledger knows whose."""
        sources = {each.source: each.companies for each in self._settings.sources}
        read = [x for x in loads if x.rejection is None and sources.get(x.file.source)]
        known = [x.same_as for x in read if x.same_as is not None]
        owners = {f.id: f.company_id for f in self._store.files(ids=known)} if known else {}
        for load in read:
            reading = load.reading.company_id if load.reading else None
            company, mine = reading or owners.get(load.same_as or 0), sources[load.file.source]
            if company not in mine:
                reason = (
                    f"{load.file.path}: it is of company {company}, and {load.file.source} brings "
                    f"files of {', '.join(mine)} only: see `companies` in SOURCES_FILE"
                )
                load.rejection = Rejection(reason, "failed")

    def _verify(self, reading: Reading) -> None:
        """Signatures that go on from a document of an earlier file, whose Hash the tables have."""
        if reading.key is None or reading.findings is None or not reading.unverified:
            return
        from saft_pipeline.saft.rules.signatures import Signatures, parsed

        signatures = Signatures(parsed(reading.key, "SAFT_PUBLIC_KEYS"))
        before = [each.before for each in reading.unverified]
        hashes = self._store.hashes(reading.company_id or "", before)
        for each in reading.unverified:
            if (known := hashes.get(each.before)) is not None:
                found = list(signatures.verify(each.values, each.line, known))
                reading.findings.settle("signature_open", each.line, found)

    def _blocked(self, load: Load, reading: Reading) -> Rejection | None:
        """Bytes that were loaded before are in the tables: there is nothing to keep out."""
        if reading.findings is None or load.same_as is not None:
            return None
        reason = blocked(load.file.path, reading.findings, self._settings.block_on)
        return Rejection(reason, "failed") if reason else None

    def _arrivals(self, files: Sequence[LedgerFile]) -> Iterator[Arrival]:
        for name in dict.fromkeys(f.source for f in files):
            of_source = [f for f in files if f.source == name]
            yield from self._source(name, _FETCH).fetch(of_source, self._spill)

    @staticmethod
    def _arrived(load: Load, arrival: Arrival) -> None:
        if isinstance(arrival.result, Fetched):
            load.fetched = arrival.result
            load.is_other = arrival.result.file.size != load.file.size
            if arrival.result.sha256 == _EMPTY:
                reason = f"{load.file.path}: it is empty as yet"
                load.rejection = Rejection(reason, "incomplete", load.is_other)
        elif arrival.result.kind == "broken" and _is_final(load.file, arrival.result.reason):
            load.rejection = Rejection(arrival.result.reason, "failed")
        else:
            kind, reason = arrival.result.kind, arrival.result.reason
            load.rejection = Rejection(reason, _STATE_OF.get(kind, "failed"), kind in _TRIED_AGAIN)

    def _record(self, loads: Sequence[Load], pack: str, began: float) -> None:
        racy = _racy_from(loads, began)
        small = {load.file.id for load in loads if load.fetched and is_small(load.fetched)}
        packs = dict.fromkeys(small, pack) if len(small) > 1 else {}
        contents = [
            _content(x.file.id, x.fetched, packs.get(x.file.id), racy[x.file.source])
            for x in loads
            if x.fetched
        ]
        settled = self._store.settle(self._owner, contents, __version__)
        moved = any(s.ledger_id != load.file.id for s, load in zip(settled, loads, strict=True))
        now = {f.id: f for f in self._store.claimed(self._owner)} if moved else {}
        for load, result in zip(loads, settled, strict=True):
            load.file = _as_fetched(now.get(result.ledger_id, load.file), load.fetched)
            load.same_as, load.pack = result.same_as, result.pack

    def _is_known(self, load: Load) -> bool:
        """Whether these bytes were loaded before and what was read of them is still kept."""
        assert load.fetched is not None
        sha256 = load.fetched.sha256
        if load.same_as is None or not self._artifacts.has("parsed", sha256, load.pack):
            return False
        if self._artifacts.has("raw", sha256, load.pack):
            return True
        try:
            keep_raw(load.fetched, self._artifacts)
            self._artifacts.flush()
        except OSError as error:
            load.rejection = _fault(load, error)
        return True

    def settle(self, rows: GroupRows) -> None:
        """Take in what publishing made of a group: what was not loaded failed, the rest may go."""
        for load, outcome in zip(rows.loads, rows.outcomes, strict=True):
            load.outcome = outcome
            if outcome.status != "loaded":
                reason = outcome.error or "not published"
                load.rejection = Rejection(reason, outcome.status, outcome.transient)
        self._note_failures(rows.group)
        self._clear_away([load for load in rows.loads if load.loaded])

    def _clear_away(self, loads: Sequence[Load]) -> None:
        by_id = {load.file.id: load for load in loads}
        for name in dict.fromkeys(load.file.source for load in loads):
            # A zip goes when all that is in it is loaded: see the poll.
            files = (load.file for load in loads if load.file.source == name)
            of_source = [file for file in files if not splits(file.path)]
            gone = []
            for file, problem in self._source(name, _CLEAR).clear_away(of_source):
                if problem is None:
                    gone.append(file.id)
                else:
                    warning = {"code": "not_cleared", "message": problem, "line": None}
                    by_id[file.id].warnings.append(warning)
            self._store.mark_removed(gone)

    def abandon(self, reason: str, *, transient: bool = False) -> None:
        """The run ends early: every file it still holds has failed with `reason`.

        If that is a fault that passes, they are tried again by themselves.
        """
        self._note_broken()
        rejection = Rejection(reason, "failed", transient)
        held = self._store.claimed(self._owner)
        self._note_failures([Load(file, rejection=rejection) for file in held])

    def give_up(self) -> None:
        """Somebody cancelled the run: what it has not finished is marked so, and nothing else."""
        self._note_broken()
        self._store.give_up(self._owner, run_id=self.run_id)

    def _note_broken(self) -> None:
        """Files that were found broken and not noted yet: no end of the run hides why."""
        found = [x for x in [*self._open.values()] if x.rejection and not x.rejection.transient]
        self._note_failures(found)

    def abort(self) -> None:
        """Give up what is on its way, at once: who waits for it meets an error."""
        OPEN_CONNECTIONS.abort()
        self._reader.abort()

    def discard(self, loads: Sequence[Load]) -> None:
        """Let go of what was fetched and read of a group."""
        for load in loads:
            load.discard()
            self._open.pop(id(load), None)

    def close(self) -> None:
        """Let go of everything, and close the connections to where files came from."""
        self.discard([*self._open.values()])
        for source in self._sources.values():
            source.close()
        self._sources.clear()
        count_traffic(self._store)

    def _source(self, name: str, use: str) -> Source:
        """One for each use: clearing away goes on while the next group is fetched."""
        if (name, use) not in self._sources:
            beside = self._sources.get((name, _FETCH)) or self._beside.get(name)
            self._sources[name, use] = source_of(name, self._settings, beside)
        return self._sources[name, use]

    def _note_failures(self, loads: Sequence[Load]) -> None:
        failures = [f for load in loads if (f := _failure(load))]
        self._store.fail(self._owner, failures, run_id=self.run_id)


def _is_final(file: LedgerFile, reason: str) -> bool:
    """Whether what is packed and broken is so for good: what lies here, and what was found so
    before, since it changed last.
    """  # fmt: skip
    return file.source == LOCAL or file.error == reason


def _racy_from(loads: Sequence[Load], began: float) -> dict[str, float]:
    return {
        source: racy_from([x.file for x in loads if x.file.source == source], began)
        for source in {x.file.source for x in loads}
    }


def _as_fetched(file: LedgerFile, fetched: Fetched | None) -> LedgerFile:
    """The row as the ledger has it now that it was told what came."""
    if fetched is None:
        return file
    modified = datetime.fromtimestamp(fetched.file.modified_at, UTC)
    return replace(file, sha256=fetched.sha256, size=fetched.file.size, modified_at=modified)


def _fault(load: Load, error: OSError) -> Rejection:
    return Rejection(f"{load.file.path}: {error}", "failed", transient=True)


def _failure(load: Load) -> Failure | None:
    """What the ledger is told; nothing of a file that another run has taken."""
    if load.rejection is None or load.rejection.state == "lost":
        return None
    again = load.rejection.transient and load.file.attempts < MAX_ATTEMPTS
    after = timedelta(seconds=30 * 2**load.file.attempts) if again else None
    return Failure(load.file.id, load.rejection.reason, load.rejection.state, after)


def _content(ledger_id: int, fetched: Fetched, pack: str | None, since: float) -> FetchedContent:
    file = fetched.file
    modified, racy = datetime.fromtimestamp(file.modified_at, UTC), file.modified_at >= since
    return FetchedContent(ledger_id, fetched.sha256, file.size, modified, pack, racy)
