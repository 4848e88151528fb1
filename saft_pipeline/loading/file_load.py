"""A claimed file on its way to the tables, and the groups that files go in.

A group's files share one fetch and one publish.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from saft_pipeline.loading.read import Reading, Rejection
from saft_pipeline.saft.records import Header
from saft_pipeline.saft.rules.checks import summaries
from saft_pipeline.sftp.client import Fetched
from saft_pipeline.store.model import LedgerFile, Outcome, Publication
from saft_pipeline.store.spool import Spool

LEDGER_FACTS = (
    *("start_date", "end_date", "tax_entity", "tax_accounting_basis"),
    *("software_certificate_number", "product_id"),
)
"""What the Header says of a file that the ledger has a column for, besides DateCreated."""
FIRST_GROUP_FILES = 50
GROUP_FILES = 200
GROUP_BYTES = 16 << 20


@dataclass
class Load:
    """One file on its way; `rejection` says why it got no further.

    `is_other`: what came is of another size than the ledger knew, so that no later look may tell.
    """

    file: LedgerFile
    fetched: Fetched | None = None
    is_other: bool = False
    same_as: int | None = None
    pack: str | None = None
    reading: Reading | None = None
    outcome: Outcome | None = None
    rejection: Rejection | None = None

    @property
    def loaded(self) -> bool:
        """Whether its rows are in the tables."""
        return self.outcome is not None and self.outcome.status == "loaded"

    @property
    def error(self) -> str | None:
        """Why it is not in the tables."""
        return self.rejection.reason if self.rejection else None

    @property
    def warnings(self) -> list[dict[str, Any]]:
        """Those of the ledger, once it has them; else what reading warns of."""
        if self.outcome is not None:
            return self.outcome.warnings
        return self.reading.warnings if self.reading else []

    @property
    def publication(self) -> Publication:
        """What is to be published of it, once it was read."""
        if self.same_as is not None:
            return Publication(self.file.id, same_as=self.same_as)
        reading = self.reading
        assert reading is not None
        assert reading.header is not None
        assert reading.totals is not None
        assert reading.findings is not None
        created = reading.header.date_created
        counts = reading.rows.counts
        return Publication(
            self.file.id,
            company_id=reading.company_id,
            date_created=date.fromisoformat(created) if created else None,
            invoices=counts["invoices"],
            lines=counts["invoice_lines"],
            customers=counts["customers"],
            declared=reading.totals.declared,
            computed=reading.totals.computed,
            warnings=[*reading.warnings, *summaries(reading.findings, reading.warnings)],
            header=_facts(reading.header),
        )

    def discard(self) -> None:
        """Let go of the bytes and the spooled rows."""
        if self.reading is not None:
            self.reading.rows.close()
        if self.fetched is not None:
            self.fetched.discard()


def _facts(header: Header) -> dict[str, str]:
    extra = header.extra  # made anew each time
    given = {name: extra.get(name) for name in LEDGER_FACTS}
    return {name: value for name, value in given.items() if isinstance(value, str)}


@dataclass(frozen=True)
class Arrived:
    """Files that were fetched together, which `began` then (epoch)."""

    loads: Sequence[Load]
    began: float


@dataclass(frozen=True)
class Group:
    """Files that share a fetch and a publish, and what reading those that came will give."""

    loads: Sequence[Load]
    under_way: Sequence[Load]
    readings: Future[list[Reading]]


@dataclass
class GroupRows:
    """A group's rows, still where reading them left them; `outcomes` once they are published.

    `outcomes` are those of `loads`, in their order.
    """

    owner: str
    group: Sequence[Load]
    outcomes: Sequence[Outcome] = ()
    loads: Sequence[Load] = field(init=False)

    def __post_init__(self) -> None:
        """Those that got so far."""
        self.loads = [load for load in self.group if load.rejection is None]

    def spools(self, table: str) -> list[Spool]:
        """The rows of one table; bytes that were loaded before bring none."""
        fresh = [load.reading for load in self.loads if load.same_as is None and load.reading]
        return [reading.rows.spools[table] for reading in fresh]

    @property
    def publications(self) -> list[Publication]:
        """What is to be published, file by file."""
        return [load.publication for load in self.loads]


def groups(files: Sequence[LedgerFile]) -> Iterator[list[LedgerFile]]:
    """Cut files into groups that share one fetch and one publish; a large file goes alone.

    They grow: with the first all stages have work soon, later ones spare round trips.
    """
    group: list[LedgerFile] = []
    size, most = 0, FIRST_GROUP_FILES
    for file in files:
        if group and (len(group) == most or size + file.size > GROUP_BYTES):
            yield group
            group, size, most = [], 0, min(2 * most, GROUP_FILES)
        group.append(file)
        size += file.size
    if group:
        yield group
