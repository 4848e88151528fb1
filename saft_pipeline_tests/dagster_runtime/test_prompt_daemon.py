"""The daemon under `saft up`: what it put into its queue it looks at, whatever its loop is at."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, Thread

import dagster as dg
import pytest
from dagster._core.run_coordinator import QueuedRunCoordinator, SubmitRunContext
from dagster._daemon import sensor
from dagster._daemon.daemon import SpanMarker
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from saft_pipeline.dagster_runtime import prompt_daemon
from saft_pipeline.dagster_runtime.instance import open_instance
from saft_pipeline.dagster_runtime.location import Location
from saft_pipeline_tests.fixtures.project import Project

_FOR_EVER = 3600


@pytest.fixture
def prompt(monkeypatch: pytest.MonkeyPatch) -> Event:
    """This process as the daemon's is, until the test is over."""
    submit_run, core_loop = QueuedRunCoordinator.submit_run, QueuedRunCoordinatorDaemon.core_loop
    monkeypatch.setattr(QueuedRunCoordinator, "submit_run", submit_run)
    monkeypatch.setattr(QueuedRunCoordinatorDaemon, "core_loop", core_loop)
    monkeypatch.setattr(sensor, "MIN_INTERVAL_LOOP_TIME", sensor.MIN_INTERVAL_LOOP_TIME)
    queued = Event()
    prompt_daemon._be_prompt(queued)
    return queued


def test_a_run_that_it_put_into_the_queue_is_looked_at_at_once(
    project: Project, prompt: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    first, second = Event(), Event()

    def iteration(*_: object) -> Iterator[None]:
        looked.append(len(looked))
        (second if looked[1:] else first).set()
        yield None

    monkeypatch.setattr(QueuedRunCoordinatorDaemon, "run_iteration", iteration)
    loop = QueuedRunCoordinatorDaemon(_FOR_EVER).core_loop(None, Event())
    Thread(target=lambda: [next(loop) for _ in range(8)], daemon=True).start()
    assert first.wait(30)
    with open_instance(project.settings) as instance:
        put_into_queue(instance)
    assert second.wait(30)


def put_into_queue(instance: dg.DagsterInstance) -> None:
    """A run, as a sensor's tick does it."""

    @dg.job
    def some_job() -> None:
        pass

    origin = Location().job_origin()
    run = instance.create_run_for_job(some_job, remote_job_origin=origin)
    context = SubmitRunContext(run, workspace=None)  # type: ignore[arg-type]
    instance.run_coordinator.submit_run(context)


def test_a_look_that_fails_is_told_and_not_the_last(
    prompt: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def iteration(*_: object) -> Iterator[None]:
        yield 1 // 0  # type: ignore[misc]

    monkeypatch.setattr(QueuedRunCoordinatorDaemon, "run_iteration", iteration)
    loop = QueuedRunCoordinatorDaemon(0).core_loop(None, Event())
    begins, error, ends, _, again = (next(loop) for _ in range(5))
    assert (begins, ends, again) == (
        SpanMarker.START_SPAN,
        SpanMarker.END_SPAN,
        SpanMarker.START_SPAN,
    )
    assert "ZeroDivisionError" in str(error)


def test_sensors_are_looked_for_each_second(prompt: Event) -> None:
    assert sensor.MIN_INTERVAL_LOOP_TIME == 1
