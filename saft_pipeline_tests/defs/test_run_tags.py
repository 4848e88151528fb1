"""A run is tagged with what all of its files have in common."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.defs.run_tags import CommonTags
from saft_pipeline.loading.file_load import Load
from saft_pipeline.loading.read import Reading
from saft_pipeline.saft.records import Header
from saft_pipeline.store.model import Outcome
from saft_pipeline.store.spool import FileRows
from saft_pipeline_tests.fixtures.project import Project, broken, ledger_file, one_invoice


def load(company: str | None, branch: str | None, **types: int) -> Load:
    """A file that was loaded."""
    return Load(
        replace(ledger_file("f.xml"), branch=branch),
        reading=Reading(
            FileRows(1), Header((company,), 1) if company else None, types=Counter(types)
        ),
        outcome=Outcome(1, "loaded"),
    )


def tags(*loads: Load) -> dict[str, str]:
    common = CommonTags()
    for one in loads:
        common.add(one)
    return common.tags


def test_a_run_of_one_file_has_all_three() -> None:
    assert tags(load("599999993", "Gramido", NC=1, FT=3)) == {
        "saft/company": "599999993", "saft/branch": "Gramido", "saft/document_types": "FT NC",
    }  # fmt: skip


def test_files_that_differ_in_one_have_the_others() -> None:
    found = tags(load("599999993", "Gramido", FT=1), load("599999993", "Porto", FT=2))
    assert found == {"saft/company": "599999993", "saft/document_types": "FT"}


def test_what_is_not_known_of_one_file_is_no_tag() -> None:
    found = tags(load("599999993", None, FT=1), load(None, None, FT=1))
    assert found == {"saft/document_types": "FT"}


def test_a_file_that_was_not_loaded_tells_no_types() -> None:
    failed = replace(load("599999993", "Gramido", FT=1), outcome=None)
    assert tags(failed) == {"saft/company": "599999993", "saft/branch": "Gramido"}


def test_a_run_without_files_has_none() -> None:
    assert tags() == {}


def test_the_run_bears_them(project: Project, runs: LocalRuns) -> None:
    project.put("FR202Y2025_7-Gramido.xml", one_invoice("FT R/1"))
    runs.tick()
    (run_id,) = runs.run_waiting()
    run = runs.instance.get_run_by_id(run_id)
    assert run
    assert (run.tags["saft/company"], run.tags["saft/branch"]) == ("599999993", "Gramido")


def test_the_run_bears_them_if_its_file_failed(project: Project, runs: LocalRuns) -> None:
    project.put("FR202Y2025_7-Gramido.xml", broken("FT R/1"))
    runs.tick()
    (run_id,) = runs.run_waiting()
    run = runs.instance.get_run_by_id(run_id)
    assert run
    assert (run.is_success, run.tags["saft/branch"]) == (False, "Gramido")


def test_a_branch_of_a_name_that_steers_is_shown_by_its_codes() -> None:
    assert tags(load(None, "Gra\u202emido\x1b"))["saft/branch"] == r"Gra\u202emido\x1b"
