"""The check of all invoices: what is missing across files, as the page shows it."""

from __future__ import annotations

import dagster as dg
import pytest

from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.dagster_runtime.names import CONTINUITY_JOB, CONTINUITY_SCHEDULE, PUBLISHING
from saft_pipeline.definitions import build_defs
from saft_pipeline.defs.gaps_check import build_gaps_check
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline_tests.fixtures.project import Project, one_invoice

continuity = build_gaps_check(dg.AssetKey("invoices"))


def test_number_that_no_file_has_is_told_with_its_series(
    project: Project, runs: LocalRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 4):
        project.put(f"{number}.xml", one_invoice(f"FT H/{number}", "10.50"))
    runs.tick()
    list(runs.run_waiting())
    for name, value in project.env.items():
        monkeypatch.setenv(name, value)
    told = continuity(saft=Pipeline())
    assert isinstance(told, dg.AssetCheckResult)
    assert (told.passed, told.metadata["missing"].value) == (False, 2)
    shown = told.metadata["first findings"]
    assert isinstance(shown, dg.TableMetadataValue)
    assert "series FT H" in str(shown.records[0].data["found"])


def test_a_look_of_another_team_at_their_tables_is_none_at_ours(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in project.env.items():
        monkeypatch.setenv(name, value)
    ours, theirs = build_defs(key_prefix="ours"), build_defs(key_prefix="theirs")
    schedule = ours.get_schedule_def(CONTINUITY_SCHEDULE)
    with dg.instance_for_test() as instance:
        made = dg.AssetMaterialization(dg.AssetKey(["ours", PUBLISHING]), partition="one")
        instance.report_runless_asset_event(made)
        theirs.resolve_job_def(CONTINUITY_JOB).execute_in_process(instance=instance)
        assert isinstance(schedule(dg.build_schedule_context(instance)), dg.RunRequest)


def test_it_is_looked_at_by_night_only_after_files_were_loaded(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in project.env.items():
        monkeypatch.setenv(name, value)
    defs = build_defs()
    schedule = defs.get_schedule_def(CONTINUITY_SCHEDULE)
    with dg.instance_for_test() as instance:

        def is_launched() -> bool:
            return isinstance(schedule(dg.build_schedule_context(instance)), dg.RunRequest)

        def load(partition: str) -> None:
            instance.report_runless_asset_event(
                dg.AssetMaterialization(PUBLISHING, partition=partition)
            )

        seen = [is_launched()]
        load("one")
        seen.append(is_launched())
        job = defs.resolve_job_def(CONTINUITY_JOB)
        assert job.execute_in_process(instance=instance).success
        seen.append(is_launched())
        load("two")
        seen.append(is_launched())
    assert seen == [False, True, False, True]
