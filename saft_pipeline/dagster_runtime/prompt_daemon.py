"""Dagster's daemon under `saft up`: what it can know of at once waits for no turn of a loop.

Dagster looks for sensors that are due each five seconds, and for queued runs each second and a
half: a new file would wait for both. The limits on runs are Dagster's own still.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from threading import Event
from typing import Any

from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._daemon import sensor
from dagster._daemon.daemon import SpanMarker
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._utils.error import serializable_error_info_from_exc_info

_SENSORS_EVERY = 1  # seconds


def main() -> None:
    """Run the daemon with the arguments of this process, as `python -m dagster._daemon` does."""
    _be_prompt(Event())
    runpy.run_module("dagster._daemon", run_name="__main__")


def _be_prompt(queued: Event) -> None:
    """Have this process look more often, and at its queue whenever it has put a run there."""
    submit = QueuedRunCoordinator.submit_run

    def submit_run(*given: Any) -> Any:
        run = submit(*given)
        queued.set()
        return run

    def core_loop(self: QueuedRunCoordinatorDaemon, context: Any, _: Event) -> Iterator[Any]:
        while True:
            queued.clear()
            yield from _iteration(self, context)
            queued.wait(self.interval_seconds)
            yield None

    QueuedRunCoordinator.submit_run = submit_run  # type: ignore[assignment,method-assign]
    QueuedRunCoordinatorDaemon.core_loop = core_loop  # type: ignore[assignment,method-assign]
    sensor.MIN_INTERVAL_LOOP_TIME = _SENSORS_EVERY


def _iteration(daemon: QueuedRunCoordinatorDaemon, context: Any) -> Iterator[Any]:
    """As Dagster's own loop has it."""
    yield SpanMarker.START_SPAN
    try:
        yield from daemon.run_iteration(context)
    except Exception:
        error = serializable_error_info_from_exc_info(sys.exc_info())
        daemon._logger.exception("the queue of runs can't be emptied")
        yield error
    yield SpanMarker.END_SPAN
