"""Ticks of the sensor for who asks from outside: having one now, and finding it again.

The daemon makes them: a tick is asked for by forgetting when the last one was, so that the sensor
is due, and the daemon looks every five seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorTick, SensorInstigatorData, TickStatus

from saft_pipeline.dagster_runtime.location import Location
from saft_pipeline.dagster_runtime.names import AGAIN, SENSOR
from saft_pipeline.dagster_runtime.runs import plain_reason

_ANY_ORIGIN = ""


TickOutcome = Literal["started", "success", "skipped", "failure"]
ENDED: tuple[TickOutcome, ...] = ("success", "skipped", "failure")
_STATUS: dict[TickStatus, TickOutcome] = {
    TickStatus.STARTED: "started",
    TickStatus.SUCCESS: "success",
    TickStatus.SKIPPED: "skipped",
    TickStatus.FAILURE: "failure",
}


@dataclass(frozen=True)
class Tick:
    """One look of the sensor; `began` is epoch seconds, `error` plain words without a traceback."""

    id: int
    status: TickOutcome
    run_ids: Sequence[str]
    skip_reason: str | None
    cursor: str | None
    error: str | None
    began: float


def tick_of(kept: InstigatorTick) -> Tick:
    """A tick as Dagster keeps it, in our words."""
    return Tick(
        id=int(kept.tick_id),
        status=_STATUS[kept.status],
        run_ids=kept.run_ids,
        skip_reason=kept.skip_reason,
        cursor=kept.cursor,
        error=plain_reason(kept.error) if kept.error else None,
        began=kept.timestamp,
    )


class SensorStoppedError(Exception):
    """Somebody switched the sensor off; the message says what to do."""


def newest(instance: dg.DagsterInstance, location: Location) -> Tick | None:
    """The tick that began last."""
    return next(
        map(tick_of, instance.get_ticks(_ANY_ORIGIN, location.selector_id(), limit=1)), None
    )


def newest_ended(instance: dg.DagsterInstance, location: Location) -> Tick | None:
    """The tick that began last of those that have ended."""
    ended = [status for status in TickStatus if _STATUS.get(status) in ENDED]
    found = instance.get_ticks(_ANY_ORIGIN, location.selector_id(), limit=1, statuses=ended)
    return next(map(tick_of, found), None)


def last_well(instance: dg.DagsterInstance, location: Location) -> Tick | None:
    """The tick that began last of those that have ended well, some skipped for want of work."""
    statuses = [TickStatus.SUCCESS, TickStatus.SKIPPED]
    found = map(
        tick_of,
        instance.get_ticks(_ANY_ORIGIN, location.selector_id(), limit=20, statuses=statuses),
    )
    return next((tick for tick in found if not (tick.skip_reason or "").startswith(AGAIN)), None)


def after(instance: dg.DagsterInstance, location: Location, tick_id: int) -> Tick | None:
    """The first tick that began after that one (0: the first of all)."""
    storage = instance.schedule_storage
    assert storage is not None
    known = storage.get_ticks_by_ids([tick_id])
    since = known[0].timestamp if known else None
    summaries = storage.get_tick_summaries(_ANY_ORIGIN, location.selector_id(), after=since)
    later = [summary.tick_id for summary in summaries if summary.tick_id > tick_id]
    return tick_of(storage.get_tick(min(later))) if later else None


def of_last_day(instance: dg.DagsterInstance, location: Location) -> dict[TickOutcome, list[float]]:
    """When the ticks of the last 24 hours began (epoch seconds), by what became of them."""
    storage = instance.schedule_storage
    assert storage is not None
    found: dict[TickOutcome, list[float]] = {status: [] for status in _STATUS.values()}
    for tick in storage.get_tick_summaries(
        _ANY_ORIGIN, location.selector_id(), after=time.time() - 86_400
    ):
        found[_STATUS[tick.status]].append(tick.timestamp)
    return found


def make_due(instance: dg.DagsterInstance, location: Location) -> None:
    """Have the daemon tick at its next beat. A sensor that never ticked is due already.

    Raises:
        SensorStoppedError: it is switched off.
    """
    state = instance.get_instigator_state(_ANY_ORIGIN, location.selector_id())
    if state is None:
        return
    if not state.is_running:
        raise SensorStoppedError(
            f"the sensor {SENSOR} is switched off: switch it on in Dagster (Automation), "
            "or look once with: saft poll"
        )
    data = state.instigator_data
    assert isinstance(data, SensorInstigatorData)
    forgotten = data._replace(last_tick_timestamp=None, last_tick_start_timestamp=None)
    instance.update_instigator_state(state.with_data(forgotten))


def ask(instance: dg.DagsterInstance, location: Location) -> int:
    """Make the sensor due; the id of the tick `after` which comes the one that was asked for."""
    last = newest(instance, location)
    make_due(instance, location)
    return last.id if last else 0


def ask_until_begun(
    instance: dg.DagsterInstance,
    location: Location,
    tick_id: int,
    done: threading.Event,
    patience: float = 120,
) -> None:
    """Ask again until a newer tick begins: one that was under way sets the clock at its end.

    Ends after `patience` seconds, too, or when `done` is set.
    """
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and not done.is_set():
        last = newest(instance, location)
        if last and last.id > tick_id:
            return
        if last and last.status != "started":
            make_due(instance, location)
        done.wait(1)
