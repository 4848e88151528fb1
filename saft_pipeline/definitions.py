"""What Dagster loads, put together by one function. Loading reads settings, importing doesn't."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from saft_pipeline import settings as settings_module
from saft_pipeline.alerts.channels import channels, report_channels
from saft_pipeline.dagster_runtime.environment import undo_dotenv
from saft_pipeline.dagster_runtime.names import (
    FOLDER,
    LOGGER,
    PUBLISHING,
    RESOURCE,
    TABLES_IO_MANAGER,
)
from saft_pipeline.defs.alert_sensors import build_alert_sensor
from saft_pipeline.defs.asset_specs import described
from saft_pipeline.defs.assets import folder, load_files
from saft_pipeline.defs.digest_schedule import build_digest_schedule
from saft_pipeline.defs.folder_check import build_folder_check
from saft_pipeline.defs.gaps_check import build_gaps_check, build_gaps_schedule
from saft_pipeline.defs.io_managers import TablesIOManager
from saft_pipeline.defs.jobs import build_job
from saft_pipeline.defs.monthly_report import build_monthly_report
from saft_pipeline.defs.report_assets import REPORT_DEFINITIONS, build_report_sensor
from saft_pipeline.defs.resources import pipeline_of
from saft_pipeline.defs.run_log import run_logger
from saft_pipeline.defs.schedules import build_prune_schedule
from saft_pipeline.defs.sensors import build_sensor
from saft_pipeline.settings import Settings


def build_defs(
    settings: Settings | None = None,
    *,
    key_prefix: Sequence[str] | str = (),
    group: str | None = None,
    executor: dg.ExecutorDefinition | None = None,
    resources: Mapping[str, Any] | None = None,
) -> dg.Definitions:
    """Our definitions, for `dg.Definitions.merge` with others.

    Args:
        settings: those to use; without them, the environment's, read again by each process.
        key_prefix: what the keys of our assets begin with.
        group: the group of our assets, instead of `saft` and `reports`.
        executor: of runs that the page launches; our jobs have one process each in any case.
        resources: others in place of `saft` and `saft_tables`, or beside them.

    Raises:
        SettingsError: a setting of the environment is wrong.
    """
    known = settings or settings_module.load()
    prefix = [key_prefix] if isinstance(key_prefix, str) else list(key_prefix)
    pipeline, logger = pipeline_of(settings), run_logger(known.log_level)
    ours = {RESOURCE: pipeline, TABLES_IO_MANAGER: TablesIOManager(pipeline=pipeline)}
    return dg.Definitions.merge(
        _loading(known, prefix, group),
        _around_it(known, prefix, logger),
        dg.Definitions(
            resources={**ours, **(resources or {})}, loggers={LOGGER: logger}, executor=executor
        ),
    )


def _loading(settings: Settings, prefix: Sequence[str], group: str | None) -> dg.Definitions:
    """The assets with their checks, and what finds files and makes runs of them."""
    assets = described([folder, load_files, *REPORT_DEFINITIONS], settings, prefix, group)
    loading, *_ = (a for a in assets if isinstance(a, dg.AssetsDefinition))
    across_files = build_gaps_check(dg.AssetKey([*prefix, "invoices"]))
    return dg.Definitions(
        assets=assets,
        asset_checks=[build_folder_check(dg.AssetKey([*prefix, FOLDER])), across_files],
        jobs=[build_job(loading, across_files)],
        schedules=[build_gaps_schedule(across_files, dg.AssetKey([*prefix, PUBLISHING]))],
        sensors=[build_sensor(settings.look_interval, prefix), build_report_sensor(prefix)],
    )


def _around_it(
    settings: Settings, prefix: Sequence[str], logger: dg.LoggerDefinition
) -> dg.Definitions:
    """What tells people how it goes, and keeps the history short."""
    return dg.Definitions(
        schedules=[
            build_prune_schedule(logger),
            build_monthly_report(logger, wanted=bool(report_channels(settings))),
            build_digest_schedule(settings),
        ],
        sensors=[build_alert_sensor(prefix, wanted=bool(channels(settings)))],
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster` and `saft` load."""
    undo_dotenv()
    return build_defs(executor=dg.in_process_executor)
