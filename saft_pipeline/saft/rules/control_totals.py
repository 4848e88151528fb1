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


def control_totals(totals: Totals) -> Iterator[Finding]:
    """Each declared total within half of its last digit of what was read (4.1.1 to 4.1.3)."""
    sections = {
        "sales_invoices": (totals.declared._asdict(), totals.computed._asdict()),
        **{name: (s["declared"], s["computed"]) for name, s in totals.sections.items()},
    }
    for section, line in totals.section_lines.items():
        declared, computed = sections[section]
        tag = _SECTIONS[section]
        for name, expected in computed.items():
            given = declared.get(name)
            if given is None:
                yield finding("mandatory", line, tag, _ELEMENTS[name], None)
            elif given != expected and not _are_near(str(given), str(expected)):
                about = f"{tag}/{_ELEMENTS[name]}"
                yield finding("control_totals", line, about, str(expected), str(given))


def _are_near(given: str, expected: str) -> bool:
    slack = _HALF.scaleb(-len(given.partition(".")[2]))
    return abs(Decimal(given) - Decimal(expected)) <= slack
