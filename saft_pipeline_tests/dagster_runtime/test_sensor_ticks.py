"""Asking the daemon for a tick, and finding the one that was asked for."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState, TickData, TickStatus
from dagster._daemon.sensor import execute_sensor_iteration

from saft_pipeline.dagster_runtime import sensor_ticks
from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.dagster_runtime.location import Location
from saft_pipeline.dagster_runtime.names import SENSOR
from saft_pipeline.dagster_runtime.submission import loaded

LOCATION = Location()


@pytest.fixture
def instance(runs: LocalRuns) -> dg.DagsterInstance:
    """An instance whose sensor has ticked just now, so that it is not due."""
    runs.tick()
    return runs.instance


@pytest.fixture
def switched_off(instance: dg.DagsterInstance) -> Iterator[None]:
    """Somebody stopped the sensor in the web UI."""
    (state,) = instance.all_instigator_state()
    origin, selector = state.instigator_origin_id, state.selector_id
    with loaded(instance) as workspace:
        (location,) = workspace.create_request_context().code_locations
        (repository,) = location.get_repositories().values()
        sensor = repository.get_sensor(SENSOR)
        instance.stop_sensor(origin, selector, sensor)
        yield
        instance.start_sensor(sensor)


def beat(instance: dg.DagsterInstance) -> None:
    """What the daemon does every five seconds."""
    with loaded(instance) as workspace:
        list(execute_sensor_iteration(workspace, logging.getLogger("test"), None, None))


def state_of(instance: dg.DagsterInstance) -> InstigatorState:
    (state,) = instance.all_instigator_state()
    return state


def test_a_tick_that_is_asked_for_is_the_next(instance: dg.DagsterInstance) -> None:
    last = sensor_ticks.ask(instance, LOCATION)
    assert sensor_ticks.after(instance, LOCATION, last) is None
    beat(instance)
    found = sensor_ticks.after(instance, LOCATION, last)
    assert found
    assert found.id > last


def test_without_asking_the_daemon_keeps_to_its_interval(instance: dg.DagsterInstance) -> None:
    last = sensor_ticks.newest(instance, LOCATION)
    beat(instance)
    assert sensor_ticks.newest(instance, LOCATION) == last


def test_of_several_ticks_it_is_the_first(instance: dg.DagsterInstance) -> None:
    last = sensor_ticks.ask(instance, LOCATION)
    beat(instance)
    first = sensor_ticks.newest(instance, LOCATION)
    sensor_ticks.make_due(instance, LOCATION)
    beat(instance)
    assert (
        sensor_ticks.after(instance, LOCATION, last)
        == first
        != sensor_ticks.newest(instance, LOCATION)
    )


def test_asking_keeps_what_the_sensor_remembers(instance: dg.DagsterInstance) -> None:
    before = state_of(instance).instigator_data
    sensor_ticks.make_due(instance, LOCATION)
    after = state_of(instance).instigator_data
    assert before
    assert after
    assert after.cursor == before.cursor  # type: ignore[union-attr]


def test_a_tick_under_way_is_not_the_one_that_is_asked_for(instance: dg.DagsterInstance) -> None:
    """Its end sets the clock anew, so asking goes on until another begins."""
    state = state_of(instance)
    under_way = instance.create_tick(
        TickData(
            state.instigator_origin_id,
            SENSOR,
            InstigatorType.SENSOR,
            TickStatus.STARTED,
            timestamp=time.time(),
            selector_id=state.selector_id,
        )
    )
    asked = sensor_ticks.ask(instance, LOCATION)
    assert asked == under_way.tick_id
    instance.update_instigator_state(state)
    instance.update_tick(under_way.with_status(TickStatus.SKIPPED))
    sensor_ticks.ask_until_begun(instance, LOCATION, asked, threading.Event(), patience=0.01)
    beat(instance)
    assert sensor_ticks.after(instance, LOCATION, asked)


@pytest.mark.usefixtures("switched_off")
def test_a_sensor_that_is_switched_off_is_not_made_due(instance: dg.DagsterInstance) -> None:
    with pytest.raises(sensor_ticks.SensorStoppedError, match="saft poll"):
        sensor_ticks.ask(instance, LOCATION)


def test_the_last_day_s_ticks_are_told_by_their_end(instance: dg.DagsterInstance) -> None:
    newest = sensor_ticks.newest(instance, LOCATION)
    assert newest
    storage = instance.schedule_storage
    assert storage
    began = storage.get_tick(newest.id).timestamp
    assert began == pytest.approx(max(sensor_ticks.of_last_day(instance, LOCATION)[newest.status]))
