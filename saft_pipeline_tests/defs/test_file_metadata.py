"""The metadata of a file: when, how many rows, which warnings, what failed at which line."""

from __future__ import annotations

import json
import tarfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import dagster as dg
import pytest
from dagster import DagsterEventType

from saft_pipeline.artifacts.local import Artifacts, LocalArtifacts
from saft_pipeline.defs import file_metadata
from saft_pipeline.loading.file_load import Load
from saft_pipeline.loading.read import Reading, RejectedState, Rejection
from saft_pipeline.saft.records import Header
from saft_pipeline.store.model import Outcome
from saft_pipeline.store.spool import FileRows
from saft_pipeline_tests.fixtures.project import POLLED, Polled, ledger_file


def cells(table: object) -> list[dict[str, Any]]:
    """The rows of a table in the metadata."""
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


def packed(pack: str, sha256: str) -> bytes:
    """What a pack keeps of the file with this hash."""
    with tarfile.open(pack) as tar:
        (name,) = (name for name in tar.getnames() if name.startswith(sha256))
        member = tar.extractfile(name)
        assert member
        return member.read()


def test_raw_xml_says_where_the_bytes_came_from_and_are(polled: Polled) -> None:
    shown = polled.metadata("raw_xml", "good.xml")
    assert (shown["path"], shown["bytes"]) == ("good.xml", len(POLLED["good.xml"].encode()))
    assert shown["modified_at"] == 1_750_000_000
    assert packed(shown["artifact"], shown["sha256"]) == POLLED["good.xml"].encode()


def test_parsed_json_says_how_many_records_in_which_time(polled: Polled) -> None:
    shown = polled.metadata("parsed_json", "good.xml")
    raw = polled.metadata("raw_xml", "good.xml")
    records = packed(shown["artifact"], raw["sha256"]).splitlines()
    assert shown["records"] == len(records) == 5
    assert shown["seconds"] > 0
    assert json.loads(records[0])["record"] == "header"


@pytest.mark.parametrize(
    ("asset", "rows"),
    [("companies", 1), ("customers", 1), ("invoices", 1), ("invoice_lines", 1)],
)
def test_a_table_says_how_many_rows_the_file_holds(polled: Polled, asset: str, rows: int) -> None:
    assert polled.metadata(asset, "good.xml")["dagster/row_count"] == rows


def test_the_ledger_sums_it_up(polled: Polled) -> None:
    shown = polled.metadata("invoice_files", "good.xml")
    assert shown == {
        "holds": "1 FT of NIF 599999993",
        "path": "good.xml", "version": 1, "attempt": 1, "invoices": 1, "lines": 1, "warnings": 0,
    }  # fmt: skip


def test_what_was_read_tells_of_no_warnings_where_there_are_none(polled: Polled) -> None:
    assert set(polled.metadata("parsed_json", "good.xml")) == {"records", "seconds", "artifact"}


def test_the_ledger_shows_the_first_warnings(polled: Polled) -> None:
    shown = polled.metadata("invoice_files", "sub/warned.xml")
    assert shown["warnings"] == 1
    (warning,) = cells(shown["first warnings"])
    assert warning["code"] == "control_totals"
    assert "11" in warning["message"]


@pytest.mark.parametrize("asset", ["parsed_json", "invoices", "invoice_files"])
def test_a_failed_file_says_why_and_where_at_each_asset_that_it_has_not(
    polled: Polled, asset: str
) -> None:
    filters = dg.AssetRecordsFilter(
        dg.AssetKey(asset), asset_partitions=[polled.partition("broken.xml")]
    )
    (record,) = polled.runs.instance.fetch_observations(filters, limit=1).records
    assert record.asset_observation
    said = {k: v.value for k, v in record.asset_observation.metadata.items()}
    assert said == {
        "path": "broken.xml", "version": 1, "attempt": 1,
        "reason": "broken.xml:45:1: UnitPrice of invoice FT A/3 is '10,00', not a decimal number "
                  "such as 1234.56",
        "to do": "have it mended or exported again: a new upload is taken by itself",
        "status page": "http://127.0.0.1:8000/files?path=broken.xml",
    }  # fmt: skip


