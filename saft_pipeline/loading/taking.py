"""Which files are taken now, and which runs load them together.

It is decided once all looks of a round are told, over all sources alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Literal

from saft_pipeline.loading.archives import splits
from saft_pipeline.loading.poll import Claim, Poll
from saft_pipeline.loading.racy import LARGE_FILE
from saft_pipeline.settings import SourceSettings
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.owners import new_owner
from saft_pipeline.store.store import Store

Turn = Literal["waits", "never came", "was cancelled", "came"]
MOST_AHEAD = 8
"""Runs of a source behind which no more of its files are taken."""
# A tick has 60 s in Dagster; what one tick does not take, the next one does.
_MOST_A_TICK = 5000


def take(
    polls: Sequence[Poll],
    store: Store,
    *,
    elsewhere: int = 0,
    turn_of: Callable[[str], Turn] = lambda _: "came",
    ahead: Callable[[str], int] = lambda _: 0,
    of_this: bool = False,
) -> None:
    """Claim what is to be loaded now, and note in each poll what its source comes to with that.

    Each file has a run of its own where all that are taken are few: many such runs, also of earlier
    rounds, would never catch up.

    Args:
        polls: of the sources that could be looked at.
        store: the ledger.
        elsewhere: how many files of other sources are taken and not yet loaded.
        turn_of: of a claim whose lease ended, by its owner: whether its run still waits its turn,
            ended before its turn came, was cancelled, or had it (or was never there).
        ahead: how many runs of a source, by its name, a new one would come behind.
        of_this: whether this process executes the runs, so that its end is theirs.
    """
    claims = []
    for each in polls:
        # Not earlier: what a run that waits holds would be taken if its lease ended meanwhile.
        _keep_turns(each.source, store, turn_of)
        owner = new_owner(of_this=of_this)
        claims.append(_claim(each, store, owner, ahead(each.source.source)))
    taken = elsewhere + sum(each.counts.get("running", 0) for each in polls)
    for each, claim in zip(polls, claims, strict=True):
        few = taken <= each.source.run_per_file_up_to
        each.claims = list(_handed_over(claim, each.source, store, few=few))
        each.backlog = store.backlog(each.source.source, each.source.incomplete_after)
        each.problems += _stale(each)


def _keep_turns(source: SourceSettings, store: Store, turn_of: Callable[[str], Turn]) -> None:
    """Neither a wait nor a run that never began counts as a try of its files.

    Who cancels a run gives its files up, even if it ended before it could say so of them.
    """
    for owner in store.expired_owners(source.source):
        turn = turn_of(owner)
        if turn == "waits":
            store.renew(owner, source.lease)
        elif turn == "never came":
            store.release(owner)
        elif turn == "was cancelled":
            store.give_up(owner)


def _claim(poll: Poll, store: Store, owner: str, ahead: int) -> Claim:
    """Without room files gather for a larger run: a queue of small ones would only grow."""
    source, claim = poll.source, Claim(owner, [])
    if ahead < MOST_AHEAD:
        limit = source.max_files_per_batch or _MOST_A_TICK
        files = store.claim(claim.owner, lease=source.lease, source=source.source, limit=limit)
        claim = Claim(claim.owner, files)
    else:
        poll.problems.append(
            f"{ahead:,} runs have not ended: no more files are taken until fewer are left"
        )
    poll.counts = store.counts(source.source)
    return claim


def _handed_over(
    claim: Claim, source: SourceSettings, store: Store, *, few: bool
) -> Iterator[Claim]:
    """The claims of the runs. The first keeps its name: handing over writes the rows once more."""
    claims = [
        Claim(f"{claim.owner}-{n}" if n else claim.owner, part)
        for n, part in enumerate(_runs(claim.files, source, few=few))
    ]
    if handed := {each.owner: [f.id for f in each.files] for each in claims[1:]}:
        store.hand_over(claim.owner, handed, source.lease)
    yield from claims


def _outermost(file: LedgerFile) -> str:
    return next((zipped for zipped, _ in splits(file.path)), file.path)


def _runs(
    files: Sequence[LedgerFile], source: SourceSettings, *, few: bool
) -> Iterator[list[LedgerFile]]:
    """Files by run: one each if they are few, else shared ones; a large one alone."""
    if few:  # what is in one zip is fetched once
        for _, together in groupby(files, _outermost):
            yield list(together)
        return
    yield from ([f] for f in files if f.size >= LARGE_FILE)
    small = [f for f in files if f.size < LARGE_FILE]
    most = source.max_files_per_run
    yield from (small[i : i + most] for i in range(0, len(small), most))


def _stale(poll: Poll) -> Iterator[str]:
    if poll.backlog.stale_incomplete:
        names = ", ".join(poll.backlog.stale_paths)
        yield f"{poll.backlog.stale_incomplete:,} files stay without their end: {names}"
