"""Where our definitions are in an instance, which may be another team's, with its own beside ours.

Each tick of a sensor of ours knows the code location that it is in, and what our assets' keys begin
with in it; it leaves that in the instance. Names alone, of a sensor or a job, may be others' too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import dagster as dg
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
    REPORTS,
    SENSOR,
)
from saft_pipeline.dagster_runtime.storage import BatchedEventLog
from saft_pipeline.settings import SettingsError

REPOSITORY_TAG = ".dagster/repository"
"""The tag that Dagster gives to a run that was launched for a code location: `label`."""
ASSET_JOB = "__ASSET_JOB"
"""How the name begins of a run that the page, a backfill or `dagster asset` launched."""


_NOTED = "saft_pipeline: code locations"
"""Among what the instance keeps for its daemons."""


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
    """Where a sensor of ours is that ticks now; the instance keeps it for who looks with `find`."""
    origin = context.code_location_origin
    here = Location(
        name=origin.location_name if origin else LOCATION,
        repository=context.repository_name or Location.repository,
        prefix=tuple(prefix),
    )
    note(context.instance, here)
    return here


def note(instance: dg.DagsterInstance, here: Location) -> None:
    """Leave word in the instance that our definitions are in this location, too."""
    known = noted(instance)
    if here not in known:
        others = [each for each in known if each.label != here.label]
        said = json.dumps([asdict(each) for each in (*others, here)])
        instance.daemon_cursor_storage.set_cursor_values({_NOTED: said})


def noted(instance: dg.DagsterInstance) -> list[Location]:
    """The locations in which our sensors have ticked."""
    said = instance.daemon_cursor_storage.get_cursor_values({_NOTED}).get(_NOTED) or "[]"
    found = [Location(**{**each, "prefix": tuple(each["prefix"])}) for each in json.loads(said)]
    return sorted(found, key=lambda location: location.label)


def find(instance: dg.DagsterInstance, wanted: str | None = None) -> Location:
    """The location of that name, or the only one, or, in an instance of our own, `saft up`'s.

    Raises:
        NoLocationError: there is none, or more than one and none is wanted.
    """
    found = noted(instance)
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
        f"the sensor {SENSOR} has not ticked in this Dagster"
        f"{f' in the code location {wanted}' if wanted else ''}: start it with `saft up`, or with "
        f"a daemon and a workspace.yaml that loads {LOCATION}; its first tick makes it known"
        + (f"; it is in {names} (DAGSTER_LOCATION)" if names else "")
    )
