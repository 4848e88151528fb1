"""The asset check of `invoices` over all files: what is missing across files and months.

It asks the tables, once a night if files were loaded since, and whenever somebody executes it, and
reads only what these brought; `saft report gaps` has all that it finds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from saft_pipeline.dagster_runtime.names import (
    CONTINUITY,
    CONTINUITY_JOB,
    CONTINUITY_SCHEDULE,
    RUN_CONFIG,
)
from saft_pipeline.dagster_runtime.runs import began_of_last
from saft_pipeline.defs.file_checks import FindingRow, table
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.loading.read import MOST_FINDINGS
from saft_pipeline.visible import visible

if TYPE_CHECKING:
    from saft_pipeline.reports.report import Report


def build_gaps_check(invoices: dg.AssetKey) -> dg.AssetChecksDefinition:
    """The check, of the asset of invoices."""

    @dg.asset_check(
        asset=invoices,
        name=CONTINUITY,
        description="Across files and months: no number of a series and no month is missing, a "
        "validation code is that of one series, and nothing is credited more than once.",
    )
    def continuity(saft: Pipeline) -> dg.AssetCheckResult:
        from saft_pipeline.reports import gaps
        from saft_pipeline.reports.selection import opened

        with opened(saft.settings) as source:
            report = gaps.continuity(source)
        first = list(_first(report))
        metadata: dict[str, dg.TableMetadataValue | int] = {
            name: int(count) for name, count in report.figures.items()
        }
        if first:
            metadata["first findings"] = table(first)
        return dg.AssetCheckResult(
            passed=report.is_well,
            severity=dg.AssetCheckSeverity.WARN,
            description="nothing found" if report.is_well else visible(report.verdict),
            metadata=metadata,
        )

    return continuity


def build_gaps_schedule(
    check: dg.AssetChecksDefinition, tables: dg.AssetKey
) -> dg.ScheduleDefinition:
    """The schedule and its job; `tables` is what files come into last."""
    job = dg.define_asset_job(
        CONTINUITY_JOB,
        selection=dg.AssetSelection.checks(check),
        config=RUN_CONFIG,
        executor_def=dg.in_process_executor,
        description="Looks for what is missing, or contradicts itself, across files and months.",
    )

    @dg.schedule(
        name=CONTINUITY_SCHEDULE,
        job=job,
        cron_schedule="50 3 * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="At 3:50 UTC, if files were loaded since it looked last.",
    )
    def continuity_nightly(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.RunRequest | dg.SkipReason:
        if loaded_since_looked_at(context.instance, tables, check.check_key):
            return dg.RunRequest()
        return dg.SkipReason("no file was loaded since it looked last")

    return continuity_nightly


def loaded_since_looked_at(
    instance: dg.DagsterInstance, tables: dg.AssetKey, check: dg.AssetCheckKey
) -> bool:
    """Whether a file came into the tables after the run began that made the check last."""
    loaded = instance.get_latest_materialization_event(tables)
    return loaded is not None and loaded.timestamp > began_of_last(instance, check)


def _first(report: Report) -> Iterator[tuple[str, FindingRow]]:
    """The first rows of every table, under its heading instead of a file."""
    if report.is_well:
        return
    for found in report.tables:
        for row in found.records()[: MOST_FINDINGS // len(report.tables)]:
            values = (f"{name} {value}" for name, value in row.items() if value is not None)
            yield found.heading, FindingRow("warning", None, None, None, ", ".join(values))
