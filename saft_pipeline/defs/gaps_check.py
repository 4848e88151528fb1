"""The asset check of `invoices` over all files: what is missing across files and months.

It asks the tables, whenever somebody executes it; `saft report gaps` has all that it finds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from saft_pipeline.defs.file_checks import FindingRow, table
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.loading.read import MOST_FINDINGS

if TYPE_CHECKING:
    from saft_pipeline.reports.report import Report

CHECK = "continuity"


def build_gaps_check(invoices: dg.AssetKey) -> dg.AssetChecksDefinition:
    """The check, of the asset of invoices."""

    @dg.asset_check(
        asset=invoices,
        name=CHECK,
        description="Across files and months: no number of a series and no month is missing, a "
        "validation code is that of one series, and nothing is credited more than once.",
    )
    def continuity(saft: Pipeline) -> dg.AssetCheckResult:
        from saft_pipeline.reports.gaps import gaps
        from saft_pipeline.reports.selection import Selection, opened

        with opened(saft.settings) as source:
            report = gaps(source, Selection())
        first = list(_first(report))
        metadata: dict[str, dg.TableMetadataValue | int] = {
            name: int(count) for name, count in report.figures.items()
        }
        if first:
            metadata["first findings"] = table(first)
        return dg.AssetCheckResult(
            passed=report.is_well,
            severity=dg.AssetCheckSeverity.WARN,
            description="nothing found" if report.is_well else report.verdict,
            metadata=metadata,
        )

    return continuity


def _first(report: Report) -> Iterator[tuple[str, FindingRow]]:
    """The first rows of every table, under its heading instead of a file."""
    if report.is_well:
        return
    for found in report.tables:
        for row in found.records()[: MOST_FINDINGS // len(report.tables)]:
            values = (f"{name} {value}" for name, value in row.items() if value is not None)
            yield found.heading, FindingRow("warning", None, None, None, ", ".join(values))
