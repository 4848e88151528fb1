"""Files for tests of the store, as they are after reading: made of records, loaded in two lines."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from types import MappingProxyType

from saft_pipeline.saft.fields import COMPANY_FIELDS, CUSTOMER_FIELDS, INVOICE_FIELDS, LINE_FIELDS
from saft_pipeline.saft.records import ControlTotals, Customer, Header, Invoice, Lines, Row
from saft_pipeline.store.model import (
    FetchedContent,
    LedgerFile,
    Outcome,
    Publication,
    SeenFile,
    Settled,
)
from saft_pipeline.store.spool import SPOOLED_TABLES, FileRows
from saft_pipeline.store.store import Store

SOURCE = "sftp://test:22/."
LEASE = timedelta(minutes=2)
VERSION = "0.0.test"
COMPANY = "599999993"

Values = Mapping[str, str | None]
NOTHING: Values = MappingProxyType({})


def at(minute: int) -> datetime:
    """A time on the server, in minutes from the first one."""
    return datetime(2025, 7, 1, tzinfo=UTC) + timedelta(minutes=minute)


def _row(fields: Sequence[str], values: dict[str, str | None]) -> Row:
    assert not values.keys() - set(fields)
    return tuple(values.get(name) for name in fields)


def invoice(
    number: str, lines: int = 1, amount: str = "10.00", values: Values = NOTHING, **more: str | None
) -> Invoice:
    """An invoice of `lines` lines of `amount` each; `values` and `more` are its columns."""
    usual: dict[str, str | None] = {
        "company_id": COMPANY,
        "invoice_no": number,
        "invoice_date": "2025-07-01",
        "invoice_type": number.partition(" ")[0],
        "invoice_status": "N",
        "invoice_status_date": "2025-07-01T09:00:00",
        "customer_id": "C1",
        "net_total": amount,
        "line_count": str(lines),
    }
    columns = {**usual, **values, **more}
    return Invoice(_row(INVOICE_FIELDS, columns), _lines(lines, amount), line=1)


def _lines(count: int, amount: str) -> Lines:
    lines = Lines()
    for number in range(1, count + 1):
        values: dict[str, str | None] = {"line_number": str(number), "credit_amount": amount}
        lines.append(_row(LINE_FIELDS, values | {"description": f"Linha {number}"}), "")
    return lines


def referring(invoice: Invoice, reference: str) -> Invoice:
    """The same with its lines crediting another document: a credit note's debit lines."""
    lines = Lines()
    for values in invoice.lines:
        named = dict(zip(LINE_FIELDS, values, strict=True)) | {"reference": reference}
        named |= {"debit_amount": named["credit_amount"], "credit_amount": None}
        lines.append(_row(LINE_FIELDS, named), "")
    return Invoice(invoice.values, lines, line=1)


def customer(customer_id: str = "C1", **values: str | None) -> Customer:
    """A customer; `values` are columns of `customers`."""
    usual: dict[str, str | None] = {"company_id": COMPANY, "customer_id": customer_id}
    return Customer(_row(CUSTOMER_FIELDS, usual | values), line=1)


@dataclass(frozen=True)
class File:
    """A file on the server whose bytes are all that is given here but path and time."""

    path: str
    invoices: tuple[Invoice, ...] = ()
    customers: tuple[Customer, ...] = ()
    modified_at: datetime = field(default_factory=lambda: at(0))
    company_id: str = COMPANY
    company_name: str = "Padaria São João, Lda"
    date_created: date | None = date(2025, 7, 1)
    bytes_: str = ""

    @property
    def sha256(self) -> str:
        """Of what stands for its bytes."""
        content = [
            self.bytes_, self.company_id, self.company_name, self.date_created,
            *((i.values, list(i.lines)) for i in self.invoices),
            *(c.values for c in self.customers),
        ]  # fmt: skip
        return hashlib.sha256(repr(content).encode()).hexdigest()

    @property
    def seen(self) -> SeenFile:
        """As a listing shows it."""
        name = self.path.rpartition("/")[2]
        return SeenFile(self.path, name, None, len(repr(self)), self.modified_at)

    @cached_property
    def records(self) -> tuple[Header | Customer | Invoice, ...]:
        """What reading it gives, as far as there are tables for it."""
        company = {"company_id": self.company_id, "company_name": self.company_name}
        header = Header(_row(COMPANY_FIELDS, dict(company)), line=1)
        return header, *self.customers, *self.invoices


def owner() -> str:
    """The name of a new claim."""
    return f"claim-{uuid.uuid4().hex[:12]}"


def observe(store: Store, *files: File, whole: bool = False) -> list[LedgerFile]:
    """Have the ledger know the files, by a listing; `whole` says that it lacks none."""
    store.observe(SOURCE, [f.seen for f in files], whole=whole)
    return [ledger(store, f.path) for f in files]


def ledger(store: Store, path: str) -> LedgerFile:
    """The current row of a path."""
    return store.files(source=SOURCE, path=path)[0]


def claim(store: Store, *files: File, by: str, lease: timedelta = LEASE) -> list[Settled]:
    """Observe, claim and settle the files; in the order of `files`."""
    ids = [f.id for f in observe(store, *files)]
    assert len(store.claim(by, lease=lease, ids=ids)) == len(files)
    return settle(store, *zip(ids, files, strict=True), by=by)


def settle(store: Store, *files: tuple[int, File], by: str) -> list[Settled]:
    """Tell the ledger what fetching claimed files found."""
    contents = [FetchedContent(i, f.sha256, f.seen.size, f.modified_at) for i, f in files]
    return store.settle(by, contents, VERSION)


def stage(store: Store, *files: tuple[int, File]) -> list[Publication]:
    """Stage each file's rows under its ledger id; what is then to be published."""
    spooled = [(_spooled(ledger_id, file), file) for ledger_id, file in files]
    for table in SPOOLED_TABLES:
        store.stage([rows.spools[table] for rows, _ in spooled])
    return [publication(rows, file) for rows, file in spooled]


def _spooled(ledger_id: int, file: File) -> FileRows:
    rows = FileRows(ledger_id)
    for record in file.records:
        rows.write(record)
    return rows


def publication(rows: FileRows, file: File) -> Publication:
    """What publishing is told of a file whose rows are spooled."""
    counts = rows.counts
    totals = ControlTotals(counts["invoices"], "0.00", "10.00")
    return Publication(
        rows.spools["companies"].ledger_id,
        company_id=file.company_id,
        date_created=file.date_created,
        invoices=counts["invoices"],
        lines=counts["invoice_lines"],
        customers=counts["customers"],
        declared=totals,
        computed=totals,
    )


def prepare(store: Store, *files: File, by: str) -> list[Publication]:
    """All up to publishing: seen, claimed, settled and, unless known bytes, staged."""
    both = list(zip(claim(store, *files, by=by), files, strict=True))
    fresh = stage(store, *((s.ledger_id, f) for s, f in both if s.same_as is None))
    known = [Publication(s.ledger_id, same_as=s.same_as) for s, _ in both if s.same_as]
    place = {s.ledger_id: n for n, (s, _) in enumerate(both)}
    return sorted([*fresh, *known], key=lambda p: place[p.ledger_id])


def publish(store: Store, publications: Sequence[Publication], by: str) -> list[Outcome]:
    """Publish what is staged."""
    return store.publish(by, publications, run_id="run-1", saft_version=VERSION)


def load(store: Store, *files: File, by: str | None = None) -> list[Outcome]:
    """Load the files as one group, as a run does."""
    by = by or owner()
    return publish(store, prepare(store, *files, by=by), by)
