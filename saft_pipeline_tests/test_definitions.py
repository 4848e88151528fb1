"""What Dagster loads: assets, lineage, one job, one sensor, and no setting at import."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from saft_pipeline.dagster_runtime.names import FILE_ASSETS, FOLDER, JOB, SENSOR
from saft_pipeline.dagster_runtime.partitions import files
from saft_pipeline.definitions import build_defs, defs
from saft_pipeline.defs.run_log import run_logger
from saft_pipeline.settings import SettingsError

LINEAGE = {
    "raw_xml": {FOLDER},
    "parsed_json": {"raw_xml"},
    "companies": {"parsed_json"},
    "customers": {"parsed_json"},
    "invoices": {"parsed_json"},
    "invoice_lines": {"parsed_json"},
    "invoice_file_links": {"invoices"},
    "invoice_files": {"companies", "customers", "invoice_lines", "invoice_file_links"},
}


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_defs()


def test_the_lineage_goes_from_bytes_to_tables(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    found = {
        asset: {key.to_user_string() for key in graph.get(dg.AssetKey(asset)).parent_keys}
        for asset in FILE_ASSETS
    }
    assert found == LINEAGE


def test_every_asset_has_the_files_as_partitions(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    assert {graph.get(dg.AssetKey(asset)).partitions_def for asset in FILE_ASSETS} == {files}


def test_every_asset_says_what_it_is(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    assert all(graph.get(dg.AssetKey(asset)).description for asset in FILE_ASSETS)


def test_one_step_makes_all_assets_of_a_file(definitions: dg.Definitions) -> None:
    assert len(definitions.get_job_def(JOB).nodes) == 1


def test_no_asset_is_made_without_the_others(definitions: dg.Definitions) -> None:
    with pytest.raises(dg.DagsterInvalidSubsetError):
        dg.define_asset_job("some", selection=["invoices"]).resolve(
            asset_graph=definitions.resolve_asset_graph()
        )


def test_no_resource_takes_configuration(definitions: dg.Definitions) -> None:
    """What takes none can put no secret into the history."""
    resources = definitions.get_repository_def().get_top_level_resources()
    fields = {
        name: list(resource.config_schema.config_type.fields)  # type: ignore[union-attr]
        for name, resource in resources.items()
    }
    assert fields["saft"] == []


def test_the_sensor_polls_as_often_as_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POLL_INTERVAL_SECONDS", "77")
    sensor = defs().get_sensor_def(SENSOR)
    assert sensor.minimum_interval_seconds == 77


def test_a_wrong_setting_stops_the_loading_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLL_INTERVAL_SECONDS", "often")
    with pytest.raises(SettingsError, match="POLL_INTERVAL_SECONDS"):
        defs()


def test_a_run_logs_from_the_level_of_the_settings_up() -> None:
    logger = run_logger("warning").logger_fn(dg.build_init_logger_context())
    assert logger.level == logging.WARNING


def test_a_second_run_of_a_process_logs_every_line_once() -> None:
    before = list(run_logger("info").logger_fn(dg.build_init_logger_context()).handlers)
    assert run_logger("info").logger_fn(dg.build_init_logger_context()).handlers == before


def test_definitions_validate_with_an_empty_environment(tmp_path: Path) -> None:
    (tmp_path / "workspace.yaml").write_text(
        (Path(__file__).parents[1] / "workspace.yaml").read_text()
    )
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate"],
        cwd=tmp_path, env={"HOME": str(tmp_path), "PATH": os.defpath},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_dg_lists_the_definitions(tmp_path: Path) -> None:
    """In the clone, with an empty environment."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dg")), "list", "defs", "--json"],
        cwd=Path(__file__).parents[1],
        env={"HOME": str(tmp_path), "PATH": os.defpath, "VIRTUAL_ENV": sys.prefix},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    assert {asset["asset_key"] for asset in listed["assets"]} >= {FOLDER, *FILE_ASSETS}
    assert [sensor["name"] for sensor in listed["sensors"]] == ["alerts", "reports", SENSOR]
