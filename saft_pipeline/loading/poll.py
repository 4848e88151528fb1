"""What a look at a source makes of the ledger; what is taken of it is decided in `taking`.

What is new is decided against the ledger, never by a watermark. Nothing here knows of Dagster.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from saft_pipeline.durations import format_duration
from saft_pipeline.loading.archives import splits
from saft_pipeline.loading.errors import SourceError
from saft_pipeline.loading.last_listing import LastListing
from saft_pipeline.loading.looks import Look
from saft_pipeline.loading.racy import look_again
from saft_pipeline.loading.servers import learnt, news
from saft_pipeline.loading.sftp_source import SftpSource
from saft_pipeline.saft.filename import branch_of
from saft_pipeline.settings import SourceSettings
from saft_pipeline.sftp.client import Listing, ListingProblem, RemoteFile
from saft_pipeline.sftp.model import Packed
from saft_pipeline.sftp.paths import raw_path, text_path
from saft_pipeline.store.model import Backlog, LedgerFile, SeenFile, SeenState, file_key
from saft_pipeline.store.store import Store

# What else the server is asked once it was looked at.
_AFTER_A_LOOK = 10.0
_MOST_PROBLEMS = 10
MANY_NAMES = 100_000


@dataclass(frozen=True)
class Claim:
    """Files that one run will load; `owner` is the name that the ledger knows the claim by."""

    owner: str
    files: Sequence[LedgerFile]


@dataclass
class Poll:
    """What a look at a source found and what was taken, or the error that kept it from looking."""

    source: SourceSettings
    listed: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    backlog: Backlog = field(default_factory=lambda: Backlog(None, 0, []))
    error: Exception | None = None

    @property
    def taken(self) -> int:
        """Files claimed after this look."""
        return sum(len(claim.files) for claim in self.claims)

    def summary(self) -> str:
        """`12,406 listed, 12,351 loaded, 50 taken, 3 waiting, 1 incomplete, 1 failed; …`."""
        return "; ".join([self.totals(), *self.first_problems()])

    def totals(self) -> str:
        """The figures in words, and how long what waits will take."""
        waiting, most = self.counts.get("pending", 0), self.source.max_files_per_batch
        words = [f"{self.listed:,} listed", f"{self.counts.get('loaded', 0):,} loaded"]
        words += [f"{self.taken:,} taken", f"{waiting:,} waiting"]
        words += [f"{n:,} {s}" for s in _TROUBLES if (n := self.counts.get(s, 0))]
        if waiting and most and self.backlog.oldest_pending_seconds is not None:
            polls = -(-waiting // most)
            minutes = polls * self.source.poll_interval_seconds / 60
            words.append(f"the oldest for {format_duration(self.backlog.oldest_pending_seconds)}")
            words.append(f"the rest in {polls:,} more polls (about {minutes:,.0f} min)")
        return ", ".join(words)

    def first_problems(self) -> list[str]:
        """The first of its problems, and how many more there are."""
        more = len(self.problems) - _MOST_PROBLEMS
        rest = [f"and {more:,} more problems"] if more > 0 else []
        return [*self.problems[:_MOST_PROBLEMS], *rest]


_TROUBLES = ("incomplete", "failed", "gone", "unreadable")


def tell(
    look: Look,
    store: Store,
    *,
    last: LastListing,
    until: float = math.inf,
) -> Poll:
    """Bring the ledger up to what a look found; nothing is taken yet.

    Args:
        look: at which source, and what is there.
        store: the ledger.
        last: what was listed at the last look.
        until: monotonic time at which telling the ledger is broken off: told once more, the same
            look goes on. The server is asked nothing more 10 s after it, or after now if that is
            sooner.
    """
    source, listing = look.source, look.listing
    if listing is None:
        return Poll(source, error=look.error)
    _tell(look, listing, store, last, until)
    due = min(until, time.monotonic()) + _AFTER_A_LOOK
    look_again(source, store, due)
    stuck = _clear_leftovers(source, store, listing, due)
    problems = [*_odd(listing, last), *stuck, *learnt(source)]
    return Poll(source, len(listing.files), problems=problems)


def _odd(listing: Listing, last: LastListing) -> Iterator[str]:
    yield from (f"{p.text}: {p.reason}" for p in listing.problems)
    if last.reached is not None:
        yield "the ledger doesn't know all of the listing yet: the next poll goes on"
    if len(listing.files) >= MANY_NAMES:
        yield (
            f"{len(listing.files):,} files lie there, and each look lists them all: set AFTER_LOAD "
            "to archive or delete, or move old ones away"
        )
    if listing.unfit:
        files = "1 file doesn't" if listing.unfit == 1 else f"{listing.unfit:,} files don't"
        yield f"{files} fit SFTP_PATTERN"


def _tell(look: Look, listing: Listing, store: Store, last: LastListing, until: float) -> None:
    """Tell the ledger what is new in the listing, or all of it, as far as time lasts."""
    source, took = look.source.source, timedelta(seconds=time.monotonic() - look.began)
    bad = {p.text: _rejected(p) for p in listing.problems if not (p.folder or p.notice)}
    opened = {path: _unseen(path, "opened") for path, good in listing.archives.items() if good}
    changed, whole = last.news(listing)
    if changed or not whole:
        mended = [opened[path] for path in last.rejected & opened.keys()]
        store.observe(source, [*map(_seen, changed), *bad.values(), *mended], whole=False, age=took)
    last.rejected = {*last.rejected, *bad} - opened.keys()
    if not whole:
        return
    others = opened | bad
    paths = [*map(text_path, listing.files.paths)]
    if others:
        paths = [*{*paths, *others}]
    paths.sort()

    def seen_of(path: str) -> SeenFile:
        return others.get(path) or _seen(listing.files.at(raw_path(path)))

    parts = store.observe_each(source, paths, seen_of, whole=True, age=took, above=last.reached)
    for last.reached, found in parts:  # how far this came
        last.tell_again(map(raw_path, found["busy"]))
        if time.monotonic() > until:
            return


def _clear_leftovers(
    source: SourceSettings,
    store: Store,
    listing: Listing,
    due: float,
) -> Iterator[str]:
    """Archive or delete what was loaded and not cleared away: who loaded it died, or couldn't."""
    if source.after_load == "keep":
        return
    uncleared = store.uncleared(source.source, source.lease)
    if listing.whole:
        store.mark_removed([f.id for f in uncleared if _has_left_its_zip(f.path, listing)])
    left = [f for f in uncleared if _is_file(f.path, listing)]
    sftp = SftpSource(source, due)
    try:
        done = list(sftp.clear_away(left)) if left else []
        stuck = _clear_archives(source, store, sftp, listing.packed)
    except SourceError as error:
        done, stuck = [], [str(error)]
    finally:
        sftp.close()
    store.mark_removed([file.id for file, problem in done if problem is None])
    stuck += [problem for _, problem in done if problem]
    words = [f"{len(stuck):,} loaded files stay on the server: {stuck[0]}"] if stuck else []
    yield from news(source, "stays", words)


