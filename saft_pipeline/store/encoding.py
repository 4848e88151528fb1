"""What the functions in the database are given and answer: JSON, and rows as COPY has them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from saft_pipeline.store.model import Failure, LedgerFile, Publication, SeenFile
from saft_pipeline.store.spool import Spool

PAGE = 10_000
"""Rows of an answer, and files of a listing that are sent at once."""

_FIELDS = tuple(field.name for field in fields(LedgerFile))
_TIMES = ("modified_at", "next_attempt_at", "lease_expires_at", "first_seen_at", "loaded_at")


def in_parts(
    paths: Sequence[str], after: str | None = None
) -> Iterator[tuple[str | None, Sequence[str], str | None]]:
    """Parts of sorted paths, and between which each has all: above one, up to the other.

    The order is that of their UTF-8, which is Postgres's collation "C".
    """
    begin = bisect_right(paths, after) if after else 0
    for start in range(begin, max(len(paths), begin + 1), PAGE):
        part = paths[start : start + PAGE]
        until = part[-1] if start + PAGE < len(paths) else None
        yield after, part, until
        after = until


def seen_row(seen: SeenFile) -> tuple[str | None, ...]:
    """As `saft_observe` reads it: see `30_listing.sql`."""
    modified = seen.modified_at.isoformat()
    return (
        seen.path, seen.filename, seen.branch, str(seen.size), modified, seen.state, seen.reason,
    )  # fmt: skip


def failure_json(failure: Failure) -> dict[str, Any]:
    """As `saft_fail` reads it."""
    after = failure.retry_after
    return {
        "ledger_id": failure.ledger_id,
        "reason": failure.reason,
        "state": failure.state,
        "retry_after_seconds": None if after is None else after.total_seconds(),
    }


def ledger_files(rows: Sequence[Mapping[str, Any]]) -> list[LedgerFile]:
    """Rows of the ledger as the functions answer them."""
    return [_file(row) for row in rows]


def _file(row: Mapping[str, Any]) -> LedgerFile:
    known = {name: row[name] for name in _FIELDS}
    times = {n: datetime.fromisoformat(known[n]).astimezone(UTC) for n in _TIMES if known[n]}
    return LedgerFile(**{**known, **times})


def publication_json(publication: Publication) -> dict[str, Any]:
    """As `saft_publish` reads it."""
    sent = {
        name: value
        for name, value in _shallow(publication).items()
        if name not in ("declared", "computed", "header")
    }
    sent |= publication.header
    for prefix in ("declared", "computed"):
        for name, value in getattr(publication, prefix)._asdict().items():
            sent[f"{prefix}_{name}"] = value
    if publication.date_created:
        sent["date_created"] = publication.date_created.isoformat()
    return sent


def _shallow(publication: Publication) -> dict[str, Any]:
    """The fields of a publication, shallow: its totals stay tuples."""
    return {field.name: getattr(publication, field.name) for field in fields(publication)}


def staged_texts(spools: Sequence[Spool]) -> dict[str, str]:
    """The rows of a small group by table, which go along with the call that publishes them."""
    texts: dict[str, list[bytes]] = {}
    for spool in spools:
        texts.setdefault(spool.table, []).extend(spool.staged())
    return {table: b"".join(rows).decode() for table, rows in texts.items()}
