"""What the sections declare against what their documents come to: the one definition of it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from saft_pipeline.saft.records import Totals
from saft_pipeline.saft.rules.findings import Finding, finding

_HALF = Decimal("0.5")
_ELEMENTS = {
    "number_of_entries": "NumberOfEntries",
    "total_debit": "TotalDebit",
    "total_credit": "TotalCredit",
}


def control_totals(totals: Totals) -> Iterator[Finding]:
    """Each declared total within half of its last digit of what was read (4.1.1 to 4.1.3)."""
    sections = {
        "sales_invoices": (totals.declared._asdict(), totals.computed._asdict()),
        **{name: (s["declared"], s["computed"]) for name, s in totals.sections.items()},
    }
    for section, (declared, computed) in sections.items():
        line = totals.section_lines.get(section)
        for name, given in declared.items():
            expected = computed.get(name)
            if given is None or expected is None:
                continue
            if abs(Decimal(given) - Decimal(expected)) > _HALF.scaleb(-_digits(str(given))):
                about = f"{section}.{name}"
                yield finding("control_totals", line, about, str(expected), str(given))
    if totals.invoices:
        for name, element in _ELEMENTS.items():
            if getattr(totals.declared, name) is None:
                line = totals.section_lines.get("sales_invoices")
                yield finding("mandatory", line, "SalesInvoices", element, None)


def _digits(amount: str) -> int:
    return len(amount.partition(".")[2])