def test_a_fault_that_passes_leaves_nothing_to_do() -> None:
    load = Load(
        ledger_file("f.xml"), rejection=Rejection("the disk is full", "failed", transient=True)
    )
    assert file_metadata.of_failure(load)["to do"].startswith(
        "nothing: it is tried again by itself"
    )


@pytest.mark.parametrize("state", get_args(RejectedState))
def test_every_state_of_a_failure_has_its_cure(state: RejectedState) -> None:
    load = Load(ledger_file("f.xml"), rejection=Rejection("why", state))
    assert file_metadata.of_failure(load)["to do"]


def test_the_run_lists_its_failed_files(polled: Polled) -> None:
    (entry,) = polled.runs.instance.all_logs(
        polled.run.run_id, of_type=DagsterEventType.STEP_FAILURE
    )
    failure = entry.get_dagster_event().step_failure_data.user_failure_data
    assert failure
    files = {row["file"] for row in cells(failure.metadata["failed"].value)}
    assert files == {"broken.xml", "vanished.xml"}


def test_a_long_list_of_failed_files_is_cut() -> None:
    loads = [
        Load(ledger_file(f"{n}.xml"), rejection=Rejection("broken", "failed")) for n in range(100)
    ]
    assert len(file_metadata.of_failures(loads).records) == file_metadata._MOST_FINDINGS


def test_a_long_list_of_warnings_is_cut_but_counted(artifacts: Artifacts) -> None:
    warnings = [{"code": "nif", "line": n, "message": "not valid"} for n in range(100)]
    shown = file_metadata.of_asset("invoice_files", loaded(warnings), artifacts)
    assert (shown["warnings"], len(cells(shown["first warnings"]))) == (
        100,
        file_metadata._MOST_FINDINGS,
    )


def test_a_warning_about_the_whole_file_names_no_line(artifacts: Artifacts) -> None:
    warning = {"code": "encoding", "line": None, "message": "not what it declares"}
    shown = file_metadata.of_asset("invoice_files", loaded([warning]), artifacts)
    assert cells(shown["first warnings"])[0]["line"] == ""


def test_a_conflict_shows_both_values(artifacts: Artifacts) -> None:
    both = {"invoice_date": ["2025-01-01", "2025-02-01"]}
    warning = {"code": "conflict", "line": 3, "message": both}
    shown = file_metadata.of_asset("invoice_files", loaded([warning]), artifacts)
    assert json.loads(cells(shown["first warnings"])[0]["message"]) == both


def test_the_ledger_names_the_branch_and_all_types(artifacts: Artifacts) -> None:
    load = loaded([])
    load.file = replace(load.file, branch="Gramido")
    types = Counter(NC=1, FT=1200)
    load.reading = Reading(FileRows(1), Header(("599999993",), 1), types=types)
    shown = file_metadata.of_asset("invoice_files", load, artifacts)
    assert shown["holds"] == "1,200 FT, 1 NC of NIF 599999993, Gramido"


def test_the_ledger_says_of_a_file_without_documents_that_it_has_none(artifacts: Artifacts) -> None:
    load = loaded([])
    load.reading = Reading(FileRows(1), Header(("599999993",), 1))
    assert (
        file_metadata.of_asset("invoice_files", load, artifacts)["holds"]
        == "no documents of NIF 599999993"
    )


def test_bytes_that_were_loaded_before_are_not_told_of_again(artifacts: Artifacts) -> None:
    assert "holds" not in file_metadata.of_asset("invoice_files", loaded([]), artifacts)


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return LocalArtifacts(tmp_path)


def loaded(warnings: list[dict[str, Any]]) -> Load:
    return Load(ledger_file("f.xml"), outcome=Outcome(1, "loaded", warnings=warnings))
