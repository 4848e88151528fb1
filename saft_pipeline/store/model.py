"""What the store is asked and what it answers, whichever way it goes. No SQL here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal, TypedDict

from saft_pipeline.saft.records import ControlTotals, FileWarning

STATES = ("pending", "incomplete", "running", "loaded", "failed", "gone", "unreadable")
"""The states of a file in the ledger, as the contract names them."""

FailedState = Literal["pending", "incomplete", "failed", "gone", "unreadable"]
SeenState = Literal["pending", "incomplete", "failed", "unreadable", "opened"]
_UNKNOWN = ControlTotals(None, None, None)


def holding(invoices: int, lines: int) -> str:
    """What a loaded file holds, for people: `1 invoice, 2 lines`."""
    if not invoices:
        return "it holds no invoices"
    counts = {"invoice": invoices, "line": lines}
    return ", ".join(f"{n:,} {what}{'' if n == 1 else 's'}" for what, n in counts.items())


def with_path(path: str, reason: str) -> str:
    """Why a file was not loaded, for people: what reading says begins with its path already."""
    return reason if reason.startswith(path) else f"{path}: {reason}"


def file_key(source: str, path: str) -> str:
    """The 12 hex digits that stand for a remote file, in Python and in the ledger's index."""
    text = f"{source} {path}".encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest()[:12]


AFTER_ALL = "to load it after all: saft retry"
CANCELLED = f"the run was cancelled; {AFTER_ALL}"


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file as the listing shows it; `modified_at` is UTC, `size` in bytes.

    What can't be taken has a `reason` and a `state` of those that the ledger knows. An archive that
    could be opened is none of the ledger's, but its members are: what was noted of it is history.
    """

    path: str
    filename: str
    branch: str | None
    size: int
    modified_at: datetime
    state: SeenState = "pending"
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """How many files a listing showed, and what it changed in the ledger."""

    listed: int
    new: int
    changed: int
    returned: int
    gone: int


class Wanted(TypedDict, total=False):
    """Which rows of the ledger: all that is said holds of each; None says nothing."""

    source: str | None
    state: str | None
    path: str | None
    keys: list[str] | None
    ids: list[int] | None
    run_id: str | None
    limit: int | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits: age in seconds (None if nothing does), and files that stay incomplete."""

    oldest_pending_seconds: int | None
    stale_incomplete: int
    stale_paths: list[str]


@dataclass(frozen=True, slots=True)
class LedgerFile:
    """One row of the ledger: a version of a remote file. Times are UTC."""

    id: int
    source: str
    path: str
    version: int
    is_current: bool
    filename: str
    branch: str | None
    size: int
    modified_at: datetime
    sha256: str | None
    status: str
    attempts: int
    next_attempt_at: datetime | None
    claimed_by: str | None
    lease_expires_at: datetime | None
    error: str | None
    warnings: list[FileWarning]
    run_id: str | None
    saft_version: str | None
    artifact_pack: str | None
    company_id: str | None
    total_invoices: int | None
    total_lines: int | None
    first_seen_at: datetime
    loaded_at: datetime | None

    @property
    def key(self) -> str:
        """`file_key` of the file: the same for all its versions."""
        return file_key(self.source, self.path)


@dataclass(frozen=True, slots=True)
class FetchedContent:
    """What fetching a claimed file found: `sha256` in hex, size and time after the read.

    `pack` is what keeps its artifacts together with others', unless they have files of their own.
    `racy`: its time is so near to the read that other bytes may bear it.
    """

    ledger_id: int
    sha256: str
    size: int
    modified_at: datetime
    pack: str | None = None
    racy: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """The row to go on with; `same_as` is a loaded row with the same bytes, if there is one.

    `pack` is where that one's artifacts are kept, else where this one's are to be.
    """

    ledger_id: int
    same_as: int | None
    pack: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a claimed file was not loaded; with `retry_after` it is taken again by itself."""

    ledger_id: int
    reason: str
    state: FailedState = "failed"
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Publication:
    """What is to be published of one file, and how many rows to expect in staging.

    With `same_as`, nothing was staged: totals, warnings and links are those of that row.
    `header` is what the Header says of period and program, by the columns of the ledger.
    """

    ledger_id: int
    company_id: str | None = None
    date_created: date | None = None
    invoices: int = 0
    lines: int = 0
    customers: int = 0
    declared: ControlTotals = _UNKNOWN
    computed: ControlTotals = _UNKNOWN
    warnings: list[FileWarning] = field(default_factory=list)
    same_as: int | None = None
    header: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What publishing made of one file.

    `rows` are those that the file holds, `written` those that were inserted or changed, by table.
    `warnings` are the ledger row's, with conflicts. A file that is `failed` is still claimed: the
    caller says with `fail` what becomes of it; `transient` says that trying again may help.
    """

    ledger_id: int
    status: Literal["loaded", "failed", "lost"]
    error: str | None = None
    transient: bool = False
    rows: dict[str, int] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    warnings: list[FileWarning] = field(default_factory=list)
