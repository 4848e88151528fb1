"""Sales by branch and day: the totals of documents, credit notes and returns subtracted.

Documents with status A or F are left out, as in the control totals. The totals are those in the
documents (NetTotal, TaxPayable, GrossTotal), with the sign of their lines; the day is InvoiceDate.
The branch is that of the newest file that holds the document and has a branch in its name.
"""

from __future__ import annotations

from decimal import localcontext
from typing import Any

import pandas as pd

from saft_pipeline.reports.charts import stacked_bars
from saft_pipeline.reports.language import Language
from saft_pipeline.reports.report import EXACT, Report, Table, cents, frame, objects, total
from saft_pipeline.reports.selection import Selection
from saft_pipeline.store.reports import Reports

_AMOUNTS = ("net_total", "tax_payable", "gross_total")
SALES_COLUMNS = ["company_id", "invoice_date", "branch", "documents", *_AMOUNTS]
_SUMMED = ("documents", *_AMOUNTS)
_MOST_DAYS = 92  # more are shown by month


def sales_report(source: Reports, selection: Selection) -> Report:
    """The report, by company, day and branch."""
    with localcontext(EXACT):
        rows = source.sales(
            selection.company_id, selection.start_date, selection.end_date, selection.source
        )
        days = frame(rows, " ".join(SALES_COLUMNS), " ".join(_AMOUNTS))
        for name in _AMOUNTS:
            days[name] = objects(map(cents, days[name]))
        say = selection.language.text
        tables = [
            Table("branches", say("Sales by branch"), by_branch(days), summed=_SUMMED),
            Table("days", say("Sales by day and branch"), days, summed=_SUMMED),
        ]
        return Report(
            "sales",
            say("Sales"),
            f"{selection.company} · {selection.days}",
            _verdict(days, selection.language),
            is_well=True,
            figures=_figures(days),
            charts=_charts(days, selection.language),
            main="days",
            tables=tables,
            language=selection.language,
        )


def by_branch(days: pd.DataFrame) -> pd.DataFrame:
    """The same by company and branch only, the largest first."""
    keys = ["company_id", "branch"]
    found = days.groupby(keys, dropna=False, as_index=False, sort=False)[list(_SUMMED)].sum()
    return found.sort_values("net_total", ascending=False, kind="stable", ignore_index=True)


def _verdict(days: pd.DataFrame, language: Language) -> str:
    unnamed = int(total(days.loc[days["branch"].isna(), "documents"]))
    if not unnamed:
        return language.text("Every document is in a file that names a branch.")
    return language.text(
        "Documents in files whose names tell no branch: {count}.", count=language.number(unnamed)
    )


def _figures(days: pd.DataFrame) -> dict[str, Any]:
    sums = {name: total(days[name]) for name in _SUMMED}
    return {**sums, "days": int(days["invoice_date"].nunique())}


def _charts(days: pd.DataFrame, language: Language) -> dict[str, str]:
    x, heading = "invoice_date", language.text("Net sales by day and branch")
    if days["invoice_date"].nunique() > _MOST_DAYS:
        x, heading = "month", language.text("Net sales by month and branch")
        days = days.assign(month=days["invoice_date"].str.slice(0, 7))
    chart = stacked_bars(days, x=x, stack="branch", value="net_total", language=language)
    return {heading: chart}
