"""Where our definitions are in an instance, which may be another team's, with its own beside ours.

The daemon notes each sensor that it has seen, with its code location and its cursor. Others may
call a sensor as ours is called; the cursor of ours has a mark, with what our assets' keys begin
with there and the database of the rows, so that another team's use of this package is not taken for
ours either.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.definitions.selector import InstigatorSelector
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, SensorInstigatorData
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from saft_pipeline.dagster_runtime.names import (
    CLAIM_TAG,
    CONTINUITY_JOB,
    FILE_ASSETS,
    FOLDER,
    JOB,
    LOCATION,
    MONTHLY_JOB,
    PRUNE_JOB,
    REPORT_ASSETS,
    SENSOR,
)
from saft_pipeline.dagster_runtime.storage import BatchedEventLog
from saft_pipeline.settings import Settings, SettingsError

REPOSITORY_TAG = ".dagster/repository"
"""The tag that Dagster gives to a run that was launched for a code location: `label`."""
ASSET_JOB = "__ASSET_JOB"
"""How the name begins of a run that the page, a backfill or `dagster asset` launched."""
_MARK = "saft_pipeline"
_ALIVE = 86_400.0
"""Seconds; a sensor that has not ticked for longer is of a location that is no more."""


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
        return [
            dg.AssetKey([*self.prefix, name]) for name in (FOLDER, *FILE_ASSETS, *REPORT_ASSETS)
        ]

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
        label = _label(run)
        if label not in (None, self.label):
            return False
        if run.job_name in (JOB, PRUNE_JOB, MONTHLY_JOB, CONTINUITY_JOB):
            # Before 0.2.0 what `saft ingest` ran had no label; it can't load what has a prefix.
            return label is not None or (CLAIM_TAG in run.tags and not self.prefix)
        chosen = set(run.asset_selection or ())
        return run.job_name.startswith(ASSET_JOB) and bool(chosen) and chosen <= set(self.keys)


def _label(run: dg.DagsterRun) -> str | None:
    """The daemon notes where a run's job is in its origin; Dagster's storage alone has the tag."""
    origin = run.remote_job_origin
    return origin.repository_origin.get_label() if origin else run.tags.get(REPOSITORY_TAG)


def of_sensor(context: dg.SensorEvaluationContext, prefix: Sequence[str]) -> Location:
    """Where a sensor of ours is that ticks now."""
    origin = context.code_location_origin
    return Location(
        name=origin.location_name if origin else LOCATION,
        repository=context.repository_name or Location.repository,
        prefix=tuple(prefix),
    )


def mark(location: Location, settings: Settings) -> dict[str, dict[str, Any]]:
    """What the cursor of our sensor says, which no other sensor of that name has."""
    return {_MARK: {"prefix": list(location.prefix), "database": _database(settings)}}


def find_location(instance: dg.DagsterInstance, settings: Settings) -> Location:
    """Where our definitions are that write into the database of the settings.

    DAGSTER_LOCATION says which, if they are in several.

    Raises:
        NoLocationError: there is none, or more than one and none is wanted.
    """
    seen, wanted = _seen(instance), settings.dagster_location
    marked = [each for each in seen if each.marked]
    ours = [each for each in marked if each.database == _database(settings)]
    if wanted:
        ours = [each for each in marked if each.location.name == wanted]
    elif not ours and settings.dagster_instance is None and settings.dagster_db_url is None:
        ours = marked  # the history is in our home; the tables have moved
    elif len(ours) > 1:
        ours = [each for each in ours if each.location.name == LOCATION] or ours
    if len(ours) == 1:
        return ours[0].location
    if not ours and wanted in (None, LOCATION):
        # Nobody calls a location by our module's name by accident; below a prefix it has a mark.
        named = [each for each in seen if each.location.name == LOCATION]
        if all(not each.marked for each in named) and (
            named or isinstance(instance.event_log_storage, BatchedEventLog)
        ):
            return named[0].location if named else Location()
    raise NoLocationError(_why_not(seen, ours, wanted))


def require_own_keys(instance: dg.DagsterInstance, location: Location, settings: Settings) -> None:
    """Two locations whose assets have the same keys, and other tables, have one history.

    Raises:
        NoLocationError: there is another such location, and its sensor ticks.
    """
    database, since = _database(settings), time.time() - _ALIVE
    for each in _seen(instance):
        if (
            each.marked
            and each.location.label != location.label
            and each.location.prefix == location.prefix
            and each.database != database
            and each.ticked > since
        ):
            raise NoLocationError(
                f"the code location {each.location.name} has assets of the same keys, whose rows "
                f"are in {each.database}: give ours a prefix, build_defs(key_prefix=…)"
            )


def _why_not(seen: Sequence[_Seen], ours: Sequence[_Seen], wanted: str | None) -> str:
    if ours:
        names = ", ".join(each.location.name for each in ours)
        return (
            f"the sensor {SENSOR} is in several code locations ({names}): say which is meant with "
            "DAGSTER_LOCATION"
        )
    others = [
        f"{each.location.name} ({each.database or 'it has not looked at our folders yet'})"
        for each in seen
    ]
    return (
        f"Dagster's daemon has not seen our sensor {SENSOR}"
        f"{f' in the code location {wanted}' if wanted else ''}: start it with `saft up`, or with "
        f"a workspace.yaml that loads {LOCATION}, and let it look once"
        + (f"; one of that name is in {', '.join(others)}" if others else "")
        + ("" if wanted or not others else "; if that is meant, DAGSTER_LOCATION says so")
    )


@dataclass(frozen=True)
class _Seen:
    """A sensor called like ours, and, if it is ours, the database that it writes into."""

    location: Location
    database: str | None
    ticked: float

    @property
    def marked(self) -> bool:
        return self.database is not None


def _seen(instance: dg.DagsterInstance) -> list[_Seen]:
    """The sensors of that name that the daemon has seen."""
    if instance.schedule_storage is None:  # an instance in memory
        return []
    states = instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    found = [_of_state(state) for state in states if state.instigator_name == SENSOR]
    return sorted(found, key=lambda each: each.location.label)


def _of_state(state: InstigatorState) -> _Seen:
    origin, data = state.origin.repository_origin, state.instigator_data
    cursor = data.cursor if isinstance(data, SensorInstigatorData) else None
    try:
        said = json.loads(cursor or "{}")[_MARK]
        prefix, database = tuple(map(str, said["prefix"])), str(said["database"])
    except (ValueError, TypeError, LookupError):
        prefix, database = (), None
    name = origin.code_location_origin.location_name
    ticked = data.last_tick_timestamp if isinstance(data, SensorInstigatorData) else None
    return _Seen(Location(name, origin.repository_name, prefix), database, ticked or 0.0)


def _database(settings: Settings) -> str:
    """Where the tables are, without who logs in there."""
    if settings.over_rest:
        return str(settings.supabase_url)
    if settings.supabase_db_url:
        try:
            given = conninfo_to_dict(settings.supabase_db_url.get_secret_value())
        except ProgrammingError:
            return ""  # who opens it says what is wrong with it
        return f"{given.get('host', '')}:{given.get('port', 5432)}/{given.get('dbname', '')}"
    return str(settings.home)
