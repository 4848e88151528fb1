"""Whether the ledger tells of every file what became of it, held against what was put up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from saft_pipeline_tests.benchmarks.soaking.folder import Folder, Remote, sha256
from saft_pipeline_tests.benchmarks.soaking.oracle import PATH, Version

_QUERY = f"""
select id, {PATH}, version, is_current, status, sha256, bytes_modified_at, next_attempt_at,
    loaded_at, error
from public.invoice_files order by id
"""


@dataclass(frozen=True)
class Row:
    """A version of a file in the ledger."""

    id: int
    path: str
    version: int
    is_current: bool
    status: str
    sha256: str | None
    bytes_modified_at: datetime | None
    next_attempt_at: datetime | None
    loaded_at: datetime | None
    error: str | None


def rows(url: str) -> list[Row]:
    """All versions, in the order in which they were seen."""
    with psycopg.connect(url, row_factory=class_row(Row)) as connection:
        return connection.execute(_QUERY.encode()).fetchall()


def unsettled(folder: Folder, ledger: Sequence[Row]) -> Iterator[str]:
    """Paths whose last row is not what the file that lies there should have come to."""
    current = {row.path: row for row in ledger if row.is_current}
    for remote in list(folder.remotes):
        name = folder.name(remote.path)
        row = current.pop(name, None)
        if not _is_settled(remote, row):
            is_now = f"{row.status} (version {row.version}, {row.error})" if row else "not there"
            yield f"{name}: {is_now}, not {remote.state}"
    yield from (f"{name}: nobody put it up" for name in current)


def _is_settled(remote: Remote, row: Row | None) -> bool:
    if remote.content is None:
        # Seen in time or not, loaded before it went or not.
        return row is None or row.status in ("gone", "loaded")
    if row is None or row.status != remote.state:
        return False
    return remote.state == "incomplete" or row.sha256 == sha256(remote.content)


def given_up(folder: Folder, ledger: Sequence[Row]) -> Iterator[str]:
    """Files without a fault that have failed and will not be tried again by themselves."""
    for row in ledger:
        for_good = row.status == "failed" and row.is_current and row.next_attempt_at is None
        if for_good and (row.sha256 is None or folder.is_good(row.sha256)):
            yield f"{row.path}: {row.error}"


def invented(folder: Folder, ledger: Sequence[Row]) -> Iterator[str]:
    """Loaded versions that were never whole on the server: bytes, path and time together."""
    for row in ledger:
        if row.loaded_at is not None:
            modified = int(row.bytes_modified_at.timestamp()) if row.bytes_modified_at else 0
            known = folder.is_good(row.sha256)
            if not known or not folder.held(row.path, row.sha256 or "", modified):
                yield f"{row.path}, version {row.version}, of {row.bytes_modified_at}"


def loaded_versions(folder: Folder, ledger: Sequence[Row]) -> list[Version]:
    """What the tables hold, each with when its bytes were first seen at any path."""
    first: dict[str, tuple[Any, int]] = {}
    for row in ledger:
        if row.sha256 and row.bytes_modified_at:
            seen = (row.bytes_modified_at, row.id)
            first[row.sha256] = min(seen, first.get(row.sha256, seen))
    return [
        Version(row.path, row.version, row.sha256, first[row.sha256])
        for row in ledger
        if row.loaded_at is not None and row.sha256 and folder.is_good(row.sha256)
    ]
