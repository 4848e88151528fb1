"""The sensor that polls the SFTP folder and launches runs for what is new."""

import json

import dagster as dg

from saft_pipeline import partitions
from saft_pipeline.assets import CLAIM_TAG, FOLDER
from saft_pipeline.dead_runs import end_dead_runs
from saft_pipeline.jobs import RUN_CONFIG, load_files_job
from saft_pipeline.polling import Claim, poll
from saft_pipeline.resources import Pipeline
from saft_pipeline.settings import SettingsError
from saft_pipeline.sftp.errors import TransientSftpError
from saft_pipeline.store.errors import TransientStoreError

SENSOR = FOLDER

_WAITING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED]


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
    """One poll. A passing fault skips the tick with its reason; any other fails it.

    The cursor decides nothing: it keeps the poll's figures where the tick shows them.
    """
    try:
        settings = pipeline.settings
        settings.require_sftp()
        end_dead_runs(context.instance, pipeline.store, settings.lease_seconds)
        found = poll(
            settings, pipeline.store, is_waiting=lambda o: _is_waiting(context.instance, o)
        )
    except SettingsError as error:
        return dg.SensorResult(skip_reason=f"nothing to poll: {error}")
    except (TransientSftpError, TransientStoreError) as error:
        return dg.SensorResult(skip_reason=f"tried again at the next tick: {error}")
    pipeline.count(ticks=1)
    _register(context.instance, found.claims)
    figures = found.figures(settings)
    return dg.SensorResult(
        run_requests=[_request(claim) for claim in found.claims],
        skip_reason=None if found.claims else found.summary(settings),
        cursor=json.dumps(figures),
        asset_events=[dg.AssetObservation(FOLDER, metadata=figures)],
    )


def _is_waiting(instance: dg.DagsterInstance, owner: str) -> bool:
    filters = dg.RunsFilter(tags={CLAIM_TAG: owner}, statuses=_WAITING)
    return instance.get_runs_count(filters) > 0


def _register(instance: dg.DagsterInstance, claims: list[Claim]) -> None:
    keys = [partitions.partition_key(f.path, f.key) for claim in claims for f in claim.files]
    if keys:
        instance.add_dynamic_partitions(str(partitions.files.name), keys)


def _request(claim: Claim) -> dg.RunRequest:
    tags = {CLAIM_TAG: claim.owner, "saft/files": str(len(claim.files))}
    if not claim.alone:
        return dg.RunRequest(run_key=claim.owner, run_config=RUN_CONFIG, tags=tags)
    (file,) = claim.files
    key = partitions.partition_key(file.path, file.key)
    return dg.RunRequest(run_key=claim.owner, partition_key=key, tags=tags)
