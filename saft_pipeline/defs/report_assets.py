"""The reports as assets: what they come to and a chart, in the metadata of each materialization.

They are made when the tables they come from change, at most every three minutes, in runs of their
own: no run that loads files waits for them. They ask the store for sums instead of
loading their inputs, which may be millions of rows. pandas is imported at work only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dagster as dg

from saft_pipeline.dagster_runtime.names import REPORT_ASSETS, REPORTS_SENSOR
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.visible import visible

if TYPE_CHECKING:
    from saft_pipeline.reports.report import Report, Table

REPORTS_GROUP = "reports"
_MOST_ROWS = 100

_INTERVAL = 180  # seconds

# One table stands for all, which are made together: a look goes through all partitions of each that
# is looked at. Found by a part of its name, since who merges these definitions may put more before.
_TABLE = dg.AssetSelection.key_substring("invoices")
_UNREPORTED = dg.AutomationCondition.missing() & dg.AutomationCondition.any_deps_match(
    ~dg.AutomationCondition.missing()
).allow(_TABLE)
WHEN_TABLES_CHANGE = dg.AutomationCondition.any_deps_updated().allow(_TABLE) | _UNREPORTED
"""True when files were loaded since the sensor looked last, or before it ever did: how often it
looks is how often a report is made at most.
"""  # fmt: skip


@dg.asset(
    group_name=REPORTS_GROUP,
    kinds={"pandas"},
    deps=["invoices", "invoice_lines"],
    automation_condition=WHEN_TABLES_CHANGE,
)
def vat_summary(saft: Pipeline) -> dg.MaterializeResult[None]:
    """VAT of each company by month, region and rate, beside its documents' own TaxPayable."""
    from saft_pipeline.reports.selection import Selection, opened
    from saft_pipeline.reports.vat import vat_report

    with opened(saft.settings) as source:
        return _result(vat_report(source, Selection()), newest="month")


@dg.asset(
    group_name=REPORTS_GROUP,
    kinds={"pandas"},
    deps=["invoices", "invoice_lines", "invoice_file_links", "invoice_files"],
    automation_condition=WHEN_TABLES_CHANGE,
)
def sales_by_day(saft: Pipeline) -> dg.MaterializeResult[None]:
    """Net, tax and gross of each company by branch and day, credit notes subtracted."""
    from saft_pipeline.reports.sales import sales_report
    from saft_pipeline.reports.selection import Selection, opened

    with opened(saft.settings) as source:
        return _result(sales_report(source, Selection()), newest="invoice_date")


REPORT_DEFINITIONS = (vat_summary, sales_by_day)


def build_report_sensor(prefix: Sequence[str] = ()) -> dg.AutomationConditionSensorDefinition:
    """The sensor that makes them, whose keys begin with `prefix`."""
    return dg.AutomationConditionSensorDefinition(
        REPORTS_SENSOR,
        target=dg.AssetSelection.assets(*(dg.AssetKey([*prefix, name]) for name in REPORT_ASSETS)),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=_INTERVAL,
        description="Makes the reports when the tables change, at most every three minutes.",
    )


def _result(report: Report, *, newest: str) -> dg.MaterializeResult[None]:
    from saft_pipeline.reports.charts import image

    charts = (image(svg, name) for name, svg in report.charts.items() if svg)
    table = report.table
    return dg.MaterializeResult(
        metadata={
            "chart": dg.MetadataValue.md("\n\n".join(charts) or _without_markup(report.summary)),
            "verdict": visible(report.summary),
            **report.shown_figures,
            table.heading: _table(table, newest),
            "dagster/row_count": len(table.frame),
        }
    )


def _without_markup(text: str) -> str:
    """Names in it make no links and load no images: CommonMark escapes punctuation by a slash."""
    return re.sub(r"([\\`*_{}\[\]()<>#!|&~])", r"\\\1", visible(text))


def _cell(value: Any) -> Any:
    return visible(value) if isinstance(value, str) else "" if value is None else value


def _table(table: Table, newest: str) -> dg.TableMetadataValue:
    """The first hundred rows, the newest month or day first; `saft report` has all."""
    ordered = table.frame.sort_values(newest, ascending=False, kind="stable").head(_MOST_ROWS)
    columns = [dg.TableColumn(str(name)) for name in ordered.columns]
    rows = replace(table, frame=ordered).records()
    records = [dg.TableRecord({k: _cell(v) for k, v in row.items()}) for row in rows]
    return dg.TableMetadataValue(records, dg.TableSchema(columns))
