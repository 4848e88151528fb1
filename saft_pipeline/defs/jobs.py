"""The job that loads files: every asset of a file, in one process of its own."""

from typing import Any

import dagster as dg

from saft_pipeline.dagster_runtime.names import JOB, RUN_CONFIG


def build_job(load_files: dg.AssetsDefinition, *others: dg.AssetChecksDefinition) -> Any:
    """The job, of all that the step makes; Dagster has no public name for what this is.

    `others` are checks of its assets that no run of files evaluates.
    """
    return dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.assets(load_files) - dg.AssetSelection.checks(*others),
        config=RUN_CONFIG,
        executor_def=dg.in_process_executor,
        description="Fetch, read and publish files: one partition a file, one or many files a run.",
    )
