"""Our definitions are found by what our sensor leaves, never by a name that others may use."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from saft_pipeline.dagster_runtime import location
from saft_pipeline.dagster_runtime.location import (
    REPOSITORY_TAG,
    Location,
    NoLocationError,
    find_location,
    require_own_keys,
)
from saft_pipeline.dagster_runtime.names import CLAIM_TAG
from saft_pipeline.dagster_runtime.partitions import file_partitions
from saft_pipeline.dagster_runtime.submission import adopt_partitions
from saft_pipeline.settings import Settings, load
from saft_pipeline_tests.dagster_runtime.neighbours import ours_seen, seen_by_daemon
from saft_pipeline_tests.fixtures.own_home import stock_home


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Another team's: Dagster's own SQLite."""
    with stock_home() as home, dg.DagsterInstance.local_temp(str(home)) as opened:
        yield opened


def of(database: str, **others: str) -> Settings:
    """Settings with the tables in a database of that name."""
    url = f"postgresql://somebody:secret@db.example.test/{database}"
    return load({"SUPABASE_DB_URL": url, "DAGSTER_INSTANCE": "/theirs", **others})


OURS, THEIRS = of("ours"), of("theirs")


@pytest.mark.parametrize("cursor", [None, "7", "{}", "[]", '{"saft_pipeline": 1}', "no JSON"])
def test_a_neighbours_sensor_of_our_name_is_not_ours(
    instance: dg.DagsterInstance, cursor: str | None
) -> None:
    seen_by_daemon(instance, "their_location", cursor=cursor)
    with pytest.raises(NoLocationError, match=r"not seen our sensor.*their_location"):
        find_location(instance, OURS)
    with pytest.raises(NoLocationError, match="in the code location their_location"):
        find_location(instance, of("ours", DAGSTER_LOCATION="their_location"))


def test_ours_is_found_beside_a_neighbours_sensor_of_our_name(
    instance: dg.DagsterInstance,
) -> None:
    seen_by_daemon(instance, "their_location")
    ours = ours_seen(instance, OURS, "finance", "ours")
    assert find_location(instance, OURS) == ours


def test_each_team_that_uses_this_package_finds_its_own(instance: dg.DagsterInstance) -> None:
    ours = ours_seen(instance, OURS, "finance", "ours")
    theirs = ours_seen(instance, THEIRS, "sales", "theirs")
    assert (find_location(instance, OURS), find_location(instance, THEIRS)) == (ours, theirs)


def test_what_writes_elsewhere_is_named_and_taken_only_if_a_setting_says_so(
    instance: dg.DagsterInstance,
) -> None:
    there = ours_seen(instance, THEIRS, "sales")
    with pytest.raises(NoLocationError, match=r"sales \(db.example.test:5432/theirs\).*LOCATION"):
        find_location(instance, OURS)
    assert find_location(instance, of("ours", DAGSTER_LOCATION="sales")) == there


def test_the_prefix_is_not_taken_from_a_neighbours_run_of_our_jobs_name(
    instance: dg.DagsterInstance,
) -> None:
    ours_seen(instance, OURS, "finance")

    @dg.asset(key=["theirs", "invoice_files"])
    def their_files() -> None: ...

    job = dg.define_asset_job("load_files_job", [their_files])
    definitions = dg.Definitions(assets=[their_files], jobs=[job])
    resolved = definitions.resolve_job_def("load_files_job")
    assert resolved.execute_in_process(instance=instance).success
    assert find_location(instance, OURS).prefix == ()


def test_assets_of_the_same_keys_with_other_tables_are_refused(
    instance: dg.DagsterInstance,
) -> None:
    ours = ours_seen(instance, OURS, "finance")
    ours_seen(instance, THEIRS, "apart", "theirs")
    require_own_keys(instance, ours, OURS)
    ours_seen(instance, THEIRS, "sales")
    with pytest.raises(NoLocationError, match=r"sales has assets of the same keys.*key_prefix"):
        require_own_keys(instance, ours, OURS)


def test_assets_of_the_same_keys_with_the_same_tables_are_not_refused(
    instance: dg.DagsterInstance,
) -> None:
    ours = ours_seen(instance, OURS, "finance")
    ours_seen(instance, OURS, "finance_again")
    require_own_keys(instance, ours, OURS)


def test_a_location_whose_sensor_ticks_no_more_takes_no_keys(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = ours_seen(instance, OURS, "finance")
    ours_seen(instance, THEIRS, "sales")
    monkeypatch.setattr(location, "_ALIVE", -1.0)
    require_own_keys(instance, ours, OURS)


def test_a_run_without_a_label_is_not_of_a_location_with_a_prefix() -> None:
    run = dg.DagsterRun("load_files_job", tags={CLAIM_TAG: "claim"})
    assert Location().owns(run)
    assert not Location("finance", prefix=("ours",)).owns(run)


def test_a_run_of_another_location_is_not_ours() -> None:
    tags = {CLAIM_TAG: "claim", REPOSITORY_TAG: Location("sales").label}
    assert not Location("finance").owns(dg.DagsterRun("load_files_job", tags=tags))


@pytest.mark.parametrize("prefix", [(), ("ours",)])
def test_whose_a_run_is_that_the_daemon_launched_is_known_by_its_origin(
    prefix: tuple[str, ...],
) -> None:
    ours = Location("finance", prefix=prefix)
    tags = {CLAIM_TAG: "claim"}
    owned = [
        ours.owns(dg.DagsterRun("load_files_job", tags=tags, remote_job_origin=each.job_origin()))
        for each in (ours, Location("sales"))
    ]
    assert owned == [True, False]


def test_files_loaded_below_a_prefix_before_it_had_partitions_are_adopted(
    instance: dg.DagsterInstance,
) -> None:
    made = dg.AssetMaterialization(["ours", "invoice_files"], partition="a~1")
    instance.report_runless_asset_event(made)
    instance.add_dynamic_partitions("saft_files", ["a~1", "theirs~2"])
    adopt_partitions(instance, ("ours",))
    assert instance.get_dynamic_partitions(str(file_partitions(("ours",)).name)) == ["a~1"]
