"""SourceDocuments' four sections and the ledger: what each declares and its documents come to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from saft_pipeline.saft.records import ControlTotals
from saft_pipeline.saft.values import ZERO, exact_add, exact_sum, plain

_MOST_WAITING = 1000  # amounts


@dataclass(frozen=True)
class SectionKind:
    """A section's names: its documents' element, the states that its totals leave out.

    Of one without a document only what it declares is read.
    """

    key: str
    document: str
    left_out: frozenset[str]


# What the totals leave out is in Portaria 302/2016, tables 4.1 to 4.4: cancelled documents, and
# of invoices also those billed by another (F).
SECTION_KINDS = {
    "SalesInvoices": SectionKind("sales_invoices", "Invoice", frozenset("AF")),
    "MovementOfGoods": SectionKind("movement_of_goods", "StockMovement", frozenset("A")),
    "WorkingDocuments": SectionKind("working_documents", "WorkDocument", frozenset("A")),
    "Payments": SectionKind("payments", "Payment", frozenset("A")),
    "GeneralLedgerEntries": SectionKind("general_ledger_entries", "", frozenset()),
}
STATUS_TAGS = frozenset(("InvoiceStatus", "MovementStatus", "WorkStatus", "PaymentStatus"))
DECLARED_TAGS = {
    "NumberOfEntries": "number_of_entries",
    "TotalDebit": "total_debit",
    "TotalCredit": "total_credit",
    "NumberOfMovementLines": "number_of_movement_lines",
    "TotalQuantityIssued": "total_quantity_issued",
}


@dataclass
class Section:
    """One section as it is read."""

    kind: SectionKind
    line: int
    declared: dict[str, str] = field(default_factory=dict)
    documents: int = 0
    lines: int = 0
    debit: Decimal = ZERO
    credit: Decimal = ZERO
    quantity: Decimal = ZERO
    _debits: list[str] = field(default_factory=list)  # that are not in `debit` yet
    _credits: list[str] = field(default_factory=list)

    def add(self, other: Section) -> None:
        """Add what documents of the same kind, read apart, come to."""
        other._settle()
        self.declared |= other.declared
        self.documents += other.documents
        self.lines += other.lines
        self.debit = exact_add(self.debit, other.debit)
        self.credit = exact_add(self.credit, other.credit)
        self.quantity = exact_add(self.quantity, other.quantity)

    def add_document(
        self,
        status: str | None,
        lines: int,
        debits: Iterable[str | None],
        credits: Iterable[str | None],  # noqa: A002 - SAF-T's word
    ) -> None:
        """Add what a document of so many lines comes to."""
        self.documents += 1
        self.lines += lines
        if status not in self.kind.left_out:
            self._debits += filter(None, debits)
            self._credits += filter(None, credits)
            if len(self._debits) + len(self._credits) > _MOST_WAITING:
                self._settle()

    def _settle(self) -> None:
        """Add what waits: many at once take a third of the time."""
        self.debit = exact_sum(self._debits, self.debit)
        self.credit = exact_sum(self._credits, self.credit)
        self._debits, self._credits = [], []

    def computed(self) -> dict[str, str]:
        """What the documents come to, of all that the section may declare."""
        if not self.kind.document:
            return {}
        self._settle()
        if self.kind.key == "movement_of_goods":
            return {
                "number_of_movement_lines": str(self.lines),
                "total_quantity_issued": plain(self.quantity),
            }
        return {
            "number_of_entries": str(self.documents),
            "total_debit": plain(self.debit),
            "total_credit": plain(self.credit),
        }

    def totals(self) -> dict[str, dict[str, int | str | None]]:
        """Declared and computed, and how many documents and lines there are."""
        return {
            "declared": dict(self.declared),
            "computed": dict(self.computed()),
            "read": {"documents": self.documents, "lines": self.lines},
        }


def control_totals_of(values: dict[str, str]) -> ControlTotals:
    """The three control totals of invoices."""
    entries = values.get("number_of_entries")
    return ControlTotals(
        int(entries) if entries is not None else None,
        values.get("total_debit"),
        values.get("total_credit"),
    )


class Sums:
    """The debit, credit and quantity of one document's lines."""

    __slots__ = ("credit", "debit", "lines", "quantity", "status")

    def __init__(self) -> None:
        self.status: str | None = None
        self.lines = 0
        self.debit = self.credit = self.quantity = ZERO

    def line(self, debit: str | None, credit: str | None, quantity: str | None = None) -> None:
        """Count a line."""
        self.lines += 1
        if credit is not None:
            self.credit = exact_add(self.credit, Decimal(credit))
        if debit is not None:
            self.debit = exact_add(self.debit, Decimal(debit))
        if quantity is not None:
            self.quantity = exact_add(self.quantity, Decimal(quantity))

    def into(self, section: Section) -> None:
        """Add the document to its section's totals."""
        section.documents += 1
        section.lines += self.lines
        if self.status not in section.kind.left_out:
            section.debit = exact_add(section.debit, self.debit)
            section.credit = exact_add(section.credit, self.credit)
            section.quantity = exact_add(section.quantity, self.quantity)
