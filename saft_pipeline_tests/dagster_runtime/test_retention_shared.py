"""In an instance that other teams use, too, only what is ours is pruned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from saft_pipeline.dagster_runtime.location import Location, note
from saft_pipeline.dagster_runtime.retention import Pruned
from saft_pipeline_tests.dagster_runtime.neighbours import (
    run_of_theirs,
    tick_of_theirs,
)
from saft_pipeline_tests.dagster_runtime.test_retention import (
    FILES,
    PARTITION,
    NothingInUse,
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
    note(instance, Location("saft_pipeline.definitions"))
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
    note(instance, Location("finance"))
    run_of_theirs(instance, "load_files_job", "invoices", location="finance")
    run_of_theirs(instance, "__ASSET_JOB", "invoices", location="finance")
    assert prune(instance, soon()).runs == 2


def test_nothing_goes_while_it_is_not_known_which_location_is_ours(
    instance: dg.DagsterInstance,
) -> None:
    for location in ("finance", "sales"):
        note(instance, Location(location))
    ended(instance)
    assert "DAGSTER_LOCATION" in str(prune(instance, soon()).kept)
    assert count(instance, "runs") == 1


class KnowsOne(NothingInUse):
    """A ledger that has the file of `PARTITION` alone."""

    def known_keys(self, keys: Sequence[str]) -> list[str]:
        return [key for key in keys if PARTITION.endswith(key)]


def test_partitions_of_another_location_of_ours_stay(instance: dg.DagsterInstance) -> None:
    for location in ("finance", "sales"):
        note(instance, Location(location))
    instance.add_dynamic_partitions(FILES, ["of-sales~ffffffffffff"])
    ended(instance)
    pruned = prune(instance, soon(), KnowsOne(), env={"DAGSTER_LOCATION": "finance"})
    assert pruned.partitions == 1
    assert instance.get_dynamic_partitions(FILES) == ["of-sales~ffffffffffff"]


def test_a_partition_that_an_asset_of_others_was_made_of_lately_stays(
    instance: dg.DagsterInstance,
) -> None:
    instance.add_dynamic_partitions(FILES, [PARTITION])
    between = datetime.now(UTC)
    lately = dg.AssetMaterialization("file_turnover", partition=PARTITION)
    instance.report_runless_asset_event(lately)
    assert prune(instance, between).partitions == 0
