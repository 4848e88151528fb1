"""`saft validate`: a linter's lines, JSON and status."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

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
    assert saft("validate", "--rules", "--json").json["rules"]
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


def test_what_steers_a_terminal_or_ends_a_line_is_shown_as_its_code(
    saft: Command, tmp_path: Path
) -> None:
    content = CONTENT["status_date-1"]
    number = b"FT A/1</InvoiceNo>"
    path = tmp_path / "red \x1b[31m.xml"
    path.write_bytes(content.replace(number, "FT A/1\n\x85\u202e1</InvoiceNo>".encode(), 1))
    out = saft("validate", path).out
    assert "FT A/1\\n\\x85\\u202e1" in out
    assert all(line.startswith(f"{tmp_path}/red \\x1b[31m.xml:") for line in out.splitlines())


def test_folder_gives_its_files_whatever_the_case_of_their_names_and_passes_pipes_over(
    saft: Command, tmp_path: Path
) -> None:
    written(tmp_path, "status_date-1").rename(tmp_path / "JANUARY.XML")
    (tmp_path / "folder.xml").mkdir()
    os.mkfifo(tmp_path / "pipe.xml")
    said = saft("validate", tmp_path)
    assert (said.status, said.out.count("\n")) == (0, 1)
    assert f"{tmp_path}/pipe.xml: passed over" in said.err


def test_folder_in_a_folder_that_cannot_be_looked_into_is_told(
    saft: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "status_date-1")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)  # which keeps nobody out who is root
    monkeypatch.setattr("os.scandir", partial(_scandir, os.scandir, closed))
    said = saft("validate", tmp_path)
    assert (said.status, said.out.count("\n")) == (2, 1)
    assert f"{closed}: " in said.err


def _scandir(real: Callable[[str], Any], closed: Path, path: str) -> Any:
    if Path(path) == closed:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    return real(path)


def test_whether_a_file_may_be_read_is_told_beside_the_findings_in_others(
    saft: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # as it is of a file of another's
    said = saft("validate", written(tmp_path, "status_date-1"))
    assert (said.status, said.out.count("\n")) == (0, 1)
