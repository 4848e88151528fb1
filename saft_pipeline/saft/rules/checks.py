"""The checks that people are told of: each sums up rules under a name that `BLOCK_ON` knows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from saft_pipeline.saft.records import Warning_
from saft_pipeline.saft.rules.findings import Finding, Findings, Rule, Severity


class Check(NamedTuple):
    """What is looked at in a file while it is read, in an accountant's words."""

    name: str
    rules: tuple[Rule, ...]
    description: str


CHECKS = (
    Check(
        "control_totals",
        ("control_totals",),
        "NumberOfEntries, TotalDebit and TotalCredit are what the file's documents come to.",
    ),
    Check(
        "gross_total",
        ("gross_total",),
        "GrossTotal is NetTotal and TaxPayable together, but for a cent of rounding.",
    ),
    Check(
        "line_totals",
        ("net_total", "tax_payable", "line_side"),
        "NetTotal and TaxPayable follow from the lines, up to rounding; each line is either a "
        "debit or a credit.",
    ),
    Check(
        "nif",
        ("nif",),
        "The company's NIF and those of Portuguese customers have the right check digit.",
    ),
    Check(
        "atcud",
        ("atcud",),
        "Every document has its ATCUD: one code for the whole series, and its own number; 0 only "
        "until 2022.",
    ),
    Check(
        "hash",
        ("hash", "hash_chain"),
        "Every document of a certified program is signed; in a series no signature is missing or "
        "appears twice, and the key never goes back.",
    ),
    Check(
        "series_gaps",
        ("series_gap", "series_limit"),
        "In no series is a number missing.",
    ),
    Check(
        "series_order",
        ("invoice_no", "series_order", "series_type"),
        "Documents are numbered in the order of their dates, and a series has one type of "
        "document.",
    ),
    Check(
        "document_dates",
        ("period", "invoice_date"),
        "Documents are dated within the file's period, and not after they were entered.",
    ),
    Check(
        "credit_notes",
        ("reference",),
        "A credit note names the document that it corrects, and that document is there.",
    ),
    Check(
        "tax_rates",
        ("tax_rate",),
        "VAT is at the rate of its region, code and date.",
    ),
    Check(
        "tax_exemptions",
        ("tax_exemption",),
        "A line without tax says why, and one with tax doesn't.",
    ),
    Check(
        "master_files",
        ("customer", "product"),
        "Every customer and product that a document names is in MasterFiles.",
    ),
)
NAMES = tuple(check.name for check in CHECKS)
_COUNTED: tuple[Severity, ...] = ("error", "warning")


def amiss(check: Check, findings: Findings) -> int:
    """How many findings a check has; what a file alone can't show (info) is none."""
    return sum(findings.counts[rule, kind] for rule in check.rules for kind in _COUNTED)


def first(check: Check, findings: Findings) -> list[Finding]:
    """Those that were kept, in the order in which they were found."""
    return [f for f in findings.kept if f.rule in check.rules and f.severity in _COUNTED]


def told(document: str | None, expected: str | None, found: str | None) -> str:
    """`FT A/3: 12.31, expected 12.30`, in one line."""
    about = f"{document}: " if document else ""
    wanted = f", expected {expected}" if expected else ""
    return f"{about}{found or 'nothing'}{wanted}"


def blocked(path: str, findings: Findings, names: Collection[str]) -> str | None:
    """Why a file is not to be published: its first finding of each of these checks."""
    reasons = []
    for check in CHECKS if names and findings.counts else ():
        if check.name in names and (count := amiss(check, findings)):
            one = first(check, findings)[0]
            place = f"{path}:{one.line}" if one.line else path
            reasons.append(
                f"{place}: check {check.name}: {told(*one[3:])} "
                f"(findings: {count:,}; BLOCK_ON names this check)"
            )
    return "\n".join(reasons) or None


def summaries(findings: Findings, warnings: Collection[Warning_]) -> Iterator[Warning_]:
    """A warning for each check that found something, unless reading has warned of it itself."""
    known = {warning["code"] for warning in warnings}
    for check in CHECKS if findings.counts else ():
        if check.name not in known and (count := amiss(check, findings)):
            one = first(check, findings)[0]
            message = f"findings: {count:,}; the first: {told(*one[3:])}"
            yield {"code": check.name, "message": message, "line": one.line, "findings": count}
