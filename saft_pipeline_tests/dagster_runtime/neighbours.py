"""What the daemon notes of code locations, and what another team leaves in an instance."""

from __future__ import annotations

import json
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
    SensorInstigatorData,
    TickData,
    TickStatus,
)

from saft_pipeline.dagster_runtime.location import REPOSITORY_TAG, Location, mark
from saft_pipeline.settings import Settings

THEIRS = "their_location"


def seen_by_daemon(
    instance: dg.DagsterInstance,
    location: str,
    sensor: str = "sftp_folder",
    cursor: str | None = None,
) -> InstigatorState:
    """Note that a sensor is in a location, as the daemon does when it has ticked."""
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), "__repository__")
    origin = RemoteInstigatorOrigin(repository, sensor)
    status = InstigatorStatus.DECLARED_IN_CODE
    data = SensorInstigatorData(cursor=cursor, last_tick_timestamp=time.time())
    return instance.add_instigator_state(
        InstigatorState(origin, InstigatorType.SENSOR, status, data)
    )


def ours_seen(
    instance: dg.DagsterInstance, settings: Settings, location: str, *prefix: str
) -> Location:
    """Note that our sensor is in a location and has looked at its folders."""
    found = Location(location, prefix=prefix)
    seen_by_daemon(instance, location, cursor=json.dumps(mark(found, settings)))
    return found


def run_of_theirs(
    instance: dg.DagsterInstance, job: str = "their_job", *assets: str, location: str = THEIRS
) -> str:
    """A run that failed in another team's location, with events about these assets."""
    failed = dg.DagsterRunStatus.FAILURE
    tags = {REPOSITORY_TAG: Location(location).label}
    keys = frozenset(map(dg.AssetKey.from_user_string, assets))
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
