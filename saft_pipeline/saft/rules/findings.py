"""What a rule says when something is not as it should be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from saft_pipeline.saft.rules.registry import RULES, Severity


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


def finding(
    rule: str, line: int | None, document: str | None, expected: str | None, found: str | None
) -> Finding:
    """A finding with the severity that its rule has in the registry."""
    return Finding(rule, RULES[rule].severity, line, document, expected, found)


class Findings:
    """Counts every finding and keeps the first `most` of each rule."""

    def __init__(self, most: int = 100) -> None:
        self._most = most
        self.kept: list[Finding] = []
        self.counts: Counter[str] = Counter()

    def add(self, found: Finding) -> None:
        """Take one more."""
        self.counts[found.rule] += 1
        if self.counts[found.rule] <= self._most:
            self.kept.append(found)

    def settle(self, rule: str, line: int, new: Iterable[Finding]) -> None:
        """Take what is known now in place of what a rule found of the document at a line."""
        for old in [f for f in self.kept if (f.rule, f.line) == (rule, line)]:
            self.kept.remove(old)
        self.counts[rule] -= 1
        if self.counts[rule] <= 0:
            del self.counts[rule]
        for found in new:
            self.add(found)

    def forget(self, rule: str) -> None:
        """Drop what a rule found: it turned out that it does not hold."""
        if self.counts.pop(rule, 0):
            self.kept = [found for found in self.kept if found.rule != rule]
