"""Where our definitions are, in an instance that may have others beside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from saft_pipeline.dagster_runtime.location import Location, NoLocationError, find, note
from saft_pipeline.dagster_runtime.names import JOB, SENSOR
from saft_pipeline_tests.dagster_runtime.neighbours import run_of_theirs, sensor_of


@pytest.fixture
def stock(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance with Dagster's own storage."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def test_a_sensor_of_others_by_our_name_is_not_ours(stock: dg.DagsterInstance) -> None:
    sensor_of(stock, "their_location", SENSOR)
    with pytest.raises(NoLocationError, match="has not ticked"):
        find(stock)


def test_it_is_where_a_sensor_of_ours_has_ticked(stock: dg.DagsterInstance) -> None:
    note(stock, Location("finance", prefix=("acme", "saft")))
    assert find(stock) == Location("finance", prefix=("acme", "saft"))


def test_a_run_of_others_by_our_jobs_name_says_nothing_of_our_keys(
    stock: dg.DagsterInstance,
) -> None:
    note(stock, Location("finance"))
    run_of_theirs(stock, JOB, "theirs/invoice_files")
    assert find(stock).prefix == ()


def test_of_several_the_one_that_is_wanted_is_found(stock: dg.DagsterInstance) -> None:
    note(stock, Location("finance", prefix=("finance",)))
    note(stock, Location("sales", prefix=("sales",)))
    assert find(stock, "sales").prefix == ("sales",)
    with pytest.raises(NoLocationError, match="finance, sales"):
        find(stock)


def test_a_location_whose_keys_were_changed_is_there_once(stock: dg.DagsterInstance) -> None:
    note(stock, Location("finance"))
    note(stock, Location("finance", prefix=("acme",)))
    assert find(stock) == Location("finance", prefix=("acme",))
