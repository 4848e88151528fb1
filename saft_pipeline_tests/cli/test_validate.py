"""`saft validate`: a linter's lines, JSON and status."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from saft_pipeline.saft.rules.registry import RULES
from saft_pipeline_tests.fixtures.project import Command
from saft_pipeline_tests.saft.rules.conformance import cases

CONTENT = {case.name: case.content for case in cases()}


def written(folder: Path, name: str) -> Path:
    path = folder / f"{name}.xml"
    path.write_bytes(CONTENT[name])
    return path


@pytest.mark.parametrize(
    ("name", "status"),
    [("header_dates-2", 0), ("status_date-1", 0), ("negative_amount-1", 1)],
)
def test_errors_alone_make_the_status_1(
    saft: Command, tmp_path: Path, name: str, status: int
) -> None:
    assert saft("validate", written(tmp_path, name)).status == status


def test_line_says_file_line_severity_rule_document_expected_and_found(
    saft: Command, tmp_path: Path
) -> None:
    path = written(tmp_path, "status_date-1")
    assert saft("validate", path).out == (
        f"{path}:107: warning status_date FT A/1: expected 2024-03-05T10:00:00, when it was "
        "entered, or later, found 2024-03-05T09:59:59\n"
    )


def test_json_has_the_findings_of_each_file_and_their_counts(saft: Command, tmp_path: Path) -> None:
    paths = [written(tmp_path, name) for name in ("header_dates-2", "status_date-1")]
    clean, found = json.loads(saft("validate", *paths, "--json").out)["files"]
    assert clean == {
        "file": str(paths[0]), "version": "1.04_01", "documents": 6, "findings": [], "counts": {}
    }  # fmt: skip
    assert found["counts"] == {"status_date": 1}
    assert found["findings"][0] == {
        "rule": "status_date", "check": "document_status", "severity": "warning", "line": 107,
        "document": "FT A/1", "expected": "2024-03-05T10:00:00, when it was entered, or later",
        "found": "2024-03-05T09:59:59", "source": RULES["status_date"].source,
    }  # fmt: skip


def test_file_that_cannot_be_read_is_told_and_the_others_are_checked(
    saft: Command, tmp_path: Path
) -> None:
    half = tmp_path / "half.xml"
    half.write_bytes(CONTENT["status_date-1"][:5000])
    result = saft("validate", half, tmp_path / "none.xml", written(tmp_path, "status_date-1"))
    assert (result.status, "status_date" in result.out) == (2, True)
    assert f"{half}:" in result.err
    assert "none.xml: No such file" in result.err


def test_rules_are_chosen_by_their_names_or_those_of_checks(saft: Command, tmp_path: Path) -> None:
    path = written(tmp_path, "negative_amount-1")
    assert saft("validate", path, "--rules", "hash,tax_rates").out == ""
    assert "negative_amount" in saft("validate", path, "--rules", "line_amounts").out
    assert saft("validate", path, "--rules", "nonsense").status == 2


def test_all_rules_are_listed_with_their_sources(saft: Command) -> None:
    listed = saft("validate", "--rules").out
    assert all(f"  {rule.name} (" in listed and rule.source in listed for rule in RULES.values())


def test_pipe_is_checked_like_a_file(saft: Command, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.xml"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(CONTENT["status_date-1"],))
    writer.start()
    said = saft("validate", pipe)
    writer.join()
    assert (said.status, said.out.count("\n")) == (0, 1)
    assert said.out.startswith(f"{pipe}:107: warning status_date FT A/1")


def test_folder_without_files_is_no_good_answer(saft: Command, tmp_path: Path) -> None:
    said = saft("validate", tmp_path)
    assert said.status == 2
    assert f"{tmp_path}: no *.xml" in said.err
