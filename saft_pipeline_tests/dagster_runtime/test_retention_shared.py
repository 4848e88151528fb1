"""In an instance that other teams use, too, only what is ours is pruned."""

from __future__ import annotations

import dagster as dg

from saft_pipeline.dagster_runtime.retention import Pruned
from saft_pipeline_tests.dagster_runtime.neighbours import (
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
    seen_by_daemon(instance, "finance")
    run_of_theirs(instance, "load_files_job", "invoices", location="finance")
    run_of_theirs(instance, "__ASSET_JOB", "invoices", location="finance")
    assert prune(instance, soon()).runs == 2


def test_nothing_goes_while_it_is_not_known_which_location_is_ours(
    instance: dg.DagsterInstance,
) -> None:
    for location in ("finance", "sales"):
        seen_by_daemon(instance, location)
    ended(instance)
    assert "DAGSTER_LOCATION" in str(prune(instance, soon()).kept)
    assert count(instance, "runs") == 1
