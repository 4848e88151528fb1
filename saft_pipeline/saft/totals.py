"""What a document comes to as it is read: counts, sums, keys seen and warnings."""

from __future__ import annotations

from dataclasses import dataclass, field

from saft_pipeline.saft.records import ControlTotals, Totals
from saft_pipeline.saft.sections import Section, control_totals_of
from saft_pipeline.saft.seen import SeenKeys
from saft_pipeline.saft.warnings import Warnings


@dataclass(slots=True)
class RunningTotals:
    """The figures of a document, or of some of its invoices, as far as it is read."""

    # Whether invoices are compared by all that they say, even where it is put differently.
    exact: bool = False
    warnings: Warnings = field(default_factory=Warnings)
    sections: dict[str, Section] = field(default_factory=dict)
    invoices: int = 0
    lines: int = 0
    customers: int = 0
    # Beside each is a hash of what it says.
    seen_invoices: SeenKeys = field(default_factory=lambda: SeenKeys("q"))
    seen_customers: SeenKeys = field(default_factory=lambda: SeenKeys("q"))

    def add_invoices(self, other: RunningTotals) -> bool:
        """Add those of invoices read apart; False, and nothing is added, if one was seen before."""
        if not self.seen_invoices.add_all(other.seen_invoices):
            return False
        for key, section in other.sections.items():
            self.sections[key].add(section)
        self.invoices += other.invoices
        self.lines += other.lines
        self.warnings.add_all(other.warnings)
        return True

    def finished(self) -> Totals:
        """The figures as the last record of a document."""
        others = {k: s.totals() for k, s in self.sections.items() if k != "sales_invoices"}
        sales = self.sections.get("sales_invoices")
        declared = control_totals_of(sales.declared if sales else {})
        computed = control_totals_of(sales.computed()) if sales else ControlTotals(0, "0", "0")
        lines = {key: section.line for key, section in self.sections.items()}
        read = (self.invoices, self.lines, self.customers)
        return Totals(declared, computed, *read, others, lines)
