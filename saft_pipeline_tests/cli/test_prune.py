"""`saft prune`: how an age is given, what is printed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from saft_pipeline.dagster_runtime.instance import open_instance
from saft_pipeline.dagster_runtime.names import CLAIM_TAG
from saft_pipeline.settings import load
from saft_pipeline_tests.fixtures.own_home import own_home
from saft_pipeline_tests.fixtures.project import Command


@pytest.fixture(scope="module")
def saft_home() -> Iterator[Path]:
    """Pruning would take away what other tests look at."""
    with own_home() as home:
        yield home


@pytest.fixture
def run_id(saft_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A run that has just ended."""
    monkeypatch.setenv("SAFT_HOME", str(saft_home))
    with open_instance(load()) as instance:
        ended, tags = dg.DagsterRunStatus.SUCCESS, {CLAIM_TAG: "claim-1"}
        run = dg.DagsterRun("load_files_job", "1" * 36, status=ended, tags=tags)
        instance.add_run(run)
        yield run.run_id
        instance.delete_run(run.run_id)


@pytest.mark.usefixtures("run_id")
def test_what_went_is_one_document(saft: Command) -> None:
    found = saft("prune", "--older-than", "0s", "--json").json
    age = datetime.now(UTC) - datetime.fromisoformat(found.pop("before"))
    assert age.days == 0
    assert found == {
        "dry_run": False, "runs": 1, "events": 0, "ticks": 0, "partitions": 0, "artifacts": 0,
        "artifact_bytes": 0, "kept": None, "beyond": 0,
    }  # fmt: skip


@pytest.mark.usefixtures("run_id")
def test_a_dry_run_says_what_would_go(saft: Command) -> None:
    done = saft("prune", "--older-than", "0s", "--dry-run")
    assert (done.status, done.err.split(",")[0]) == (0, "would delete: 1 runs")
    assert saft("prune", "--older-than", "0s", "--dry-run", "--json").json["runs"] == 1


@pytest.mark.usefixtures("run_id")
def test_without_an_age_it_is_prune_after(saft: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert saft("prune", "--json").json["runs"] == 0
    monkeypatch.setenv("PRUNE_AFTER", "0s")
    assert saft("prune", "--json").json["runs"] == 1


def test_an_age_without_a_unit_is_refused(saft: Command) -> None:
    done = saft("prune", "--older-than", "30")
    assert (done.status, done.err.strip()) == (
        2,
        "--older-than 30: must be a number and a unit, such as 90s, 15m, 24h or 30d",
    )
