"""The checks that people are told of: each sums up rules under a name that `BLOCK_ON` knows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from saft_pipeline.saft.records import FileWarning
from saft_pipeline.saft.rules.findings import Finding, Findings
from saft_pipeline.saft.rules.registry import READING, RULES, Severity


class Check(NamedTuple):
    """What is looked at in a file while it is read, in an accountant's words."""

    name: str
    description: str
    rules: frozenset[str]  # that can find anything: what a file alone can't show (info) can't


_DESCRIPTIONS = {
    READING: "The file was read as it stands: version, encoding, each element and key once.",
    "mandatory_elements": ("What the schema of the file's version calls mandatory is there."),
    "header": ("The Header says each fact once, and its dates agree."),
    "code_lists": ("Types, statuses and other codes are in their lists, and in force."),
    "control_totals": (
        "NumberOfEntries, TotalDebit and TotalCredit are what the file's documents come to."
    ),
    "gross_total": ("GrossTotal is NetTotal and TaxPayable together, but for rounding."),
    "line_totals": (
        "NetTotal and TaxPayable follow from the lines, up to rounding; each line is either a "
        "debit or a credit."
    ),
    "debit_credit": ("What credit notes give back is debited, what is sold is credited."),
    "line_amounts": (
        "Amounts are Quantity times UnitPrice, are not negative, and are no taxpayer's number."
    ),
    "nif": ("The NIFs of the company and of Portuguese customers can be right."),
    "atcud": (
        "Every document has its ATCUD: one code for the whole series and no other, and its own "
        "number; 0 only until 2022."
    ),
    "hash": (
        "Every document of a certified program is signed; no signature is missing or appears "
        "twice, and in a series the key never goes back."
    ),
    "series_gaps": ("In no series is a number missing."),
    "series_order": (
        "Documents are numbered in the order of their dates, and a series has one type of document."
    ),
    "document_dates": (
        "Documents are dated within the file's period, and not after they were entered."
    ),
    "document_status": ("A status is not older than its document, and a cancellation says why."),
    "currency": ("An amount in another currency has its rate, and comes to GrossTotal."),
    "payments": ("Payments and withholding tax fit the document's total."),
    "simplified_invoices": ("Simplified invoices are within their limits."),
    "credit_notes": (
        "A credit note names the document that it corrects; that document is there, older, not "
        "cancelled, the same customer's, and of no less."
    ),
    "tax_rates": ("VAT is at the rate of its region, code and date."),
    "tax_exemptions": (
        "A line without tax says why with a code in force that holds for the buyer; one with tax "
        "not."
    ),
    "master_files": ("Every customer and product that a document names is in MasterFiles."),
    "cash_vat": ("Documents under the cash VAT scheme: their VAT is owed when paid."),
}
CHECKS = tuple(
    Check(
        name,
        description,
        frozenset(
            rule.name for rule in RULES.values() if rule.check == name and rule.severity != "info"
        ),
    )
    for name, description in _DESCRIPTIONS.items()
)
NAMES = tuple(check.name for check in CHECKS)


def count_of(check: Check, findings: Findings) -> int:
    """How many findings a check has that are errors or warnings."""
    return sum(count for rule, count in findings.counts.items() if rule in check.rules)


def first(check: Check, findings: Findings) -> list[Finding]:
    """Those that were kept, in the order in which they were found."""
    return [found for found in findings.kept if found.rule in check.rules]


def in_words(document: str | None, expected: str | None, found: str | None) -> str:
    """`FT A/3: 12.31, expected 12.30`, in one line."""
    about = f"{document}: " if document else ""
    wanted = f", expected {expected}" if expected else ""
    return f"{about}{found or 'nothing'}{wanted}"


def blocked(path: str, findings: Findings, names: Collection[str]) -> str | None:
    """Why a file is not to be published: its first finding of each of these checks."""
    reasons = []
    for check in CHECKS if names and findings.counts else ():
        if check.name in names and (count := count_of(check, findings)):
            one = first(check, findings)[0]
            place = f"{path}:{one.line}" if one.line else path
            reasons.append(
                f"{place}: check {check.name}: {in_words(*one[3:])} "
                f"(findings: {count:,}; BLOCK_ON names this check)"
            )
    return "\n".join(reasons) or None


def _worst(check: Check, findings: Findings) -> Severity:
    found = (RULES[rule].severity for rule in findings.counts if rule in check.rules)
    return "error" if "error" in found else "warning"


def summaries(findings: Findings, warnings: Collection[FileWarning]) -> Iterator[FileWarning]:
    """A warning for each check that found something, unless reading has warned of it itself."""
    known = {READING, *(warning["code"] for warning in warnings)}
    for check in CHECKS if findings.counts else ():
        if check.name not in known and (count := count_of(check, findings)):
            one = first(check, findings)[0]
            message = f"findings: {count:,}; the first: {in_words(*one[3:])}"
            severity = _worst(check, findings)
            yield {
                "code": check.name,
                "message": message,
                "line": one.line,
                "findings": count,
                "severity": severity,
            }
