"""The job that loads files: every asset of a file, in one process of its own."""

import dagster as dg

from saft_pipeline.dagster_runtime.names import JOB, RUN_CONFIG
from saft_pipeline.dagster_runtime.partitions import files
from saft_pipeline.defs.assets import load_files

load_files_job = dg.define_asset_job(
    JOB,
    selection=dg.AssetSelection.assets(load_files),
    partitions_def=files,
    config=RUN_CONFIG,
    description="Fetch, read and publish files: one partition a file, one or many files a run.",
)
