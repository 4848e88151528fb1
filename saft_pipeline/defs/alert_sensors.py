"""The sensor that has somebody told of what failed, waits, or stays away.

Dagster's own run-failure sensors call for each run by itself, and go on when the call fails. This
one looks at what holds now and was not told of yet: what comes together is one message, and what
could not be sent is sent at the next tick. Loading neither waits for it nor fails with it.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice

import dagster as dg

from saft_pipeline.alerts.channels import Channel, channels, send_on_each
from saft_pipeline.alerts.message import compose
from saft_pipeline.dagster_runtime import runs, sensor_ticks
from saft_pipeline.dagster_runtime.location import REPOSITORY_TAG, Location, of_sensor
from saft_pipeline.dagster_runtime.names import ALERTS
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.defs.sensors import REFUSED
from saft_pipeline.settings import Settings
from saft_pipeline.store.alerts import AlertLimits, Condition
from saft_pipeline.store.errors import StoreError
from saft_pipeline.store.opening import open_watch

_INTERVAL = 60
_RECENT = timedelta(hours=24)
"""A run that failed is told of for so long, and one that fails in the same way is not news."""
_MOST_LOOKED_AT = 1_000
"""Of the newest runs that failed: of those in our location, and of all, since some tell of none."""
_MOST_RUNS = 50
"""Of ours among them; each costs a look into its events."""


def build_alert_sensor(prefix: Sequence[str] = (), *, wanted: bool) -> dg.SensorDefinition:
    """The sensor; it runs by default if there is a channel to tell on."""
    status = dg.DefaultSensorStatus.RUNNING if wanted else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name=ALERTS,
        minimum_interval_seconds=_INTERVAL,
        default_status=status,
        description="Tells ALERT_WEBHOOK_URL and ALERT_EMAIL_TO what failed, waits, or stays away.",
    )
    def alerts(context: dg.SensorEvaluationContext, saft: Pipeline) -> dg.SensorResult:
        return tick(context, saft.settings, of_sensor(context, prefix))

    return alerts


def tick(
    context: dg.SensorEvaluationContext, settings: Settings, location: Location
) -> dg.SensorResult:
    """Tell every channel what it was not told of yet.

    The database knows what was told. What can't be told of through it is its own failure: the
    cursor has the channels that know of that.
    """
    ways = channels(settings)
    if not ways:
        return dg.SensorResult(
            skip_reason="nobody to tell: set ALERT_WEBHOOK_URL or ALERT_SMTP_URL"
        )
    aware: list[str] = json.loads(context.cursor or "[]")
    try:
        said = list(_tell(ways, context.instance, location, settings))
        aware = []
    except StoreError as error:
        said, aware = _tell_of_store(ways, error, aware)
    return dg.SensorResult(skip_reason="; ".join(said) or "no news", cursor=json.dumps(aware))


def _tell(
    ways: Sequence[Channel], instance: dg.DagsterInstance, location: Location, settings: Settings
) -> Iterator[str]:
    """Send what is new on each channel; yields what came of it."""
    limits = AlertLimits(
        [each.source for each in settings.sources],
        settings.alert_pending_after,
        settings.incomplete_after,
        settings.alert_silent_after,
    )
    with closing(open_watch(settings)) as watch:
        found = (*_failed_runs(instance, location), *_polling(instance, location, settings))
        of_dagster = {condition.alert_key: condition for condition in found}
        for way in ways:
            news = watch.unsent(way.name, limits, list(of_dagster))
            if not news:
                continue
            problem = _send(way, [of_dagster.get(c.alert_key, c) for c in news])
            if not problem:
                watch.mark_sent(way.name, [c.alert_key for c in news])
            yield problem or f"{way.name}: told of {len(news)}"


def _tell_of_store(
    ways: Sequence[Channel], error: StoreError, aware: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Tell the channels that are not aware; what came of it, and who is aware now."""
    down = Condition("store", "store", None, str(error))
    problems = {way.name: _send(way, [down]) for way in ways if way.name not in aware}
    said = [str(error), *(problem for problem in problems.values() if problem)]
    return said, [*aware, *(name for name, problem in problems.items() if not problem)]


def _send(way: Channel, conditions: Sequence[Condition]) -> str | None:
    """What kept a message from going out."""
    problem = send_on_each([way], compose(conditions))[way.name]
    return problem and f"{way.name}: {problem}; tried again at the next tick"


def _failed_runs(instance: dg.DagsterInstance, location: Location) -> Iterator[Condition]:
    """The ways in which runs failed lately, other than for their files: those are told of one by
    one.
    """  # fmt: skip
    since = datetime.now(UTC) - _RECENT
    found: dict[str, dg.DagsterRun] = {}
    for tags in ({REPOSITORY_TAG: location.label}, None):
        failed = dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since, tags=tags
        )
        for record in instance.get_run_records(failed, limit=_MOST_LOOKED_AT):
            found.setdefault(record.dagster_run.run_id, record.dagster_run)
    for run in islice(filter(location.owns, found.values()), _MOST_RUNS):
        if reason := _reason(instance, run.run_id):
            yield _condition("run", f"{run.job_name}, run {run.run_id}", reason)


def _reason(instance: dg.DagsterInstance, run_id: str) -> str | None:
    """Why a run failed; None if it was for its files. One that can't be read hides no other."""
    try:
        return None if _for_its_files(instance, run_id) else runs.reason(instance, run_id)
    except Exception as error:
        return f"its events can't be read: {type(error).__name__}: {error}"


def _for_its_files(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a run failed as the assets make it fail when files were not loaded."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        raised = entry.get_dagster_event().step_failure_data.user_failure_data
        if raised and "failed" in raised.metadata:
            return True
    return False


def _polling(
    instance: dg.DagsterInstance, location: Location, settings: Settings
) -> Iterator[Condition]:
    """Whether the last look at the folders failed, at one of them, or none has worked for long."""
    last = sensor_ticks.newest_ended(instance, location)
    seen = instance.fetch_observations(location.folder, limit=1).records
    every = ", ".join(each.source for each in settings.sources)
    if last and last.status == "failure" and last.error:
        yield _condition("poll", every, last.error)
    elif seen:
        yield from _refused(seen[0])
        worked = datetime.fromtimestamp(seen[0].timestamp, UTC)
        if datetime.now(UTC) - worked > settings.alert_pending_after:
            why = (last.skip_reason if last else None) or "the sensor does not run"
            yield Condition("poll", "poll", every, f"not since {worked:%F %R} UTC: {why}")


def _refused(seen: dg.EventLogRecord) -> Iterator[Condition]:
    """The sources that can't be looked at until somebody mends something."""
    observed = seen.asset_observation
    refused = observed.metadata.get(REFUSED) if observed else None
    if isinstance(refused, dg.JsonMetadataValue) and isinstance(refused.value, dict):
        for source, reason in refused.value.items():
            yield _condition("poll", source, str(reason))


def _condition(kind: str, subject: str, reason: str) -> Condition:
    """One that is told from others of its kind by its reason."""
    digest = hashlib.md5(reason.encode(), usedforsecurity=False).hexdigest()
    return Condition(f"{kind} {digest}", kind, subject, reason)
