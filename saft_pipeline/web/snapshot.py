"""What the status page shows, gathered at most every second and kept: a look costs nobody a query.

The ledger, Dagster and the other servers are asked apart, so that one that is down hides no other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from saft_pipeline.dagster_runtime import runs, sensor_ticks
from saft_pipeline.dagster_runtime.sensor_ticks import Tick
from saft_pipeline.web import tasks
from saft_pipeline.web.errors import api_error
from saft_pipeline.web.health import Probes
from saft_pipeline.web.models import ActiveTask, Health
from saft_pipeline.web.services import Services

_T = TypeVar("_T")
_OfLedger = tuple[Mapping[str, Any] | None, Sequence[Mapping[str, Any]]]
_OfDagster = tuple[Sequence[ActiveTask], Tick | None]

_EVERY = 1.0
_SHARE = 10
"""A look takes at most one tenth of the time: a slow database is asked less often."""
_LONGEST_PAUSE = 15.0
"""One that did not answer is soon asked again, so that the page recovers with it."""
_FRESH = 10.0
_HEALTH_EVERY = 5.0
_NO_LEDGER: _OfLedger = (None, ())
_NO_DAGSTER: _OfDagster = ((), None)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One look; what could not be had is None, with the reason among `problems` by who failed."""

    at: datetime
    ledger: Mapping[str, Any] | None
    companies: Sequence[Mapping[str, Any]]
    active: Sequence[ActiveTask]
    tick: Tick | None
    problems: Mapping[str, str]
    health: Health | None = None


class Snapshots:
    """The newest snapshot, for all that look."""

    def __init__(self, services: Services, probes: Probes) -> None:
        self._services = services
        self._probes = probes
        self._last: Snapshot | None = None
        self._looked = self._due = self._health_due = 0.0
        self._looking: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._health: Health | None = None

    async def newest(self) -> Snapshot:
        """The newest; waited for only if there is none, or nobody has looked for a while."""
        now = time.monotonic()
        if self._looking is None and now >= self._due:
            self._looking = asyncio.create_task(self._look())
        if self._asking is None and now >= self._health_due:
            self._asking = asyncio.create_task(self._ask_servers())
        if self._looking and (self._last is None or now - self._looked > _FRESH):
            await asyncio.shield(self._looking)
        assert self._last is not None
        return self._last

    async def _look(self) -> None:
        began = time.monotonic()
        try:
            self._last = await self._gathered()
        finally:
            self._looked = time.monotonic()
            pause = max(_EVERY, _SHARE * (self._looked - began))
            self._due = self._looked + min(pause, _LONGEST_PAUSE)
            self._looking = None

    async def _gathered(self) -> Snapshot:
        problems: dict[str, str] = {}

        async def had(who: str, work: Callable[[], _T], otherwise: _T) -> _T:
            try:
                return await self._services.call(work)
            except Exception as error:
                problems[who] = str(api_error(error))
                return otherwise

        ledger, dagster = await asyncio.gather(
            had("database", self._of_ledger, _NO_LEDGER),
            had("dagster", self._of_dagster, _NO_DAGSTER),
        )
        at = datetime.now(UTC).replace(microsecond=0)
        return Snapshot(at, *ledger, *dagster, problems, self._health)

    def _of_ledger(self) -> _OfLedger:
        ledger = self._services.ledger
        return ledger.operations.overview(), ledger.reports.companies()

    def _of_dagster(self) -> _OfDagster:
        instance, location = self._services.instance, self._services.location
        active = [tasks.active(record) for record in runs.unfinished(instance, location)]
        return active, sensor_ticks.newest_ended(instance, location)

    async def _ask_servers(self) -> None:
        try:
            self._health = await self._probes.health()
        finally:
            self._health_due = time.monotonic() + _HEALTH_EVERY
            self._asking = None
