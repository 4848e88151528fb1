"""Ticks and runs in this process, without daemon or code server: `saft poll` and `saft ingest`.

The tick is the daemon's own function on the same instance, so it leaves the same records. The runs
it requests wait in `WaitingRuns` until it has ended, and are then executed here one by one: the
three seconds that a process a run costs are paid once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.errors import DagsterExecutionInterruptedError, DagsterUserCodeProcessError
from dagster._core.events import RunFailureReason
from dagster._core.execution.api import execute_run
from dagster._core.remote_representation.code_location import InProcessCodeLocation
from dagster._core.remote_representation.external import RemoteSensor
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._daemon.sensor import SensorLaunchContext, _evaluate_sensor

from saft_pipeline.dagster_runtime.garbage import gc_frozen
from saft_pipeline.dagster_runtime.instance import open_instance
from saft_pipeline.dagster_runtime.location import Location, NoLocationError, find_location
from saft_pipeline.dagster_runtime.names import JOB, SENSOR
from saft_pipeline.dagster_runtime.runs import end_dead_runs, plain_reason
from saft_pipeline.dagster_runtime.sensor_ticks import Tick, tick_of
from saft_pipeline.dagster_runtime.submission import create_run, loaded
from saft_pipeline.dagster_runtime.waiting_runs import WaitingRuns
from saft_pipeline.settings import Settings, in_use
from saft_pipeline.store.store import Store

# What it says of a connection that a signal came amid the close of; who ends knows it.
_SILENT = logging.NullHandler()


class TickFailedError(Exception):
    """The sensor raised; the message is its own, the tick in the history has the whole error."""


class LocalRuns:
    """The instance and the definitions, loaded in this process."""

    def __init__(
        self,
        settings: Settings,
        instance: dg.DagsterInstance,
        found: Location,
        workspace: WorkspaceProcessContext,
    ) -> None:
        self.instance = instance
        self._settings = settings
        self._found = found
        self._workspace = workspace
        (location,) = workspace.create_request_context().code_locations
        assert isinstance(location, InProcessCodeLocation)
        self._location = location
        (self._repository,) = self._location.get_repositories().values()
        self._label = f"{self._repository.name}@{location.name}"

    def tick(self) -> Tick:
        """One tick of the sensor, as the daemon does it; its runs are left waiting.

        Raises:
            TickFailedError: the sensor raised.
            KeyboardInterrupt: SIGINT or SIGTERM came meanwhile.
        """
        sensor = self._repository.get_sensor(SENSOR)
        state = self._state(sensor)
        tick = self.instance.create_tick(_tick_data(sensor))
        try:
            with (
                _interruptible(),
                in_use(self._settings),
                SensorLaunchContext(sensor, tick, self.instance, _logger(), {}) as context,
            ):
                for error in _evaluate_sensor(self._workspace, context, sensor, state, None):
                    if error is not None:
                        raise TickFailedError(plain_reason(error))
                return tick_of(context.tick)
        except DagsterUserCodeProcessError as error:
            raise TickFailedError(plain_reason(error.user_code_process_error_infos[0])) from None

    def _state(self, sensor: RemoteSensor) -> InstigatorState:
        state = self.instance.get_instigator_state(
            sensor.get_remote_origin_id(), sensor.selector_id
        )
        if state is None:
            data = SensorInstigatorData(
                min_interval=sensor.min_interval_seconds, sensor_type=sensor.sensor_type
            )
            status = InstigatorStatus.DECLARED_IN_CODE
            state = self.instance.add_instigator_state(
                InstigatorState(sensor.get_remote_origin(), InstigatorType.SENSOR, status, data)
            )
        return state

    @property
    def waiting(self) -> list[dg.DagsterRun]:
        """The runs that wait, as the launcher keeps them."""
        launcher = self.instance.run_launcher
        assert isinstance(launcher, WaitingRuns)
        return launcher.waiting

    def end_dead(self, store: Store) -> None:
        """Give up what killed runs hold, as each tick does."""
        end_dead_runs(self.instance, self._found, store, self._settings.lease_seconds)

    def run_waiting(self) -> Iterator[str]:
        """Execute the runs that wait; yields the id of each as it ends, well or badly.

        Raises:
            KeyboardInterrupt: SIGINT or SIGTERM ended a run; the others wait on.
        """
        while self.waiting:
            run = self.waiting.pop(0)
            self._execute(run)
            yield run.run_id

    def execute(self, request: dg.RunRequest) -> str:
        """A run as it is asked for, to its end; its id."""
        with in_use(self._settings):
            job = self._job().get_definition()
        run = create_run(self.instance, job, request, self._label)
        self._execute(run)
        return run.run_id

    def _job(self) -> ReconstructableJob:
        return self._location.get_reconstructable_job(self._repository.name, JOB)

    def _execute(self, run: dg.DagsterRun) -> None:
        with in_use(self._settings):
            done = execute_run(self._job(), run, self.instance)
        # Dagster takes a signal for an end of the run alone.
        if any(map(_was_interrupted, done.all_events)):
            raise KeyboardInterrupt


@contextmanager
def local_runs(settings: Settings) -> Iterator[LocalRuns]:
    """Open the instance and load the definitions in this process.

    Raises:
        KeyboardInterrupt: SIGINT or SIGTERM came while they were loaded.
    """
    here = {
        "run_launcher": {"module": WaitingRuns.__module__, "class": WaitingRuns.__name__},
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": "DefaultRunCoordinator",
        },
    }
    logging.getLogger("sqlalchemy.pool").addHandler(_SILENT)
    # Dagster keeps the job that it made last in a process, with the settings that it had then.
    ReconstructableJob.get_definition.cache_clear()
    ReconstructableJob.get_repository_definition.cache_clear()
    with ExitStack() as stack:
        with gc_frozen(), _interruptible():
            instance = stack.enter_context(open_instance(settings, here))
            with in_use(settings):
                location = find_location(instance, settings)
                if location.prefix:
                    raise NoLocationError(
                        f"the assets are below {'/'.join(location.prefix)}, in definitions that "
                        "this process can't load: POST /api/process-sftp polls, the page loads"
                    )
                workspace = stack.enter_context(loaded(instance, location.name))
        yield LocalRuns(settings, instance, location, workspace)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Dagster has an interrupt of its own."""
    try:
        yield
    except DagsterExecutionInterruptedError:
        raise KeyboardInterrupt from None


def _was_interrupted(event: dg.DagsterEvent) -> bool:
    return (
        event.is_job_failure
        and event.job_failure_data.failure_reason is RunFailureReason.UNEXPECTED_TERMINATION
    )


def _tick_data(sensor: RemoteSensor) -> TickData:
    return TickData(
        instigator_origin_id=sensor.get_remote_origin_id(),
        instigator_name=sensor.name,
        instigator_type=InstigatorType.SENSOR,
        status=TickStatus.STARTED,
        timestamp=time.time(),
        selector_id=sensor.selector_id,
    )


def _logger() -> logging.Logger:
    """One that is silent: the tick's record has its errors, and the caller tells of them."""
    logger = logging.getLogger("saft_pipeline.tick")
    logger.disabled = True
    return logger
