"""The job that loads files: every asset of a file, in one process of its own."""

import dagster as dg

from saft_pipeline.assets import load_files
from saft_pipeline.partitions import files

JOB = "load_files_job"
# Without it a run logs to stderr as Dagster likes, whatever LOG_LEVEL says.
RUN_CONFIG: dict[str, dict[str, dict[str, str]]] = {"loggers": {"console": {}}}

load_files_job = dg.define_asset_job(
    JOB,
    selection=dg.AssetSelection.assets(load_files),
    partitions_def=files,
    config=RUN_CONFIG,
    description="Fetch, read and publish files: one partition a file, one or many files a run.",
)
