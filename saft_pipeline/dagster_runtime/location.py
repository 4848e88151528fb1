"""Where our definitions are in an instance, which may be another team's, with its own beside ours.

The daemon notes each sensor that it has seen, with the code location that it is in: that shows
under which name our definitions were loaded there, alone or merged with others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.definitions.selector import InstigatorSelector
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from saft_pipeline.dagster_runtime.names import (
    ASSETS,
    CLAIM_TAG,
    CONTINUITY_JOB,
    FOLDER,
    JOB,
    LOCATION,
    MONTHLY_JOB,
    PRUNE_JOB,
    PUBLISHING,
    REPORTS,
    SENSOR,
)
from saft_pipeline.dagster_runtime.storage import BatchedEventLog
from saft_pipeline.settings import SettingsError

REPOSITORY_TAG = ".dagster/repository"
"""The tag that Dagster gives to a run that was launched for a code location: `label`."""
ASSET_JOB = "__ASSET_JOB"
"""How the name begins of a run that the page, a backfill or `dagster asset` launched."""


class NoLocationError(SettingsError):
    """Our definitions are in no location of the instance, or in several; it says what to do."""


@dataclass(frozen=True)
class Location:
    """A code location, the repository in it, and what our assets' keys begin with there."""

    name: str = LOCATION
    repository: str = "__repository__"
    prefix: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """As runs are tagged with it."""
        return f"{self.repository}@{self.name}"

    @property
    def keys(self) -> list[dg.AssetKey]:
        """All of our assets."""
        return [dg.AssetKey([*self.prefix, name]) for name in (FOLDER, *ASSETS, *REPORTS)]

    @property
    def folder(self) -> dg.AssetKey:
        """The asset of the folder on the server."""
        return dg.AssetKey([*self.prefix, FOLDER])

    def selector_id(self, instigator: str = SENSOR) -> str:
        """How Dagster finds the state and ticks of a sensor or schedule of the location."""
        selector = InstigatorSelector(
            location_name=self.name, repository_name=self.repository, name=instigator
        )
        return selector.get_id()

    def job_origin(self) -> RemoteJobOrigin:
        """What tells the daemon of a run where its job is."""
        location = RegisteredCodeLocationOrigin(self.name)
        return RemoteRepositoryOrigin(location, self.repository).get_job_origin(JOB)

    def owns(self, run: dg.DagsterRun) -> bool:
        """Whether a run is of our jobs, or of no other assets than ours."""
        label = run.tags.get(REPOSITORY_TAG)
        if label not in (None, self.label):
            return False
        if run.job_name in (JOB, PRUNE_JOB, MONTHLY_JOB, CONTINUITY_JOB):
            return label is not None or CLAIM_TAG in run.tags
        chosen = set(run.asset_selection or ())
        return run.job_name.startswith(ASSET_JOB) and bool(chosen) and chosen <= set(self.keys)


def of_sensor(context: dg.SensorEvaluationContext, prefix: Sequence[str]) -> Location:
    """Where a sensor of ours is that ticks now."""
    origin = context.code_location_origin
    return Location(
        name=origin.location_name if origin else LOCATION,
        repository=context.repository_name or Location.repository,
        prefix=tuple(prefix),
    )


def find(instance: dg.DagsterInstance, wanted: str | None = None) -> Location:
    """The location of that name, or the only one, or, in an instance of our own, `saft up`'s.

    Raises:
        NoLocationError: there is none, or more than one and none is wanted.
    """
    return replace(_found(instance, wanted), prefix=_prefix(instance))


def _found(instance: dg.DagsterInstance, wanted: str | None) -> Location:
    found = _seen(instance)
    named = [location for location in found if location.name == (wanted or LOCATION)]
    if named or (len(found) == 1 and wanted is None):
        return (named or found)[0]
    if not found and wanted is None and isinstance(instance.event_log_storage, BatchedEventLog):
        return Location()
    names = ", ".join(location.name for location in found)
    if found and wanted is None:
        raise NoLocationError(
            f"the sensor {SENSOR} is in several code locations ({names}): say which is meant with "
            "DAGSTER_LOCATION"
        )
    raise NoLocationError(
        f"Dagster's daemon has not seen the sensor {SENSOR}"
        f"{f' in the code location {wanted}' if wanted else ''}: start it with `saft up`, or with "
        f"a workspace.yaml that loads {LOCATION}"
        + (f"; it is in {names} (DAGSTER_LOCATION)" if names else "")
    )


def _seen(instance: dg.DagsterInstance) -> list[Location]:
    """The locations in which the daemon has seen our sensor."""
    states = instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    origins = [s.origin.repository_origin for s in states if s.instigator_name == SENSOR]
    found = {Location(o.code_location_origin.location_name, o.repository_name) for o in origins}
    return sorted(found, key=lambda location: location.label)


def _prefix(instance: dg.DagsterInstance) -> tuple[str, ...]:
    """What our assets' keys begin with, as the newest run of our job that ended has them."""
    ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    newest = dg.RunsFilter(job_name=JOB, statuses=ended)
    for record in instance.get_run_records(newest, limit=1):
        planned = instance.all_logs(
            record.dagster_run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
        )
        for key in (entry.get_dagster_event().asset_key for entry in planned):
            if key and key.path[-1] == PUBLISHING:
                return tuple(key.path[:-1])
    return ()
