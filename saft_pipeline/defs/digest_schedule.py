"""The schedule that tells once a day what came in and what failed."""

from contextlib import closing
from datetime import UTC, datetime

import dagster as dg

from saft_pipeline.alerts.channels import channels, send_on_each
from saft_pipeline.alerts.digest import DAY, digest
from saft_pipeline.alerts.message import AlertError
from saft_pipeline.dagster_runtime.names import DIGEST, JOB
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.settings import Settings
from saft_pipeline.store.opening import open_transport
from saft_pipeline.store.operations import Operations


def build_digest_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """The schedule, at `ALERT_DIGEST_AT` (UTC); it launches nothing, it only tells."""
    hour, _, minute = (settings.alert_digest_at or "07:00").partition(":")
    wanted = settings.alert_digest_at is not None and bool(channels(settings))
    status = dg.DefaultScheduleStatus.RUNNING if wanted else dg.DefaultScheduleStatus.STOPPED

    @dg.schedule(
        name=DIGEST,
        job_name=JOB,
        cron_schedule=f"{int(minute)} {int(hour)} * * *",
        default_status=status,
        description="Tells ALERT_WEBHOOK_URL and ALERT_EMAIL_TO how the last 24 hours went.",
    )
    def daily_digest(saft: Pipeline) -> dg.SkipReason:
        return dg.SkipReason(tell(saft.settings))

    return daily_digest


def tell(settings: Settings) -> str:
    """Send the digest on every channel, also when one can't be reached; what was done.

    Raises:
        AlertError: naming the channels that were not told.
        StoreError: the database can't be asked.
    """
    ways = channels(settings)
    if not ways:
        return "nobody to tell: set ALERT_WEBHOOK_URL or ALERT_SMTP_URL"
    with closing(open_transport(settings)) as transport:
        operations, now = Operations(transport), datetime.now(UTC)
        message = digest(operations.overview(), operations.failed_since(now - DAY), now)
    sent = send_on_each(ways, message)
    if problems := [f"{name}: {problem}" for name, problem in sent.items() if problem]:
        raise AlertError(f"{message.title}: not told: {'; '.join(problems)}")
    return f"told {', '.join(sent)}: {message.title}"
