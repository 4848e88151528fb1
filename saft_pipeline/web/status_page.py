"""The status page: whether all is well, since when, and what to do; then the files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from saft_pipeline.dagster_runtime.names import AGAIN, CANNOT_POLL
from saft_pipeline.dagster_runtime.sensor_ticks import Tick
from saft_pipeline.web.bars import Bar, Chart
from saft_pipeline.web.file_table import Viewer
from saft_pipeline.web.health import CONNECTED
from saft_pipeline.web.pages import rendered
from saft_pipeline.web.snapshot import Snapshot
from saft_pipeline.web.words import STATE_WORDS

_WANTING = ("failed", "unreadable", "gone")
_SERVERS = {"sftp": "SFTP server", "supabase": "Database", "dagster": "Dagster"}


@dataclass(frozen=True)
class Trouble:
    """One thing that is not well: what, since when (ISO), the words of who failed, what to do; of
    files how many.
    """  # fmt: skip

    title: str
    since: str | None = None
    reason: str = ""
    advice: str = ""
    count: int = 0


@dataclass(frozen=True)
class LastLook:
    """The last look at the folders (ISO): how many files it saw and took, or why it saw none, what
    was odd, and when the next is due.
    """  # fmt: skip

    began: str
    seen: int
    taken: int
    failed: str
    problems: Sequence[str]
    due: str


@lru_cache(maxsize=8)
def main_part(seen: Snapshot, place: Viewer, interval: int, workers: int) -> str:
    """What is inside of `<main>`; `interval`: seconds between polls, `workers`: runs at once.

    Drawn once for all that look at the same snapshot in the same language.
    """
    ledger, found = seen.ledger or {}, list(troubles(seen))
    sources = ledger.get("sources", {})
    counts = {state: _total(ledger, state) for state in STATE_WORDS if state != "empty"}
    return rendered(
        "status.html",
        say=place.say,
        place=place,
        seen=seen,
        ledger=ledger,
        troubles=found,
        only_files=all(each.count for each in found),
        counts={**counts, "empty": ledger.get("empty", 0)},
        sources=sources,
        states=[s for s in STATE_WORDS if any(counts.get(s) for counts in sources.values())],
        workers=workers,
        servers=_servers(seen),
        look=_look(seen, interval),
        month=last_month(seen.at.date()),
        charts=_charts(ledger.get("hours", ()), seen.at),
        iso=_iso,
        STATES=STATE_WORDS,
        CONNECTED=CONNECTED,
    )


_RECOVERS = "It is asked again by itself; this page recovers when it answers."
_SILENT = {
    "sftp": "the SFTP server does not answer",
    "supabase": "the database does not answer",
    "database": "the database does not answer",
    "dagster": "Dagster does not answer",
}


def troubles(seen: Snapshot) -> Iterator[Trouble]:
    """What is not well, the worst first."""
    states = seen.health.services.model_dump() if seen.health else {}
    silent = {_SILENT[name]: said for name, said in states.items() if said != CONNECTED}
    silent |= {_SILENT[who]: reason for who, reason in seen.problems.items()}
    for title, reason in silent.items():
        yield Trouble(title, reason=reason, advice=_RECOVERS)
    if seen.tick and (said := _why_none(seen.tick)):
        yield Trouble("the last look at the folder failed", _iso(seen.tick.began), said)
    if count := sum(_total(seen.ledger or {}, state) for state in _WANTING):
        yield Trouble(
            "1 file was not loaded" if count == 1 else "{n} files were not loaded",
            (seen.ledger or {}).get("failed_since"),
            advice="Read its reason below: have it exported again (it is taken by itself), or "
            "press Retry.",
            count=count,
        )


def _why_none(tick: Tick) -> str:
    """Why a look saw nothing; empty if it did."""
    said = tick.skip_reason or ""
    return tick.error or (said if said.startswith((CANNOT_POLL, AGAIN)) else "")


def _total(ledger: Mapping[str, Any], state: str) -> int:
    return int(sum(counts.get(state, 0) for counts in ledger.get("sources", {}).values()))


def _servers(seen: Snapshot) -> dict[str, str | None]:
    """What each server answers; None while it is asked."""
    states = seen.health.services.model_dump() if seen.health else {}
    return {label: states.get(name) for name, label in _SERVERS.items()}


def _look(seen: Snapshot, interval: int) -> LastLook | None:
    tick = seen.tick
    if tick is None:
        return None
    due, failed = tick.began + interval, _why_none(tick)
    figures = {} if failed or not tick.cursor else json.loads(tick.cursor)
    return LastLook(
        _iso(tick.began),
        figures.get("listed", 0),
        figures.get("taken", 0),
        failed,
        figures.get("problems", ()),
        _iso(due) if due > seen.at.timestamp() else "",
    )


def _iso(epoch: float | None) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat() if epoch else ""


def _charts(hours: Sequence[Mapping[str, Any]], at: datetime) -> list[Chart]:
    by_hour = {datetime.fromisoformat(h["hour"]).astimezone(UTC): h for h in hours}
    now = at.replace(minute=0, second=0, microsecond=0)
    last_day = [now - timedelta(hours=n) for n in range(23, -1, -1)]
    of_hours = [
        Bar(f"{hour:%H}:00 UTC", *_sums([by_hour[hour]] if hour in by_hour else []))
        for hour in last_day
    ]
    days = [now.date() - timedelta(days=n) for n in range(6, -1, -1)]
    of_days = [
        Bar(day.isoformat(), *_sums([h for k, h in by_hour.items() if k.date() == day]))
        for day in days
    ]
    return [
        Chart("Files an hour, last 24 hours", of_hours),
        Chart("Files a day, last 7 days", of_days),
    ]


def _sums(hours: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    return sum(int(h["files"]) for h in hours), sum(int(h["rows"]) for h in hours)


def last_month(today: date) -> tuple[date, date]:
    """Its first and its last day."""
    last = today.replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last
