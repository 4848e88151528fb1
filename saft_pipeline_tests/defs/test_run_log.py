"""What runs say on stderr: lines for people, and a traceback where a program is at fault."""

from __future__ import annotations

import json
import re

import dagster as dg
import pytest

from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.store.errors import TransientStoreError
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Project, broken, one_invoice


def run(project: Project, runs: LocalRuns, capsys: pytest.CaptureFixture[str]) -> str:
    """What a run says of a good and a broken file, the latter with a name that steers terminals."""
    project.put("a.xml", one_invoice("FT L/1"))
    project.put("b\x1b[2J\u202e.xml", broken("FT L/2"))
    runs.tick()
    capsys.readouterr()
    list(runs.run_waiting())
    return capsys.readouterr().err


@pytest.fixture(autouse=True)
def one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUN_PER_FILE_UP_TO", "0")


def test_a_broken_file_is_a_line(
    project: Project, runs: LocalRuns, capsys: pytest.CaptureFixture[str]
) -> None:
    said = run(project, runs, capsys)
    assert "Traceback" not in said
    assert "Stack Trace" not in said
    assert said.count("UnitPrice of invoice FT L/2") == 1
    assert said.count("failed: 1 of 2 files not loaded") == 1


def test_names_that_steer_terminals_are_shown_by_their_codes(
    project: Project, runs: LocalRuns, capsys: pytest.CaptureFixture[str]
) -> None:
    said = run(project, runs, capsys)
    assert "b\\x1b[2J\\u202e.xml" in said
    assert not {"\x1b", "\u202e"} & set(said)


@pytest.mark.parametrize(
    ("error", "traced"), [(TransientStoreError("it is down"), False), (KeyError("no thing"), True)]
)
def test_a_traceback_is_for_faults_of_a_program(
    project: Project,
    runs: LocalRuns,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    traced: bool,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Store, "settle", fail)
    said = run(project, runs, capsys)
    assert ("Stack Trace" in said) is traced
    assert str(error) in said


def test_dagster_s_history_holds_nothing_that_steers(
    project: Project, runs: LocalRuns, capsys: pytest.CaptureFixture[str]
) -> None:
    project.put("FR202Y2025_7-Gra\x1b[2J\u202e.xml", one_invoice("FT L/9", "11.00"))
    assert "Gra" in run(project, runs, capsys)
    (newest,) = runs.instance.get_run_records(limit=1)
    run_id = newest.dagster_run.run_id
    told = [dg.serialize_value(entry) for entry in runs.instance.all_logs(run_id)]
    told.append(json.dumps(newest.dagster_run.tags))
    assert any(r"Gra\\x1b[2J\\u202e" in each for each in told)
    # JSON has the character itself as its code after one backslash.
    raw = re.compile(r"(?<!\\)\\u(001b|202e)")
    assert [each for each in told if raw.search(each)] == []
