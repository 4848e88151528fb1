"""Our definitions among those of others: no name in the way, keys below a prefix, own settings."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.dagster_runtime.names import FILE_ASSETS, JOB, RESOURCE, SENSOR
from saft_pipeline.dagster_runtime.partitions import file_partitions
from saft_pipeline.definitions import build_defs
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Project, one_invoice, partition_of

PREFIX = ["finance", "saft"]


@dg.asset(key=["invoices"])
def their_invoices() -> None:
    """An asset that is called like one of ours."""


@dg.op
def their_op() -> None:
    """A step of theirs."""


@dg.job
def their_job() -> None:
    """A job of theirs."""
    their_op()


THEIRS = dg.Definitions(
    assets=[their_invoices],
    jobs=[their_job],
    executor=dg.multiprocess_executor,
    loggers={"console": dg.colored_console_logger},
    resources={"pipeline": 1, "tables": 2, "io_manager": dg.mem_io_manager},
)


def test_ours_merge_with_definitions_that_name_everything() -> None:
    merged = dg.Definitions.merge(build_defs(key_prefix=PREFIX, group="finance"), THEIRS)
    dg.Definitions.validate_loadable(merged)
    graph = merged.resolve_asset_graph()
    keys = graph.get_all_asset_keys()
    assert {dg.AssetKey("invoices"), dg.AssetKey([*PREFIX, "invoices"])} <= keys
    groups = {graph.get(dg.AssetKey([*PREFIX, asset])).group_name for asset in FILE_ASSETS}
    assert groups == {"finance"}
    assert merged.executor is dg.multiprocess_executor


def test_our_job_has_its_own_executor_wherever_it_is_merged() -> None:
    merged = dg.Definitions.merge(build_defs(), dg.Definitions(executor=dg.multiprocess_executor))
    assert merged.resolve_job_def(JOB).executor_def is dg.in_process_executor


def ticked(definitions: dg.Definitions, instance: dg.DagsterInstance) -> Any:
    """What a look of the sensor gives, with the resources of the definitions."""
    assert definitions.resources
    resources = {RESOURCE: definitions.resources[RESOURCE]}
    repository = definitions.get_repository_def()
    with dg.build_sensor_context(
        instance, resources=resources, repository_def=repository
    ) as context:
        return definitions.get_sensor_def(SENSOR).evaluate_tick(context)


@pytest.fixture
def below_a_prefix(project: Project, runs: LocalRuns, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A tick of the merged sensor, and the run that it asks for."""
    monkeypatch.setenv("RUN_PER_FILE_UP_TO", "0")
    for number in (1, 2):
        project.put(f"{number}.xml", one_invoice(f"FT M/{number}"))
    merged = dg.Definitions.merge(build_defs(key_prefix=PREFIX), THEIRS)
    found = ticked(merged, runs.instance)
    (request,) = found.run_requests
    done = merged.resolve_job_def(JOB).execute_in_process(
        instance=runs.instance,
        run_config=request.run_config,
        tags=dict(request.tags),
    )
    assert done.success
    return found


def test_what_the_sensor_and_runs_report_is_below_the_prefix(
    below_a_prefix: Any, runs: LocalRuns, store: Store
) -> None:
    seen = {event.asset_key for event in below_a_prefix.asset_events}
    assert seen == {dg.AssetKey([*PREFIX, "sftp_folder"])}
    key = partition_of(store.files()[0])
    for asset in FILE_ASSETS:
        found = runs.instance.get_status_by_partition(
            dg.AssetKey([*PREFIX, asset]), [key], file_partitions(tuple(PREFIX))
        )
        assert found
        assert str(found[key]) == "AssetPartitionStatus.MATERIALIZED"


@pytest.mark.usefixtures("below_a_prefix")
def test_checks_are_below_the_prefix(runs: LocalRuns, store: Store) -> None:
    kinds = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    entries = runs.instance.all_logs(str(store.files()[0].run_id), of_type=kinds)
    found = {entry.get_dagster_event().asset_check_evaluation_data.asset_key for entry in entries}
    assert {tuple(key.path[:-1]) for key in found} == {tuple(PREFIX)}


def test_given_settings_stand_above_the_environment(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    definitions = build_defs(project.settings)
    monkeypatch.setenv("SFTP_HOST", "elsewhere.example.test")
    with dg.DagsterInstance.ephemeral() as instance:
        assert ticked(definitions, instance).cursor


@pytest.mark.usefixtures("below_a_prefix")
def test_an_asset_value_is_loaded_as_dagster_documents_it(runs: LocalRuns, store: Store) -> None:
    definitions = build_defs(key_prefix=PREFIX)
    key = dg.AssetKey([*PREFIX, "invoices"])
    partition = partition_of(store.files(path="1.xml")[0])
    one: Any = definitions.load_asset_value(key, partition_key=partition, instance=runs.instance)
    assert list(one["invoice_no"]) == ["FT M/1"]
    whole: Any = definitions.load_asset_value(key, instance=runs.instance)
    assert len(whole) == 2