def _has_left_its_zip(path: str, listing: Listing) -> bool:
    """Whether it was a zip's member, and that lies there without it or not at all."""
    zips = [zipped for zipped, _ in splits(path)]
    if not zips or raw_path(path) in listing.files.paths:
        return False
    return all(listing.archives.get(zipped, True) for zipped in zips)


def _is_file(path: str, listing: Listing) -> bool:
    """Whether it is no member of a zip, which goes with the others; a folder may be called so."""
    zips = [zipped for zipped, _ in splits(path)]
    if not zips:
        return True
    in_one = any(zipped in listing.archives for zipped in zips)
    return not in_one and raw_path(path) in listing.files.paths


def _clear_archives(
    source: SourceSettings,
    store: Store,
    sftp: SftpSource,
    packed: Mapping[RemoteFile, Packed],
) -> list[str]:
    """Archive or delete the zips of which every member was loaded; why others of them stay."""
    stuck = []
    for archive, inside in packed.items():
        if sftp.is_late:  # the next look goes on
            break
        paths = inside.paths
        members = store.files(keys=[file_key(source.source, path) for path in paths])
        current = [file for file in members if file.is_current]
        if len(current) == len(paths) > 0 and all(f.status == "loaded" for f in current):
            problem = sftp.clear_archive(archive, inside.sha256)
            if problem is None:
                store.mark_removed([file.id for file in current])
            else:
                stuck.append(problem)
    return stuck


def _seen(file: RemoteFile) -> SeenFile:
    return SeenFile(
        path=file.text,
        filename=file.filename,
        branch=branch_of(file.filename),
        size=file.size,
        modified_at=datetime.fromtimestamp(file.modified_at, UTC),
    )


def _rejected(problem: ListingProblem) -> SeenFile:
    return _unseen(problem.text, problem.state, problem.reason)


def _unseen(path: str, state: SeenState, reason: str | None = None) -> SeenFile:
    name = path.rpartition("/")[2]
    at = datetime.fromtimestamp(0, UTC)
    return SeenFile(path, name, branch_of(name), size=0, modified_at=at, state=state, reason=reason)
