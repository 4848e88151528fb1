"""A round over all sources: what each look makes of the ledger, and the figures of all together."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from itertools import chain, zip_longest
from pathlib import Path
from threading import Lock

from saft_pipeline.durations import format_duration
from saft_pipeline.loading.errors import SourceError, TransientSourceError
from saft_pipeline.loading.last_listing import LastListing
from saft_pipeline.loading.looks import Look, Looks
from saft_pipeline.loading.poll import Poll, tell
from saft_pipeline.loading.sftp_source import count_traffic
from saft_pipeline.loading.taking import Turn, take
from saft_pipeline.settings import Settings, SourceSettings
from saft_pipeline.store.errors import StoreError
from saft_pipeline.store.model import STATES, Backlog, LedgerFile
from saft_pipeline.store.owners import is_left
from saft_pipeline.store.store import Store

ROUND_SECONDS = 45.0
"""A tick has 60 s in Dagster. Who was not reached in this time comes first in the next round."""

GOES_ON = "it goes on"
"""Said of a source whose look outlasts its round."""


@dataclass(frozen=True)
class Round:
    """What came of a round: the polls of this one, and the newest of every source."""

    fresh: Sequence[Poll]
    newest: Sequence[Poll]
    unreached: dict[str, str] = field(default_factory=dict)

    @property
    def claims(self) -> dict[str, Sequence[LedgerFile]]:
        """The files that are to be loaded now, by the claims' owners: of each source in turn."""
        in_turn = chain.from_iterable(zip_longest(*(each.claims for each in self.fresh)))
        return {claim.owner: claim.files for claim in in_turn if claim}

    @property
    def refused(self) -> dict[str, str]:
        """Sources that can't be looked at until somebody changes something, and why."""
        return {
            each.source.source: str(each.error)
            for each in self.newest
            if isinstance(each.error, SourceError)
            and not isinstance(each.error, TransientSourceError)
        }

    @property
    def counts(self) -> dict[str, int]:
        """Files by state."""
        return {s: sum(each.counts.get(s, 0) for each in self.newest) for s in STATES}

    @property
    def backlog(self) -> Backlog:
        """What waits, in all sources."""
        backlogs = [each.backlog for each in self.newest]
        waits = [b.oldest_pending_seconds for b in backlogs if b.oldest_pending_seconds is not None]
        return Backlog(
            max(waits, default=None),
            sum(b.stale_incomplete for b in backlogs),
            [path for b in backlogs for path in b.stale_paths],
        )

    def raise_if_none_was_reached(self) -> None:
        """Raises SourceError, or TransientSourceError if waiting may help; any fault of ours."""
        for each in self.fresh:
            if each.error and not isinstance(each.error, SourceError):
                raise each.error
        if any(each.error is None for each in self.fresh) or not (self.fresh or self.unreached):
            return
        errors = [each.error for each in self.fresh]
        if len(errors) == 1 and errors[0] and len(self.newest) == 1:
            raise errors[0]
        kind = SourceError if self.refused else TransientSourceError
        raise kind("; ".join(self._why_not()))

    def _why_not(self) -> list[str]:
        """Why sources were not reached, each with its name if there are others."""
        known = {each.source.source: str(each.error) for each in self.newest if each.error}
        reasons = self.unreached | known
        if len(self.newest) < 2 and len(reasons) < 2:
            return list(reasons.values())
        return [f"{name}: {reason}" for name, reason in reasons.items()]

    def figures(self) -> dict[str, int | str]:
        """The same as numbers, with the summary: for the tick and the folder's observation."""
        return {
            "listed": sum(each.listed for each in self.newest),
            "taken": sum(each.taken for each in self.fresh),
            **self.counts,
            "oldest_pending_seconds": self.backlog.oldest_pending_seconds or 0,
            "summary": self.summary(),
        }

    def summary(self) -> str:
        """`12,406 listed, 12,351 loaded, …` of one source; of many a total, then who has news."""
        if len(self.newest) == 1 and not self._why_not():
            return self.newest[0].summary()
        total = Poll(
            self.newest[0].source,
            sum(each.listed for each in self.newest),
            self.counts,
            claims=[claim for each in self.fresh for claim in each.claims],
        )
        words = [f"{len(self.newest):,} sources: {total.totals()}", *self.problems()]
        return "; ".join(words)

    def problems(self) -> list[str]:
        """Who was not reached, and what was odd, each with its source if there are others."""
        if len(self.newest) == 1:
            return [*self._why_not(), *(p for e in self.fresh for p in e.first_problems())]
        found = [f"{e.source.source}: {p}" for e in self.fresh for p in e.first_problems()]
        return [*self._why_not(), *found]


