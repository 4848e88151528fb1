"""What Dagster is told of each file, by way of the run that loads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterEventType

from saft_pipeline.dagster_runtime import partitions
from saft_pipeline.dagster_runtime.names import CLAIM_TAG, FILE_ASSETS, JOB
from saft_pipeline.definitions import build_defs
from saft_pipeline.settings import load
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Polled, Project, broken, one_invoice, poll_once

KINDS = {
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_OBSERVATION,
}


def told(instance: dg.DagsterInstance, run_id: str) -> Counter[tuple[str, str, str]]:
    """How often a run said what of which asset and file."""
    events = (e.dagster_event for e in instance.all_logs(run_id, of_type=KINDS))
    return Counter(
        (e.event_type_value, e.asset_key.to_user_string(), (e.partition or "").partition("~")[0])
        for e in events
        if e and e.asset_key and e.partition
    )


def of_file(polled: Polled, name: str) -> Counter[tuple[str, str]]:
    found = told(polled.runs.instance, polled.run.run_id)
    return Counter({(k, asset): n for (k, asset, file), n in found.items() if file == name})


def test_a_good_file_is_told_once_for_each_asset(polled: Polled) -> None:
    assert of_file(polled, "good") == {("ASSET_MATERIALIZATION", asset): 1 for asset in FILE_ASSETS}


def test_a_broken_file_is_told_as_meant_and_with_its_reason(polled: Polled) -> None:
    """The reason stands at each asset that the file lacks, where who looks at it finds it."""
    meant = {("ASSET_MATERIALIZATION_PLANNED", asset): 1 for asset in FILE_ASSETS[1:]}
    reasons = {("ASSET_OBSERVATION", asset): 1 for asset in FILE_ASSETS[1:]}
    assert of_file(polled, "broken") == {
        ("ASSET_MATERIALIZATION", "raw_xml"): 1,
        **reasons,
        **meant,
    }


def test_an_incomplete_file_is_told_as_seen_and_not_as_meant(polled: Polled) -> None:
    assert of_file(polled, "half") == {
        ("ASSET_MATERIALIZATION", "raw_xml"): 1,
        ("ASSET_OBSERVATION", "invoice_files"): 1,
    }


def test_every_event_is_of_the_step_that_loads(polled: Polled) -> None:
    events = polled.runs.instance.all_logs(polled.run.run_id, of_type=KINDS)
    of_events = {(e.step_key, e.dagster_event.job_name) for e in events if e.dagster_event}
    assert of_events == {("load_files", JOB)}


def test_a_steps_times_are_read_without_the_events_of_its_files(polled: Polled) -> None:
    """The page asks for them each time that it shows a run."""
    storage: Any = polled.runs.instance.event_log_storage
    of_run = f"select from event_logs where run_id = '{polled.run.run_id}'"
    with storage.index_connection() as connection:
        query = f"{of_run} and partition is not null and step_key is not null"
        assert not connection.exec_driver_sql(query).fetchall()


def test_files_of_a_run_have_times_that_the_page_tells_apart(polled: Polled) -> None:
    events = polled.runs.instance.all_logs(polled.run.run_id, of_type=KINDS)
    times = {
        (e.dagster_event.partition, int(e.timestamp * 1000)) for e in events if e.dagster_event
    }
    of_files = {(p, ms) for p, ms in times if p}
    assert len({ms for _, ms in of_files}) == len(of_files) == len({p for p, _ in of_files})


@pytest.fixture
def elsewhere() -> Iterator[dg.DagsterInstance]:
    """An instance whose storage is not ours."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_a_storage_of_dagsters_own_is_told_the_same(
    project: Project, store: Store, elsewhere: dg.DagsterInstance
) -> None:
    project.put("good.xml", one_invoice("FT F/1"))
    project.put("broken.xml", broken("FT F/2"))
    settings = load({**project.env, "RUN_PER_FILE_UP_TO": "0"})
    (claim,) = poll_once(settings, store, turn_of=lambda _: "came").claims
    job = build_defs().get_job_def(JOB)
    done = job.execute_in_process(
        instance=elsewhere, tags={CLAIM_TAG: claim.owner}, raise_on_error=False
    )
    found = told(elsewhere, done.run_id)
    assert found["ASSET_MATERIALIZATION", "invoices", "good"] == 1
    assert found["ASSET_MATERIALIZATION_PLANNED", "invoices", "broken"] == 1


def test_partitions_are_told_by_the_key_that_the_sensor_registered(polled: Polled) -> None:
    known = polled.runs.instance.get_dynamic_partitions(str(partitions.files.name))
    events = polled.runs.instance.all_logs(polled.run.run_id, of_type=KINDS)
    told_of = {e.dagster_event.partition for e in events if e.dagster_event} - {None}
    assert told_of <= set(known)
