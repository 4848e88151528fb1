"""What happens by the clock: once a night, what is older than `PRUNE_AFTER` goes."""

from datetime import UTC, datetime

import dagster as dg

from saft_pipeline.dagster_runtime import retention
from saft_pipeline.dagster_runtime.names import PRUNE_JOB, PRUNE_SCHEDULE, RUN_CONFIG
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.store.opening import open_watch


@dg.op
def prune(context: dg.OpExecutionContext, pipeline: Pipeline) -> None:
    """Delete old runs, events, ticks, partitions and artifacts; say how many of each."""
    settings = pipeline.settings
    watch = open_watch(settings)
    try:
        before = datetime.now(UTC) - settings.prune_after
        pruned = retention.prune(context.instance, watch, settings, before)
    finally:
        watch.close()
    tell = context.log.warning if pruned.kept else context.log.info
    tell(f"deleted: {pruned.summary()}")


@dg.job(
    name=PRUNE_JOB,
    config=RUN_CONFIG,
    description="Deletes what is older than PRUNE_AFTER from Dagster's history and the artifacts.",
)
def prune_job() -> None:
    """One step."""
    prune()


prune_nightly = dg.ScheduleDefinition(
    name=PRUNE_SCHEDULE,
    job=prune_job,
    cron_schedule="20 3 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="At 3:20 UTC, when fewest files come.",
)
