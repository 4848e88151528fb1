"""What the daemon notes of code locations, and what another team leaves in an instance."""

from __future__ import annotations

import time
import uuid

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.events import AssetObservationData
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    TickData,
    TickStatus,
)

from saft_pipeline.dagster_runtime.location import REPOSITORY_TAG, Location

THEIRS = "their_location"


def seen_by_daemon(
    instance: dg.DagsterInstance, location: str, sensor: str = "sftp_folder"
) -> InstigatorState:
    """Note that a sensor is in a location, as the daemon does when it first looks."""
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), "__repository__")
    origin = RemoteInstigatorOrigin(repository, sensor)
    status = InstigatorStatus.DECLARED_IN_CODE
    return instance.add_instigator_state(InstigatorState(origin, InstigatorType.SENSOR, status))


def run_of_theirs(
    instance: dg.DagsterInstance, job: str = "their_job", *assets: str, location: str = THEIRS
) -> str:
    """A run that failed in another team's location, with events about these assets."""
    failed = dg.DagsterRunStatus.FAILURE
    tags = {REPOSITORY_TAG: Location(location).label}
    keys = frozenset(map(dg.AssetKey, assets))
    run = dg.DagsterRun(job, str(uuid.uuid4()), status=failed, tags=tags, asset_selection=keys)
    instance.add_run(run)
    for key in keys:
        made = dg.DagsterEvent(
            "ASSET_OBSERVATION",
            job,
            event_specific_data=AssetObservationData(dg.AssetObservation(key)),
        )
        instance.report_dagster_event(made, run.run_id)
    return run.run_id


def tick_of_theirs(instance: dg.DagsterInstance) -> None:
    """A tick of a sensor of theirs that is called like ours, and an observation without a run."""
    state = seen_by_daemon(instance, THEIRS, "their_sensor")
    instance.create_tick(
        TickData(
            instigator_origin_id=state.instigator_origin_id,
            instigator_name=state.instigator_name,
            instigator_type=InstigatorType.SENSOR,
            status=TickStatus.SUCCESS,
            timestamp=time.time(),
            selector_id=state.selector_id,
            run_ids=[],
        )
    )
    instance.report_runless_asset_event(dg.AssetObservation("their_asset"))
