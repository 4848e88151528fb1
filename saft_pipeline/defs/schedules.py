"""What happens by the clock: once a night, what is older than `PRUNE_AFTER` goes."""

from contextlib import closing
from datetime import UTC, datetime

import dagster as dg

from saft_pipeline.dagster_runtime import retention
from saft_pipeline.dagster_runtime.names import LOGGER, PRUNE_JOB, PRUNE_SCHEDULE, RUN_CONFIG
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.store.opening import open_watch


@dg.op
def prune(context: dg.OpExecutionContext, saft: Pipeline) -> None:
    """Delete old runs, events, ticks, partitions and artifacts; say how many of each."""
    settings = saft.settings
    before = datetime.now(UTC) - settings.prune_after
    with closing(open_watch(settings)) as watch:
        pruned = retention.prune(context.instance, watch, settings, before)
    tell = context.log.warning if pruned.kept else context.log.info
    tell(f"deleted: {pruned.summary()}")


def build_prune_schedule(logger: dg.LoggerDefinition) -> dg.ScheduleDefinition:
    """The schedule and its job, whose log goes where those of the other job go."""

    @dg.job(
        name=PRUNE_JOB,
        executor_def=dg.in_process_executor,
        logger_defs={LOGGER: logger},
        config=RUN_CONFIG,
        description="Deletes what is older than PRUNE_AFTER, of our history and the artifacts.",
    )
    def prune_job() -> None:
        prune()

    return dg.ScheduleDefinition(
        name=PRUNE_SCHEDULE,
        job=prune_job,
        cron_schedule="20 3 * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="At 3:20 UTC, when fewest files come.",
    )
