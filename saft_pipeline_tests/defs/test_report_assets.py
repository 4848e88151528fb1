"""The reports as assets: what their materializations show, and when they are made."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from typing import Any

import dagster as dg
import pytest
from lxml import etree

from saft_pipeline.dagster_runtime.partitions import files
from saft_pipeline.definitions import build_defs
from saft_pipeline.defs.report_assets import REPORT_DEFINITIONS
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.store.migrate import migrate
from saft_pipeline_tests.reports.papers import (
    COMPANY,
    OTHER_COMPANY,
    database,
    file_of,
    paper,
    taxed,
)

NAMES = ["vat_summary", "sales_by_day"]


@pytest.fixture(scope="module")
def two_companies(postgres_server: EmbeddedPostgres) -> str:
    """The URL of a database with a document of each."""
    march = paper("FT A/1", taxed("100"), tax="23", net="100")
    april = paper("FT A/2", taxed("7"), tax="1.61", net="7", day="2025-04-01")
    other = file_of(april, company=OTHER_COMPANY)
    return database(postgres_server, {"FR1Y2025_7-Gramido.xml": file_of(march), "o.xml": other})


@pytest.fixture
def two(two_companies: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings name it."""
    monkeypatch.setenv("SUPABASE_DB_URL", two_companies)


def metadata(name: str) -> dict[str, Any]:
    """What a materialization of an asset says."""
    result = dg.materialize(REPORT_DEFINITIONS, selection=name, resources={"saft": Pipeline()})
    (made,) = result.asset_materializations_for_node(name)
    return dict(made.metadata)


def rows(told: dict[str, Any], heading: str) -> list[dict[str, Any]]:
    return [dict(record.data) for record in told[heading].records]


def svg_of(chart: dg.MarkdownMetadataValue) -> etree._Element:
    found = re.search(r"!\[.+\]\(data:image/svg\+xml;base64,(.+)\)", chart.md_str or "")
    assert found
    return etree.fromstring(base64.b64decode(found[1]))


@pytest.mark.usefixtures("two")
def test_vat_of_every_company_is_in_the_table_the_newest_month_first() -> None:
    found = rows(metadata("vat_summary"), "VAT by month, region and rate")
    assert [(r["company_id"], r["month"], r["vat"]) for r in found] == [
        (OTHER_COMPANY, "2025-04", "1.61"),
        (COMPANY, "2025-03", "23.00"),
    ]


@pytest.mark.usefixtures("two")
def test_sales_are_in_the_table_with_their_branch() -> None:
    found = rows(metadata("sales_by_day"), "Sales by day and branch")
    assert [(r["invoice_date"], r["branch"], r["net_total"]) for r in found] == [
        ("2025-04-01", "", "7.00"),
        ("2025-03-01", "Gramido", "100.00"),
    ]


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("name", NAMES)
def test_the_chart_is_an_image_in_markdown(name: str) -> None:
    assert svg_of(metadata(name)["chart"]).tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.usefixtures("two")
def test_the_figures_and_the_verdict_are_there() -> None:
    told = metadata("vat_summary")
    assert told["VAT"].value == "24.61"
    assert told["verdict"].value == "The documents' TaxPayable is the same as this VAT."


@pytest.mark.parametrize("name", NAMES)
def test_without_documents_it_says_so(
    database_url: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    migrate(database_url)
    monkeypatch.setenv("SUPABASE_DB_URL", database_url)
    assert metadata(name)["chart"].md_str == "Nothing to report: all companies · all days."


@pytest.mark.parametrize("name", NAMES)
def test_it_comes_after_the_tables_in_a_group_of_its_own(name: str) -> None:
    node = build_defs().resolve_asset_graph().get(dg.AssetKey(name))
    assert dg.AssetKey("invoices") in node.parent_keys
    assert (node.group_name, node.kinds, node.is_partitioned) == ("reports", {"pandas"}, False)


def test_no_run_that_loads_files_makes_reports() -> None:
    definitions = build_defs()
    job = definitions.resolve_job_def("load_files_job")
    assert not {dg.AssetKey(name) for name in NAMES} & job.asset_layer.selected_asset_keys
    assert job.partitions_def == files


class Looks:
    """The sensor's looks at an instance, one after the other."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._cursor: Any = None

    def __call__(self) -> set[str]:
        """Which reports are asked for; they are made at once."""
        found = dg.evaluate_automation_conditions(
            build_defs(), self._instance, dg.AssetSelection.assets(*NAMES), cursor=self._cursor
        )
        self._cursor = found.cursor
        asked = {name for name in NAMES if found.get_num_requested(dg.AssetKey(name))}
        for name in asked:
            self._instance.report_runless_asset_event(dg.AssetMaterialization(name))
        return asked


def load(instance: dg.DagsterInstance, *keys: str) -> None:
    """Have files loaded, as far as Dagster knows."""
    instance.add_dynamic_partitions(str(files.name), list(keys))
    for key in keys:
        for table in ("invoices", "invoice_lines", "invoice_file_links", "invoice_files"):
            event = dg.AssetMaterialization(table, partition=key)
            instance.report_runless_asset_event(event)


def test_reports_are_made_when_the_tables_change() -> None:
    with dg.instance_for_test() as instance:
        look = Looks(instance)
        assert look() == set()  # nothing was ever loaded
        load(instance, "a")
        assert look() == set(NAMES)
        assert look() == set()  # nothing new
        load(instance, "b", "c")
        assert look() == set(NAMES)


def test_what_was_loaded_before_the_sensor_ran_is_reported() -> None:
    with dg.instance_for_test() as instance:
        load(instance, "a")
        assert Looks(instance)() == set(NAMES)


def test_the_sensor_looks_every_three_minutes_by_default_and_makes_nothing_else() -> None:
    repository = build_defs().get_repository_def()
    sensor = repository.get_sensor_def("reports")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 180
    found = sensor.asset_selection and sensor.asset_selection.resolve(repository.asset_graph)
    assert found == {dg.AssetKey(name) for name in NAMES}


def test_what_loads_files_does_not_import_pandas() -> None:
    program = (
        "import sys, saft_pipeline.definitions, saft_pipeline.cli; print('pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
