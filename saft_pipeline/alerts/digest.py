"""The day in one message: how many files came in, what failed and why, what still waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from saft_pipeline.alerts.message import Message
from saft_pipeline.visible import visible

DAY = timedelta(hours=24)
_FAILED = ("failed", "unreadable", "gone")
_SHOWN = 20
_LONGEST = 300


def digest(overview: Mapping[str, Any], failed: int, now: datetime) -> Message:
    """The last 24 hours, of what `Operations.overview` and `failed_since` answer."""
    hours = [h for h in overview["hours"] if now - datetime.fromisoformat(h["hour"]) < DAY]
    files, rows = (int(sum(h[name] for h in hours)) for name in ("files", "rows"))
    wanting = [f for f in overview["attention"] if f["status"] in _FAILED]
    fresh = [f for f in wanting if now - datetime.fromisoformat(f["first_seen_at"]) < DAY]
    title = f"saft_pipeline: {files:,} files in, {failed:,} failed"
    lines = [title, f"{rows:,} rows were loaded in the last 24 hours."]
    before = [f for f in wanting if f not in fresh]
    several = len(overview["sources"]) > 1
    lines += _reasons("failed", failed, fresh, several=several)
    rest = sum(_count(overview, state) for state in _FAILED) - failed
    lines += _reasons("failed before, and still not loaded", rest, before, several=several)
    if waiting := _count(overview, "pending"):
        lines += ["", f"{waiting:,} wait to be loaded"]
    if empty := overview["empty"]:
        lines += ["", f"{empty:,} files in all are loaded and hold no invoices"]
    return Message(title, "\n".join(lines))


def _count(overview: Mapping[str, Any], state: str) -> int:
    return sum(int(counts.get(state, 0)) for counts in overview["sources"].values())


def _reasons(
    head: str, count: int, files: Sequence[Mapping[str, Any]], *, several: bool
) -> Iterator[str]:
    """Of the newest of them, with whose they are, where there are several sources."""
    if not count:
        return
    yield from ("", f"{count:,} {head}:")
    for file in files[:_SHOWN]:
        reason = file["error"] or file["status"]
        line = reason if reason.startswith(file["path"]) else f"{file['path']}: {reason}"
        owner = f"{file['source']}: " if several else ""
        yield f"• {visible(' '.join(f'{owner}{line}'.split()))[:_LONGEST]}"
    if (more := count - len(files[:_SHOWN])) > 0:
        yield f"• and {more:,} more: saft status --state failed"
