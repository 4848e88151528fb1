"""The sensor that polls the SFTP folders and launches runs for what is new."""

import json
from collections.abc import Sequence
from typing import Any

import dagster as dg

from saft_pipeline.dagster_runtime.location import (
    Location,
    mark,
    of_sensor,
    require_own_keys,
)
from saft_pipeline.dagster_runtime.names import AGAIN, CANNOT_POLL, CLAIM_TAG, JOB, SENSOR
from saft_pipeline.dagster_runtime.redis_queue import BrokerError, UsesBroker, require_answer
from saft_pipeline.dagster_runtime.runs import ahead, end_dead_runs, waits, waits_for_pool
from saft_pipeline.dagster_runtime.submission import adopt_partitions, run_requests
from saft_pipeline.dagster_runtime.waiting_runs import executes_here
from saft_pipeline.defs.folder_check import evaluation
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.loading.errors import TransientSourceError
from saft_pipeline.loading.poll import Poll
from saft_pipeline.loading.rounds import Round
from saft_pipeline.loading.taking import Turn
from saft_pipeline.settings import Settings, SettingsError
from saft_pipeline.store.errors import StoreError, TransientStoreError
from saft_pipeline.store.model import STATES
from saft_pipeline.store.owners import is_left
from saft_pipeline.visible import visible

REFUSED = "refused"
"""Of an observation of the folders: which can't be looked at until somebody mends something."""


def build_sensor(interval: int, prefix: Sequence[str] = ()) -> dg.SensorDefinition:
    """The sensor, polling every `interval` seconds, running unless it is switched off."""

    @dg.sensor(
        name=SENSOR,
        job_name=JOB,
        minimum_interval_seconds=interval,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Lists the SFTP folders, claims new files in the ledger, launches runs.",
    )
    def sftp_folder(context: dg.SensorEvaluationContext, saft: Pipeline) -> dg.SensorResult:
        return tick(context, saft, of_sensor(context, prefix))

    return sftp_folder


def tick(
    context: dg.SensorEvaluationContext, pipeline: Pipeline, location: Location
) -> dg.SensorResult:
    """One poll. A transient fault skips the tick with its reason; any other fails it.

    The cursor decides nothing here: it marks the sensor as ours, and keeps the poll's figures where
    the tick shows them.
    """
    try:
        settings = pipeline.settings
        settings.require_sources()
        require_own_keys(context.instance, location, settings)
        end_dead_runs(context.instance, location, pipeline.store, settings.lease_seconds)
        _require_queue(context.instance, settings)
        found = pipeline.rounds.go(
            settings,
            pipeline.store,
            turn_of=lambda owner: _turn(context.instance, owner),
            ahead=lambda source: ahead(context.instance, location, source),
            # Who asked for this tick wants to see every source, whenever it was looked at.
            everyone=context.last_tick_completion_time is None,
        )
    except SettingsError as error:
        # Nobody looks at a skipped tick, and it goes on until somebody mends the settings.
        context.log.warning("nothing can be polled: %s", error)
        return dg.SensorResult(skip_reason=visible(f"{CANNOT_POLL}: {error}"))
    except (TransientSourceError, TransientStoreError, BrokerError) as error:
        return dg.SensorResult(skip_reason=visible(f"{AGAIN}: {error}"))
    if executes_here(context.instance):
        pipeline.begin(found.claims)
    adopt_partitions(context.instance, location.prefix)
    figures = found.figures()
    return dg.SensorResult(
        run_requests=run_requests(context.instance, found.claims, location.prefix),
        skip_reason=None if found.claims else visible(found.summary()),
        cursor=json.dumps({**figures, "problems": found.problems(), **mark(location, settings)}),
        asset_events=[
            _observed(found, location.folder),
            *_checked(context, pipeline, found, location.folder),
        ],
    )


def _observed(found: Round, folder: dg.AssetKey) -> dg.AssetObservation:
    """The figures of all sources, and where there are several, of each."""
    metadata: dict[str, Any] = dict(found.figures())
    if found.refused:
        metadata[REFUSED] = dg.MetadataValue.json(found.refused)
    if len(found.newest) > 1:
        metadata["sources"] = dg.MetadataValue.table(list(map(_record, found.newest)))
    return dg.AssetObservation(folder, metadata=metadata)


def _record(found: Poll) -> dg.TableRecord:
    cells: dict[str, str | int | float | bool | None] = {"source": found.source.source}
    cells |= {"listed": found.listed} | {state: found.counts.get(state, 0) for state in STATES}
    return dg.TableRecord({**cells, "problem": visible(str(found.error or ""))})


def _checked(
    context: dg.SensorEvaluationContext, pipeline: Pipeline, found: Round, folder: dg.AssetKey
) -> list[dg.AssetCheckEvaluation]:
    """Whether all of the folders is loaded; what was claimed is launched even if nobody knows."""
    try:
        return [evaluation(pipeline.store, pipeline.settings, found.counts, found.backlog, folder)]
    except StoreError as error:
        context.log.warning("the folder's check is as old as the last tick that made it: %s", error)
        return []


def _require_queue(instance: dg.DagsterInstance, settings: Settings) -> None:
    """Nothing is claimed while what is claimed could not be handed to a worker."""
    if settings.redis_url and isinstance(instance.run_launcher, UsesBroker):
        require_answer(settings.redis_url.get_secret_value())


def _turn(instance: dg.DagsterInstance, owner: str) -> Turn:
    """Where the run of a claim is."""
    for record in instance.get_run_records(dg.RunsFilter(tags={CLAIM_TAG: owner}), limit=1):
        run = record.dagster_run
        if run.status == dg.DagsterRunStatus.CANCELED:
            return "was cancelled"
        if run.is_finished:
            return "came" if record.start_time else "never came"
        if not is_left(owner) and (waits(run) or waits_for_pool(instance, run)):
            return "waits"
    return "came"
