"""What a rule says when something is not as it should be."""

from __future__ import annotations

from collections import Counter
from typing import Literal, NamedTuple

# error: the file contradicts itself or the schema. warning: it hardly can be right. info: it may
# well be right, but the file alone can't show it.
Severity = Literal["error", "warning", "info"]


class Finding(NamedTuple):
    """One thing found; `line` is that of the record in the file, None for the file as a whole.

    `document` is the InvoiceNo, CustomerID or element that it is about.
    """

    rule: str
    severity: Severity
    line: int | None
    document: str | None
    expected: str | None
    found: str | None


class Findings:
    """Counts every finding and keeps the first `most` of each rule."""

    def __init__(self, most: int = 100) -> None:
        self._most = most
        self.kept: list[Finding] = []
        self.counts: Counter[tuple[str, Severity]] = Counter()
        self._kept: Counter[str] = Counter()

    def add(self, finding: Finding) -> None:
        """Take one more."""
        self.counts[finding.rule, finding.severity] += 1
        if self._kept[finding.rule] < self._most:
            self._kept[finding.rule] += 1
            self.kept.append(finding)
