"""What the sections declare against what their documents come to: the one definition of it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from saft_pipeline.saft.records import Totals
from saft_pipeline.saft.rules.findings import Finding, finding
from saft_pipeline.saft.sections import DECLARED_TAGS, SECTION_KINDS

_HALF = Decimal("0.5")
_SECTIONS = {kind.key: tag for tag, kind in SECTION_KINDS.items()}
_ELEMENTS = {key: tag for tag, key in DECLARED_TAGS.items()}
_OF_INVOICES = ("number_of_entries", "total_debit", "total_credit")


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
                about = f"{_SECTIONS[section]}/{_ELEMENTS[name]}"
                yield finding("control_totals", line, about, str(expected), str(given))
    if totals.invoices:
        for name in _OF_INVOICES:
            if getattr(totals.declared, name) is None:
                line = totals.section_lines.get("sales_invoices")
                yield finding("mandatory", line, "SalesInvoices", _ELEMENTS[name], None)


def _digits(amount: str) -> int:
    return len(amount.partition(".")[2])
