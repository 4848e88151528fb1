"""What every asset says of itself on its page."""

from __future__ import annotations

import warnings
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetNode
from dagster._core.definitions.metadata.source_code import LocalFileCodeReference

import saft_pipeline
from saft_pipeline.definitions import build_defs
from saft_pipeline.settings import load
from saft_pipeline.store.catalog import catalog

MADE = (
    *("raw_xml", "parsed_json", "companies", "customers", "invoices", "invoice_lines"),
    *("invoice_file_links", "invoice_files", "vat_summary", "sales_by_day"),
)
TABLES = MADE[2:8]


@pytest.fixture(scope="module")
def nodes() -> dict[str, AssetNode]:
    """All assets, as Dagster knows them, by name."""
    server = {"SFTP_HOST": "sftp.example.com", "SFTP_USERNAME": "acme"}
    settings = load({**server, "SFTP_PASSWORD": "hunter2", "ALERT_SILENT_AFTER": "36h"})
    graph = build_defs(settings).resolve_asset_graph()
    return {node.key.to_user_string(): node for node in graph.asset_nodes}


@pytest.mark.parametrize("name", ["sftp_folder", *MADE])
def test_a_team_and_no_person_owns_it(nodes: dict[str, AssetNode], name: str) -> None:
    assert [owner.partition(":")[0] for owner in nodes[name].owners] == ["team"]


@pytest.mark.parametrize("name", ["sftp_folder", *MADE])
def test_it_has_a_description_a_group_and_kinds(nodes: dict[str, AssetNode], name: str) -> None:
    node = nodes[name]
    assert node.description
    assert node.group_name in ("saft", "reports")
    assert node.kinds


@pytest.mark.parametrize("name", MADE)
def test_its_code_version_is_that_of_program_and_tables(
    nodes: dict[str, AssetNode], name: str
) -> None:
    version = f"{saft_pipeline.__version__}-{catalog().version}"
    assert nodes[name].code_version == version


@pytest.mark.parametrize("name", MADE)
def test_it_refers_to_the_line_that_makes_it(nodes: dict[str, AssetNode], name: str) -> None:
    (reference,) = nodes[name].metadata["dagster/code_references"].code_references
    assert isinstance(reference, LocalFileCodeReference)
    assert reference.line_number
    code = Path(reference.file_path).read_text().splitlines()[reference.line_number - 1 :]
    maker = name if name in ("vat_summary", "sales_by_day") else "load_files"
    assert f"def {maker}(" in "\n".join(code[:20])


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_named_as_in_the_database(nodes: dict[str, AssetNode], name: str) -> None:
    assert nodes[name].metadata["dagster/table_name"] == f"public.{name}"


@pytest.mark.parametrize("name", TABLES)
def test_a_table_means_what_the_database_says(nodes: dict[str, AssetNode], name: str) -> None:
    assert nodes[name].description == catalog().tables[name].meaning


@pytest.mark.parametrize("name", ["parsed_json", *MADE[2:]])
def test_what_is_tabular_shows_its_columns(nodes: dict[str, AssetNode], name: str) -> None:
    assert isinstance(nodes[name].metadata["dagster/column_schema"], dg.TableSchema)


@pytest.mark.parametrize("name", MADE[2:])
def test_tables_and_reports_show_where_columns_come_from(
    nodes: dict[str, AssetNode], name: str
) -> None:
    assert isinstance(nodes[name].metadata["dagster/column_lineage"], dg.TableColumnLineage)


def test_the_folder_shows_its_address_without_the_password(nodes: dict[str, AssetNode]) -> None:
    assert nodes["sftp_folder"].metadata["dagster/uri"] == "sftp://acme@sftp.example.com:22/."


def test_without_a_server_the_folder_shows_no_address() -> None:
    node = build_defs().resolve_asset_graph().get(dg.AssetKey("sftp_folder"))
    assert "dagster/uri" not in node.metadata


def test_the_ends_of_the_way_are_overdue_when_alerts_speak_of_silence(
    nodes: dict[str, AssetNode],
) -> None:
    policy = dg.FreshnessPolicy.time_window(timedelta(hours=36))
    fresh = {name: node.freshness_policy for name, node in nodes.items() if node.freshness_policy}
    assert fresh == {"raw_xml": policy, "invoice_files": policy}


def test_a_silence_shorter_than_dagster_takes_is_a_minute() -> None:
    graph = build_defs(load({"ALERT_SILENT_AFTER": "5s"})).resolve_asset_graph()
    policy = graph.get(dg.AssetKey("raw_xml")).freshness_policy
    assert policy == dg.FreshnessPolicy.time_window(timedelta(minutes=1))


def test_making_the_definitions_warns_of_nothing_that_users_would_see() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", dg.BetaWarning)
        build_defs()
    assert [str(w.message) for w in said if issubclass(w.category, dg.BetaWarning)] == []
