"""What a rule says when something is not as it should be."""

from __future__ import annotations

from collections import Counter
from typing import Literal, NamedTuple

# error: the file contradicts itself or the schema. warning: it hardly can be right. info: it may
# well be right, but the file alone can't show it.
Severity = Literal["error", "warning", "info"]
Rule = Literal[
    "atcud", "control_totals", "customer", "gross_total", "hash", "hash_chain", "invoice_date",
    "invoice_no", "line_side", "net_total", "nif", "period", "product", "reference", "series_gap",
    "series_limit", "series_order", "series_type", "tax_exemption", "tax_payable", "tax_rate",
]  # fmt: skip


class Finding(NamedTuple):
    """One thing found; `line` is that of the record in the file, None for the file as a whole.

    `document` is the InvoiceNo, CustomerID or element that it is about.
    """

    rule: Rule
    severity: Severity
    line: int | None
    document: str | None
    expected: str | None
    found: str | None


class Findings:
    """Counts every finding and keeps the first `most` of each rule and severity."""

    def __init__(self, most: int = 100) -> None:
        self._most = most
        self.kept: list[Finding] = []
        self.counts: Counter[tuple[Rule, Severity]] = Counter()

    def add(self, finding: Finding) -> None:
        """Take one more."""
        kind = finding.rule, finding.severity
        self.counts[kind] += 1
        if self.counts[kind] <= self._most:
            self.kept.append(finding)
