"""The check of all invoices: what is missing across files, as the page shows it."""

from __future__ import annotations

import dagster as dg
import pytest

from saft_pipeline.dagster_runtime.in_process import LocalRuns
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
