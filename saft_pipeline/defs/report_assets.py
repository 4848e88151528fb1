"""The reports as assets: what they come to and a chart, in the metadata of each materialization.

Nobody launches them but a person: they are in no job and no sensor's run. They ask the store for
sums instead of loading their inputs, which may be millions of rows. pandas is imported at work
only: no other run needs it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import dagster as dg

from saft_pipeline.defs.resources import Pipeline

if TYPE_CHECKING:
    from saft_pipeline.reports.report import Report, Table

GROUP = "reports"
_MOST_ROWS = 100


@dg.asset(group_name=GROUP, kinds={"pandas"}, deps=["invoices", "invoice_lines"])
def vat_summary(saft: Pipeline) -> dg.MaterializeResult[None]:
    """VAT of each company by month, region and rate, beside its documents' own TaxPayable."""
    from saft_pipeline.reports.selection import Selection, opened
    from saft_pipeline.reports.vat import vat

    with opened(saft.settings) as source:
        return _result(vat(source, Selection()), newest="month")


@dg.asset(
    group_name=GROUP,
    kinds={"pandas"},
    deps=["invoices", "invoice_lines", "invoice_file_links", "invoice_files"],
)
def sales_by_day(saft: Pipeline) -> dg.MaterializeResult[None]:
    """Net, tax and gross of each company by branch and day, credit notes subtracted."""
    from saft_pipeline.reports.sales import sales
    from saft_pipeline.reports.selection import Selection, opened

    with opened(saft.settings) as source:
        return _result(sales(source, Selection()), newest="invoice_date")


ASSETS = (vat_summary, sales_by_day)


def _result(report: Report, *, newest: str) -> dg.MaterializeResult[None]:
    from saft_pipeline.reports.charts import image

    charts = (image(svg, name) for name, svg in report.charts.items() if svg)
    table = report.table
    return dg.MaterializeResult(
        metadata={
            "chart": dg.MetadataValue.md("\n\n".join(charts) or report.summary),
            "verdict": report.summary,
            **report.shown_figures,
            table.heading: _table(table, newest),
            "dagster/row_count": len(table.frame),
        }
    )


def _table(table: Table, newest: str) -> dg.TableMetadataValue:
    """The first hundred rows, the newest month or day first; `saft report` has all."""
    ordered = table.frame.sort_values(newest, ascending=False, kind="stable").head(_MOST_ROWS)
    columns = [dg.TableColumn(str(name)) for name in ordered.columns]
    rows = replace(table, frame=ordered).records()
    records = [dg.TableRecord({k: "" if v is None else v for k, v in row.items()}) for row in rows]
    return dg.TableMetadataValue(records, dg.TableSchema(columns))
