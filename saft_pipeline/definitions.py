"""What Dagster loads, put together by one function. Loading reads settings, importing doesn't."""

import logging

import dagster as dg

from saft_pipeline import settings
from saft_pipeline.alerts.channels import channels
from saft_pipeline.dagster_runtime.environment import undo_dotenv
from saft_pipeline.defs.alert_sensors import build_alert_sensor
from saft_pipeline.defs.asset_specs import described
from saft_pipeline.defs.assets import folder, load_files
from saft_pipeline.defs.folder_check import files_loaded
from saft_pipeline.defs.io_managers import TablesIOManager
from saft_pipeline.defs.jobs import load_files_job
from saft_pipeline.defs.report_assets import ASSETS as REPORTS
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.defs.schedules import prune_job, prune_nightly
from saft_pipeline.defs.sensors import build_sensor
from saft_pipeline.settings import Settings
from saft_pipeline.visible import visible


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """As the format has it, with nothing that would steer a terminal."""
        return visible(super().format(record))


def console(level: str) -> dg.LoggerDefinition:
    """What a run says on stderr, from `LOG_LEVEL` up; the UI keeps all of it."""

    @dg.logger
    def to_stderr(_context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.getLogger("saft_pipeline.run")
        logger.setLevel(level.upper())
        if not logger.handlers:
            handler = logging.StreamHandler()
            handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(message)s"))
            logger.addHandler(handler)
        logger.propagate = False
        return logger

    return to_stderr


def build(given: Settings | None = None) -> dg.Definitions:
    """The definitions for some settings; without them, for the defaults."""
    given = given or Settings.model_validate({})
    pipeline = Pipeline()
    return dg.Definitions(
        assets=described([folder, load_files, *REPORTS], given),
        asset_checks=[files_loaded],
        jobs=[load_files_job, prune_job],
        schedules=[prune_nightly],
        sensors=[
            build_sensor(min(each.poll_interval_seconds for each in given.sources)),
            build_alert_sensor(wanted=bool(channels(given))),
        ],
        resources={"pipeline": pipeline, "tables": TablesIOManager(pipeline=pipeline)},
        loggers={"console": console(given.log_level)},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster` and `saft` load."""
    undo_dotenv()
    return build(settings.load())
