"""In an instance that other teams use, too, only what is ours is pruned."""

from __future__ import annotations

import dagster as dg

from saft_pipeline.dagster_runtime.partitions import file_partitions
from saft_pipeline.dagster_runtime.retention import Pruned
from saft_pipeline.settings import Settings, load
from saft_pipeline_tests.dagster_runtime.neighbours import (
    ours_seen,
    run_of_theirs,
    seen_by_daemon,
    tick_of_theirs,
)
from saft_pipeline_tests.dagster_runtime.test_retention import (
    count,
    ended,
    history,
    instance,
    opened,
    prune,
    saft_home,
    soon,
)

__all__ = ["instance", "opened", "saft_home"]


def test_what_other_teams_left_stays(instance: dg.DagsterInstance) -> None:
    seen_by_daemon(instance, "saft_pipeline.definitions")
    tick_of_theirs(instance)
    theirs = [
        run_of_theirs(instance, "their_job", "their_asset"),
        run_of_theirs(instance, "load_files_job"),
        run_of_theirs(instance, "__ASSET_JOB", "their_asset"),
        run_of_theirs(instance, "__ASSET_JOB", "invoices", "their_asset"),
    ]
    there = history(instance)
    ended(instance)
    assert prune(instance, soon()) == Pruned(runs=1, events=1, partitions=1)
    assert history(instance) == there
    assert {run.run_id for run in instance.get_runs()} == set(theirs)


def test_our_runs_go_from_a_location_of_another_name(instance: dg.DagsterInstance) -> None:
    ours_seen(instance, load(), "finance")
    run_of_theirs(instance, "load_files_job", "invoices", location="finance")
    run_of_theirs(instance, "__ASSET_JOB", "invoices", location="finance")
    assert prune(instance, soon()).runs == 2


def test_nothing_goes_while_it_is_not_known_which_location_is_ours(
    instance: dg.DagsterInstance,
) -> None:
    for location in ("finance", "sales"):
        ours_seen(instance, load(), location)
    ended(instance)
    assert "DAGSTER_LOCATION" in str(prune(instance, soon()).kept)
    assert count(instance, "runs") == 1


def elsewhere() -> Settings:
    """The settings of another team that uses this package."""
    return load({"SUPABASE_DB_URL": "postgresql://them:secret@db.example.test/theirs"})


def test_partitions_of_another_team_that_uses_this_package_stay(
    instance: dg.DagsterInstance,
) -> None:
    ours_seen(instance, load(), "saft_pipeline.definitions")
    ours_seen(instance, elsewhere(), "their_location", "theirs")
    theirs = str(file_partitions(("theirs",)).name)
    instance.add_dynamic_partitions(theirs, ["a~0123456789ab"])
    run_of_theirs(instance, "load_files_job")
    ended(instance)
    assert prune(instance, soon()) == Pruned(runs=1, events=1, partitions=1)
    assert instance.get_dynamic_partitions(theirs) == ["a~0123456789ab"]


def test_of_a_prefix_only_its_own_partitions_and_runs_go(instance: dg.DagsterInstance) -> None:
    ours_seen(instance, load(), "finance", "ours")
    ours_seen(instance, elsewhere(), "saft_pipeline.definitions")
    ended(instance)
    instance.add_dynamic_partitions(str(file_partitions(("ours",)).name), ["b~0123456789ab"])
    assert prune(instance, soon()) == Pruned(partitions=1)
    assert count(instance, "runs") == 1


def test_nothing_goes_where_another_team_has_assets_of_the_same_keys(
    instance: dg.DagsterInstance,
) -> None:
    ours_seen(instance, load(), "finance")
    ours_seen(instance, elsewhere(), "their_location")
    ended(instance)
    assert "their_location has assets of the same keys" in str(prune(instance, soon()).kept)
    assert count(instance, "runs") == 1
