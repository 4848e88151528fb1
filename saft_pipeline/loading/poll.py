"""One look at the SFTP folder: what is there, what of it is new to the ledger, what is taken now.

What is new is decided against the ledger, never by a watermark. Nothing here knows of Dagster.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from saft_pipeline.durations import format_duration
from saft_pipeline.loading.servers import connected, news
from saft_pipeline.loading.sources import SftpSource, count_traffic, source_errors
from saft_pipeline.retries import tries
from saft_pipeline.saft.filename import branch_of
from saft_pipeline.settings import Settings
from saft_pipeline.sftp.client import Listing, Problem, RemoteFile
from saft_pipeline.sftp.errors import (
    LoginRefusedError,
    TooManyConnectionsError,
    TransientSftpError,
)
from saft_pipeline.sftp.model import SftpConfig
from saft_pipeline.store.model import STATES, Backlog, LedgerFile, Seen
from saft_pipeline.store.store import Store

LARGE_FILE = 8 << 20
_TRIES = 3
_REFUSED_FOR = 3600.0  # seconds
# A tick has 60 s in Dagster; what one tick does not take, the next one does.
_MOST_A_TICK = 5000
_LOOK_SECONDS = 40.0
_CLEAR_SECONDS = 10.0
_MOST_TOLD = 10

Turn = Literal["waits", "never came", "was cancelled", "came"]


@dataclass(frozen=True)
class Claim:
    """Files that one run will load; `owner` is the name that the ledger knows the claim by."""

    owner: str
    files: Sequence[LedgerFile]


@dataclass
class Poll:
    """What one look found and took."""

    listed: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    problems: Sequence[str] = ()
    claims: list[Claim] = field(default_factory=list)
    backlog: Backlog = field(default_factory=lambda: Backlog(None, 0, []))

    @property
    def taken(self) -> int:
        """Files claimed by this look."""
        return sum(len(claim.files) for claim in self.claims)

    def figures(self, settings: Settings) -> dict[str, int | str]:
        """The same as numbers, with the summary: for the tick and the folder's observation."""
        states = {state: self.counts.get(state, 0) for state in STATES}
        return {
            "listed": self.listed,
            "taken": self.taken,
            **states,
            "oldest_pending_seconds": self.backlog.oldest_pending_seconds or 0,
            "summary": self.summary(settings),
        }

    def summary(self, settings: Settings) -> str:
        """`12,406 listed, 12,351 loaded, 50 taken, 3 waiting, 1 incomplete, 1 failed`."""
        waiting = self.counts.get("pending", 0)
        words = [f"{self.listed:,} listed", f"{self.counts.get('loaded', 0):,} loaded"]
        words += [f"{self.taken:,} taken", f"{waiting:,} waiting"]
        words += [f"{n:,} {s}" for s in _TROUBLES if (n := self.counts.get(s, 0))]
        if waiting and settings.max_files_per_batch:
            polls = -(-waiting // settings.max_files_per_batch)
            minutes = polls * settings.poll_interval_seconds / 60
            oldest = format_duration(self.backlog.oldest_pending_seconds or 0)
            words.append(f"the oldest for {oldest}")
            words.append(f"the rest in {polls:,} more polls (about {minutes:,.0f} min)")
        more = len(self.problems) - _MOST_TOLD
        told = [*self.problems[:_MOST_TOLD], *([f"and {more:,} more problems"] if more > 0 else [])]
        return "; ".join([", ".join(words), *told])


@dataclass
class _Login:
    """What the server said to a login, in this process."""

    worked: bool = False
    refusals: int = 0
    refused_at: float = 0.0
    refusal: LoginRefusedError | None = None


_logins: dict[SftpConfig, _Login] = {}
_TROUBLES = ("incomplete", "failed", "gone", "unreadable")


def poll(settings: Settings, store: Store, *, turn_of: Callable[[str], Turn]) -> Poll:
    """List the folder, bring the ledger up to date, claim what is to be loaded now.

    Args:
        settings: which folder, and how much to take.
        store: the ledger.
        turn_of: of a claim whose lease ended, by its owner: whether its run still waits its turn,
            ended before its turn came, was cancelled, or had it (or was never there).

    Raises:
        TransientSourceError: the server could not be reached in three tries.
        SourceError: login, host key or folder; the message has the cure.
        SettingsError: naming the SFTP settings that are missing.
    """
    source = settings.source
    began = time.monotonic()
    with source_errors():
        listing = look(settings)
    seen = [*map(_seen, listing.files), *(_unreadable(p) for p in listing.problems if not p.folder)]
    took = timedelta(seconds=time.monotonic() - began)
    store.observe(source, seen, whole=listing.whole, age=took)
    _keep_turns(settings, store, turn_of)
    claims, counts = _take(settings, store, source)
    backlog = store.backlog(source, settings.incomplete_after)
    problems = [f"{p.text}: {p.reason}" for p in listing.problems]
    problems += [*_stale(backlog), *_clear_leftovers(settings, store, source), *news(settings)]
    count_traffic(store, ticks=1)
    return Poll(len(listing.files), counts, problems, claims, backlog)


def _keep_turns(settings: Settings, store: Store, turn_of: Callable[[str], Turn]) -> None:
    """Neither a wait nor a run that never began counts as a try of its files.

    Who cancels a run gives its files up, even if it ended before it could say so of them.
    """
    for owner in store.expired_owners(settings.source):
        turn = turn_of(owner)
        if turn == "waits":
            store.renew(owner, _lease(settings))
        elif turn == "never came":
            store.release(owner)
        elif turn == "was cancelled":
            store.give_up(owner)


def _stale(backlog: Backlog) -> Iterator[str]:
    if backlog.stale_incomplete:
        names = ", ".join(backlog.stale_paths)
        yield f"{backlog.stale_incomplete:,} files stay without their end: {names}"


def _clear_leftovers(settings: Settings, store: Store, source: str) -> Iterator[str]:
    """Archive or delete what was loaded and not cleared away: who loaded it died, or couldn't."""
    if settings.after_load == "keep":
        return
    left = store.uncleared(source, _lease(settings))
    sftp = SftpSource(settings, within=_CLEAR_SECONDS)
    try:
        done = list(sftp.clear_away(left)) if left else []
    finally:
        sftp.close()
    store.mark_removed([file.id for file, problem in done if problem is None])
    if stuck := [problem for _, problem in done if problem]:
        yield f"{len(stuck):,} loaded files stay on the server: {stuck[0]}"


def look(settings: Settings) -> Listing:
    """The files on the server that the settings ask for; a transient fault is tried again.

    A login that was refused is not sent again with the same settings for an hour: servers lock
    accounts, and ban addresses, that keep trying. One that worked before is, twice: some servers
    refuse it while another connection of the same user lasts.
    """
    config = settings.require_sftp()
    login = _logins.setdefault(config, _Login())
    if login.refusal is not None and time.monotonic() - login.refused_at < _REFUSED_FOR:
        raise login.refusal
    try:
        listing = _listing(settings)
    except LoginRefusedError as error:
        login.refused_at, login.refusals = time.monotonic(), login.refusals + 1
        if login.worked and login.refusals < _TRIES:
            raise TooManyConnectionsError(
                f"{error}; it worked before: the server may allow no further connection of this "
                "user now"
            ) from error
        login.refusal = error
        raise
    _logins[config] = _Login(worked=True)
    return listing


def _listing(settings: Settings) -> Listing:
    due = time.monotonic() + _LOOK_SECONDS
    for attempt in tries(TransientSftpError, attempts=_TRIES, timeout=_LOOK_SECONDS / 2):
        with attempt, connected(settings, due - time.monotonic()) as sftp:
            return sftp.list(
                settings.sftp_remote_dir,
                pattern=settings.sftp_pattern,
                recursive=settings.sftp_recursive,
                exclude=settings.sftp_archive_dir,
                within=max(1.0, due - time.monotonic()),
            )
    raise AssertionError("stamina raises after its last attempt")


def _take(settings: Settings, store: Store, source: str) -> tuple[list[Claim], dict[str, int]]:
    """The claims of this look, and how many files are in each state with them."""
    owner = _new_owner()
    limit = settings.max_files_per_batch or _MOST_A_TICK
    files = store.claim(owner, lease=_lease(settings), source=source, limit=limit)
    counts = store.counts(source)
    few = counts.get("running", 0) <= settings.run_per_file_up_to
    claims = [Claim(_new_owner(), part) for part in _split(files, settings, few=few)]
    if claims:
        parts = {claim.owner: [f.id for f in claim.files] for claim in claims}
        store.hand_over(owner, parts, _lease(settings))
    return claims, counts


def _split(
    files: Sequence[LedgerFile], settings: Settings, *, few: bool
) -> Iterator[list[LedgerFile]]:
    """Runs for a poll's files: one each if they are few, else shared ones; a large one alone.

    They are not few while many taken earlier wait: runs of one file each would never catch up.
    """
    if few:
        yield from ([f] for f in files)
        return
    yield from ([f] for f in files if f.size >= LARGE_FILE)
    small = [f for f in files if f.size < LARGE_FILE]
    most = settings.max_files_per_run
    yield from (small[i : i + most] for i in range(0, len(small), most))


def _seen(file: RemoteFile) -> Seen:
    return Seen(
        path=file.text,
        filename=file.filename,
        branch=branch_of(file.filename),
        size=file.size,
        modified_at=datetime.fromtimestamp(file.modified_at, UTC),
    )


def _unreadable(problem: Problem) -> Seen:
    name = problem.text.rpartition("/")[2]
    return Seen(
        path=problem.text,
        filename=name,
        branch=branch_of(name),
        size=0,
        modified_at=datetime.fromtimestamp(0, UTC),
        unreadable=problem.reason,
    )


def _new_owner() -> str:
    return f"claim-{uuid.uuid4().hex[:12]}"


def _lease(settings: Settings) -> timedelta:
    return timedelta(seconds=settings.lease_seconds)
