"""What is missing across files and months, and what contradicts itself there.

Numbers of a series that no file has; months between a company's first and last that no file of
invoices covers; validation codes (ATCUD) that are not of one series; documents that credit notes
take back more than once; credit notes of what is cancelled, later or another customer's; numbers
that came twice with other content.
"""

from __future__ import annotations

from collections.abc import Mapping

from saft_pipeline.reports.language import Language
from saft_pipeline.reports.report import Report, Table, frame, total
from saft_pipeline.reports.selection import Selection
from saft_pipeline.store.reports import Reports, Rows

_COLUMNS = [
    *("company_id", "series", "first_missing", "last_missing", "missing"),
    *("previous_date", "invoice_date"),
]
_MOST = 1000
_NOTE = "A thousand of each at most. A number may be in a file that has not come yet."
# Tables by name: heading, columns, and which of them are amounts.
_TABLES = {
    "gaps": ("Numbers that are missing in series", " ".join(_COLUMNS), ""),
    "months": ("Months without a file", "company_id month", ""),
    "codes": ("Validation codes that are not of one series", "company_id series codes", ""),
    "credits": (
        "Credited above what was invoiced",
        "company_id invoice_no invoice_date net_total credited",
        "net_total credited",
    ),
    "credit_notes": (
        "Credit notes of what is cancelled, later or another customer's",
        "company_id credit_note_no credit_note_date customer_id invoice_no invoice_date "
        "invoice_status invoice_customer_id",
        "",
    ),
    "conflicts": ("Numbers that came twice with other content", "company_id invoice_no path", ""),
}


def gaps_report(source: Reports, selection: Selection) -> Report:
    """The report, of one company or all."""
    found = source.gaps(selection.company_id, selection.start_date, selection.end_date)
    return _report(found, selection)


def continuity(source: Reports) -> Report:
    """The same of all, for who looks again and again: only what came since then is looked at."""
    return _report(source.continuity(), Selection())


def _report(found: Mapping[str, Rows], selection: Selection) -> Report:
    say = selection.language.text
    tables = [
        Table(name, say(heading), frame(found[name], columns, amounts), say(_NOTE))
        for name, (heading, columns, amounts) in _TABLES.items()
    ]
    shown = [table for table in tables if not table.frame.empty] or tables[:1]
    return Report(
        "gaps",
        say("Gaps"),
        f"{selection.company} · {selection.days}",
        _verdict(found, selection.language),
        not any(found.values()),
        {"missing": int(total(tables[0].frame["missing"]))}
        | {name: len(rows) for name, rows in found.items()},
        {},
        shown[0].name,
        shown,
        selection.language,
    )


def _verdict(found: Mapping[str, Rows], language: Language) -> str:
    """What there is to look at, by table, in a sentence; `1,000+` where the table has not all."""
    if not any(found.values()):
        return language.text("Nothing is missing, and nothing contradicts itself.")
    listed = (
        f"{language.label(name).lower()} {language.number(len(rows))}{'+' * (len(rows) >= _MOST)}"
        for name, rows in found.items()
        if rows
    )
    return language.text("To look at: {findings}.", findings=", ".join(listed))