class Rounds:
    """Goes round the sources; knows from round to round who was looked at, and what was found."""

    def __init__(self) -> None:
        self._looks = Looks()
        self._newest: dict[str, Poll] = {}
        self._adopted: set[str] = set()
        self._last: dict[str, LastListing] = {}
        self._store: Store | None = None
        self._claimed: list[str] = []
        self._early: Future[Round] | None = None
        self._taking = Lock()
        self._is_stopped = self._is_begun = False

    def begin(self, settings: Settings) -> None:
        """Begin with the looks of the next round, whose runs this process executes."""
        self._is_stopped, self._early, self._is_begun = False, None, True
        self._looks.begin(settings.sources)

    def go_early(self, settings: Settings, store: Store) -> Round | None:
        """Go the next round before it is asked for, who then gets what came of it, or its error.

        Not while files are with runs: whether these go on, only who asks can say, unless their
        process is gone.
        """
        if _others_load(store):
            return None
        early: Future[Round] = Future()
        try:
            fresh = self._looked(settings, store, everyone=True, seconds=ROUND_SECONDS)
            early.set_result(self._claims_of(settings, store, fresh, lambda _: "came"))
        except Exception as error:
            early.set_exception(error)
        with self._taking:
            self._early = None if self._is_stopped else early
        return None if self._early is None or early.exception() else early.result()

    def go(
        self,
        settings: Settings,
        store: Store,
        *,
        turn_of: Callable[[str], Turn],
        ahead: Callable[[str], int] = lambda _: 0,
        everyone: bool = True,
        seconds: float = ROUND_SECONDS,
    ) -> Round:
        """Look at the sources that are due, or at `everyone`, and claim what is to be loaded.

        `ahead` tells how many runs of a source a new one would come behind.

        Raises:
            TransientSourceError: no source could be reached.
            SourceError: no source could be looked at, and of one it is login, host key or folder.
            StoreError: the ledger can't be had.
        """
        early, self._early, self._is_stopped = self._early, None, False
        if early is not None:
            return early.result()
        fresh = self._looked(settings, store, everyone=everyone, seconds=seconds)
        return self._claims_of(settings, store, fresh, turn_of, ahead)

    def _looked(
        self, settings: Settings, store: Store, *, everyone: bool, seconds: float
    ) -> list[Poll]:
        """What the sources have, told to the ledger."""
        if store is not self._store:  # another ledger knows nothing of what was listed before
            self._store, self._adopted, self._last = store, set(), {}
        sources, self._claimed = settings.sources, []
        self._newest = {s.source: self._newest.get(s.source, Poll(s)) for s in sources}
        until = time.monotonic() + seconds
        looks = self._looks.round(sources if everyone else self._looks.due(sources), seconds)
        return [
            self._tell(look, store, until)
            for look in looks
            if look.source.source in self._newest  # else its table is gone meanwhile
        ]

    def _claims_of(
        self,
        settings: Settings,
        store: Store,
        fresh: Sequence[Poll],
        turn_of: Callable[[str], Turn],
        ahead: Callable[[str], int] = lambda _: 0,
    ) -> Round:
        """What is to be loaded now of that, claimed."""
        with self._taking:
            if not self._is_stopped:
                self._take([each for each in fresh if each.error is None], store, turn_of, ahead)
            done = Round(fresh, list(self._newest.values()), self._unreached(settings.sources))
            self._claimed = list(done.claims)
        count_traffic(store, ticks=1)
        done.raise_if_none_was_reached()
        return done

    def give_back(self) -> None:
        """What the newest round claimed and no run has loaded is the next poll's.

        One that is under way, in another thread, claims nothing any more. Where the ledger is gone
        the claims end with this process.
        """
        with self._taking, suppress(StoreError):
            self._is_stopped, self._early = True, None
            for owner in self._claimed:
                assert self._store is not None
                self._store.release(owner)
            self._claimed = []

    def _tell(self, look: Look, store: Store, until: float) -> Poll:
        name = look.source.source
        self._adopt(look.source, store)
        last = self._last.setdefault(name, LastListing())
        try:
            found = tell(look, store, last=last, until=until)
        except BaseException:
            last.forget()
            raise
        if last.reached is not None:
            self._looks.keep(look)
        self._newest[name] = found if found.error is None else self._failed(found)
        return found

    def _take(
        self,
        fresh: Sequence[Poll],
        store: Store,
        turn_of: Callable[[str], Turn],
        ahead: Callable[[str], int],
    ) -> None:
        others = self._newest.keys() - {each.source.source for each in fresh}
        elsewhere = sum(self._newest[name].counts.get("running", 0) for name in others)
        take(
            fresh,
            store,
            elsewhere=elsewhere,
            turn_of=turn_of,
            ahead=ahead,
            of_this=self._is_begun,
        )

    def _failed(self, found: Poll) -> Poll:
        """What was known of a source that can't be looked at now."""
        known = self._newest[found.source.source]
        return Poll(found.source, known.listed, known.counts, [], [], known.backlog, found.error)

    def _adopt(self, source: SourceSettings, store: Store) -> None:
        """Files that the ledger has under a former name of the source go on under this one."""
        if source.source not in self._adopted:
            store.adopt(source.source, source.former_names)
            self._adopted.add(source.source)

    def _unreached(self, sources: Sequence[SourceSettings]) -> dict[str, str]:
        looking = {s.source: self._looks.since(s.source) for s in sources}
        return {
            name: f"its look isn't over after {format_duration(int(seconds))}; {GOES_ON}"
            for name, seconds in looking.items()
            if seconds is not None
        }


def _others_load(store: Store) -> bool:
    """Whether files are with runs; those whose process is gone may be taken again."""
    if not store.counts().get("running"):
        return False
    owners = {file.claimed_by or "" for file in store.files(state="running")}
    left = set(filter(is_left, owners))
    for owner in left:
        store.renew(owner, timedelta(0))
    return owners > left


@cache
def rounds_of(_home: Path) -> Rounds:
    """Those of a process."""
    return Rounds()
