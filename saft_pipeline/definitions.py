"""What Dagster loads, put together by one function. Loading reads settings, importing doesn't."""

import logging

import dagster as dg

from saft_pipeline import settings
from saft_pipeline.alert_sensors import build_alert_sensor
from saft_pipeline.alerts.channels import channels
from saft_pipeline.assets import folder, load_files
from saft_pipeline.io_managers import TablesIOManager
from saft_pipeline.jobs import load_files_job
from saft_pipeline.report_assets import ASSETS as REPORTS
from saft_pipeline.resources import Pipeline
from saft_pipeline.schedules import prune_job, prune_nightly
from saft_pipeline.sensors import build_sensor


@dg.logger
def console(_context: dg.InitLoggerContext) -> logging.Logger:
    """What a run says on stderr, from `LOG_LEVEL` up; the UI keeps all of it."""
    logger = logging.getLogger("saft_pipeline.run")
    logger.setLevel(settings.load().log_level.upper())
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
    logger.propagate = False
    return logger


def build(
    pipeline: Pipeline | None = None, *, poll_interval_seconds: int = 300, alerting: bool = False
) -> dg.Definitions:
    """The definitions, with `pipeline` in the place of the one that reads the environment."""
    pipeline = pipeline or Pipeline()
    return dg.Definitions(
        assets=[folder, load_files, *REPORTS],
        jobs=[load_files_job, prune_job],
        schedules=[prune_nightly],
        sensors=[build_sensor(poll_interval_seconds), build_alert_sensor(wanted=alerting)],
        resources={"pipeline": pipeline, "tables": TablesIOManager(pipeline=pipeline)},
        loggers={"console": console},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster` and `saft` load."""
    given = settings.load()
    return build(poll_interval_seconds=given.poll_interval_seconds, alerting=bool(channels(given)))
