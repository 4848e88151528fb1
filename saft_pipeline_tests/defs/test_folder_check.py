"""The check of the folder: what of it is not in the tables, at every tick and when it is asked."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg
import pytest

from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.defs.folder_check import build_folder_check, evaluation
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.store.errors import StoreError
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Polled, Project, broken, one_invoice

FOLDER = dg.AssetKey("sftp_folder")
files_loaded = build_folder_check(FOLDER)
(KEY,) = files_loaded.check_keys


def of(polled: Polled, incomplete_after: timedelta) -> dg.AssetCheckEvaluation:
    """What is told of the folder of `POLLED` after its run."""
    store, settings = polled.store, polled.project.settings
    source = settings.sources[0].source
    backlog = store.backlog(source, incomplete_after)
    return evaluation(store, settings, store.counts(source), backlog, FOLDER)


def found(told: dg.AssetCheckEvaluation) -> list[tuple[object, str]]:
    """Files and the first words of what was found of them."""
    table = told.metadata["first findings"]
    assert isinstance(table, dg.TableMetadataValue)
    return [(r.data["file"], str(r.data["found"]).partition(":")[0]) for r in table.records]


def latest(runs: LocalRuns) -> dg.AssetCheckEvaluation | None:
    """The newest evaluation that the page has."""
    records = runs.instance.event_log_storage.get_latest_asset_check_execution_by_key([KEY])
    return records[KEY].evaluation if KEY in records else None


def test_files_that_are_not_loaded_are_told(polled: Polled) -> None:
    told = of(polled, timedelta(days=4000))
    assert not told.passed
    assert found(told) == [("broken.xml", "failed"), ("vanished.xml", "gone")]
    assert told.description == "1 failed, 1 gone; `saft status` has them all"


def test_the_reason_does_not_repeat_the_file(polled: Polled) -> None:
    table = of(polled, timedelta(days=4000)).metadata["first findings"]
    assert isinstance(table, dg.TableMetadataValue)
    assert str(table.records[0].data["found"]).startswith("failed: 45:1: UnitPrice of invoice")


def test_a_file_whose_end_is_missing_is_told_after_a_while(polled: Polled) -> None:
    told = of(polled, timedelta(0))
    assert ("half.xml", "incomplete") in found(told)


def test_it_may_be_executed(polled: Polled) -> None:
    with polled.as_environment():
        told = files_loaded(saft=Pipeline())
    assert isinstance(told, dg.AssetCheckResult)
    assert not told.passed


def test_a_tick_tells_of_what_earlier_runs_left(project: Project, runs: LocalRuns) -> None:
    project.put("f.xml", broken("FT M/1"))
    runs.tick()
    list(runs.run_waiting())
    runs.tick()
    told = latest(runs)
    assert told
    assert found(told) == [("f.xml", "failed")]


def test_a_tick_over_a_folder_that_is_loaded_passes(project: Project, runs: LocalRuns) -> None:
    project.put("f.xml", one_invoice("FT M/1"))
    runs.tick()
    list(runs.run_waiting())
    runs.tick()
    told = latest(runs)
    assert told
    assert told.passed


def test_a_ledger_that_cannot_be_asked_keeps_no_run_from_being_requested(
    project: Project, runs: LocalRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_named: object) -> None:
        raise StoreError("no")

    project.put("a.xml", broken("FT M/1"))
    runs.tick()
    list(runs.run_waiting())
    project.put("b.xml", one_invoice("FT M/2"))
    monkeypatch.setattr(Store, "files", fail)
    assert len(runs.tick().run_ids) == 1
