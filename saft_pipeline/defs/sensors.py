"""The sensor that polls the SFTP folder and launches runs for what is new."""

import json

import dagster as dg

from saft_pipeline.dagster_runtime.names import CANNOT_POLL, CLAIM_TAG, FOLDER, SENSOR
from saft_pipeline.dagster_runtime.redis_queue import BrokerError, UsesBroker, require_answer
from saft_pipeline.dagster_runtime.runs import end_dead_runs, waits
from saft_pipeline.dagster_runtime.submission import run_requests
from saft_pipeline.defs.folder_check import evaluation
from saft_pipeline.defs.jobs import load_files_job
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.loading.errors import TransientSourceError
from saft_pipeline.loading.poll import Poll, Turn, poll
from saft_pipeline.settings import Settings, SettingsError
from saft_pipeline.store.errors import StoreError, TransientStoreError


def build_sensor(interval: int) -> dg.SensorDefinition:
    """The sensor, polling every `interval` seconds, running unless it is switched off."""

    @dg.sensor(
        name=SENSOR,
        job=load_files_job,
        minimum_interval_seconds=interval,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Lists the SFTP folder, claims new files in the ledger, launches runs.",
    )
    def sftp_folder(context: dg.SensorEvaluationContext, pipeline: Pipeline) -> dg.SensorResult:
        return tick(context, pipeline)

    return sftp_folder


def tick(context: dg.SensorEvaluationContext, pipeline: Pipeline) -> dg.SensorResult:
    """One poll. A transient fault skips the tick with its reason; any other fails it.

    The cursor decides nothing: it keeps the poll's figures where the tick shows them.
    """
    try:
        settings = pipeline.settings
        settings.require_sftp()
        end_dead_runs(context.instance, pipeline.store, settings.lease_seconds)
        _require_queue(context.instance, settings)
        found = poll(settings, pipeline.store, turn_of=lambda o: _turn(context.instance, o))
    except SettingsError as error:
        # Nobody looks at a skipped tick, and it goes on until somebody mends the settings.
        context.log.warning("nothing can be polled: %s", error)
        return dg.SensorResult(skip_reason=f"{CANNOT_POLL}: {error}")
    except (TransientSourceError, TransientStoreError, BrokerError) as error:
        return dg.SensorResult(skip_reason=f"tried again at the next tick: {error}")
    figures = found.figures(settings)
    return dg.SensorResult(
        run_requests=run_requests(context.instance, {c.owner: c.files for c in found.claims}),
        skip_reason=None if found.claims else found.summary(settings),
        cursor=json.dumps(figures),
        asset_events=[dg.AssetObservation(FOLDER, metadata=figures), *_checked(pipeline, found)],
    )


def _checked(pipeline: Pipeline, found: Poll) -> list[dg.AssetCheckEvaluation]:
    """Whether all of the folder is loaded; what was claimed is launched even if nobody knows."""
    source = pipeline.settings.source
    try:
        return [evaluation(pipeline.store, source, found.counts, found.backlog)]
    except StoreError:
        return []


def _require_queue(instance: dg.DagsterInstance, settings: Settings) -> None:
    """Nothing is claimed while what is claimed could not be handed to a worker."""
    if settings.redis_url and isinstance(instance.run_launcher, UsesBroker):
        require_answer(settings.redis_url.get_secret_value())


def _turn(instance: dg.DagsterInstance, owner: str) -> Turn:
    """Where the run of a claim is."""
    for record in instance.get_run_records(dg.RunsFilter(tags={CLAIM_TAG: owner}), limit=1):
        if waits(record.dagster_run):
            return "waits"
        if record.dagster_run.status == dg.DagsterRunStatus.CANCELED:
            return "was cancelled"
        if record.dagster_run.is_finished and record.start_time is None:
            return "never came"
    return "came"
