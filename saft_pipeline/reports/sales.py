"""Sales by branch and day: the totals of documents, credit notes and returns subtracted.

Documents with status A or F are left out, as in the control totals. The totals are those in the
documents (NetTotal, TaxPayable, GrossTotal), with the sign of their lines; the day is InvoiceDate.
The branch is that of the newest file that holds the document and has a branch in its name.
"""

from __future__ import annotations

from decimal import localcontext

import pandas as pd

from saft_pipeline.reports.charts import stacked_bars
from saft_pipeline.reports.report import EXACT, Report, Table, cents, frame, objects, shown, total
from saft_pipeline.reports.selection import Selection
from saft_pipeline.store.reports import Reports

_AMOUNTS = ("net_total", "tax_payable", "gross_total")
COLUMNS = ["company_id", "invoice_date", "branch", "documents", *_AMOUNTS]
_SUMMED = ("documents", *_AMOUNTS)
_MOST_DAYS = 92  # more are shown by month


def sales(source: Reports, selection: Selection) -> Report:
    """The report, by company, day and branch."""
    with localcontext(EXACT):
        rows = source.sales(selection.company_id, selection.start_date, selection.end_date)
        days = frame(rows, " ".join(COLUMNS), " ".join(_AMOUNTS))
        for name in _AMOUNTS:
            days[name] = objects(map(cents, days[name]))
        tables = [
            Table("branches", "Sales by branch", by_branch(days), summed=_SUMMED),
            Table("days", "Sales by day and branch", days, summed=_SUMMED),
        ]
        return Report(
            "sales",
            "Sales",
            f"{selection.company} · {selection.days}",
            _verdict(days),
            is_well=True,
            figures=_figures(days),
            charts=_charts(days),
            main="days",
            tables=tables,
        )


def by_branch(days: pd.DataFrame) -> pd.DataFrame:
    """The same by company and branch only, the largest first."""
    keys = ["company_id", "branch"]
    found = days.groupby(keys, dropna=False, as_index=False, sort=False)[list(_SUMMED)].sum()
    return found.sort_values("net_total", ascending=False, kind="stable", ignore_index=True)


def _verdict(days: pd.DataFrame) -> str:
    unnamed = total(days.loc[days["branch"].isna(), "documents"])
    if not unnamed:
        return "Every document is in a file that names a branch."
    return f"{int(unnamed):,} documents are in files whose names tell no branch."


def _figures(days: pd.DataFrame) -> dict[str, str]:
    return {
        "Documents": f"{int(total(days['documents'])):,}",
        "Net": shown("net_total", total(days["net_total"])),
        "TaxPayable": shown("tax_payable", total(days["tax_payable"])),
        "Gross": shown("gross_total", total(days["gross_total"])),
        "Days": f"{days['invoice_date'].nunique():,}",
    }


def _charts(days: pd.DataFrame) -> dict[str, str]:
    unit = "day"
    if days["invoice_date"].nunique() > _MOST_DAYS:
        unit = "month"
        days = days.assign(invoice_date=days["invoice_date"].str.slice(0, 7))
    chart = stacked_bars(days, x="invoice_date", stack="branch", value="net_total", label="Net")
    return {f"Net sales by {unit} and branch": chart}
