"""Settings and store are opened when they are first wanted, and shared by all runs of a process."""

from __future__ import annotations

import psycopg
import pytest

from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.settings import SettingsError
from saft_pipeline_tests.fixtures.project import Project, one_invoice


def test_making_one_reads_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEASE_SECONDS", "soon")
    pipeline = Pipeline()
    with pytest.raises(SettingsError, match="LEASE_SECONDS"):
        _ = pipeline.settings


def test_one_store_serves_all_runs_of_a_process(project: Project) -> None:
    assert Pipeline().store is Pipeline().store


def test_other_settings_have_another_store(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Pipeline().store
    monkeypatch.setenv("BATCH_SIZE_LINES", "7")
    assert Pipeline().store is not before


def connections(project: Project) -> int:
    """How many connections to the database of the tables are open, this one left out."""
    mine = "datname = current_database() and pid <> pg_backend_pid()"
    with psycopg.connect(project.env["SUPABASE_DB_URL"]) as connection:
        row = connection.execute(f"select count(*) from pg_stat_activity where {mine}").fetchone()
    assert row
    return int(row[0])


def test_more_runs_take_no_more_connections(project: Project, runs: LocalRuns) -> None:
    """A pooler of Supabase's gives fifteen."""
    project.put("0.xml", one_invoice("FT L/0"))
    runs.tick()
    list(runs.run_waiting())
    before = connections(project)
    for number in range(1, 4):
        project.put(f"{number}.xml", one_invoice(f"FT L/{number}"))
        runs.tick()
    list(runs.run_waiting())
    assert connections(project) == before
