"""The example of the README for who builds on the tables, as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import (
    Command,
    Project,
    broken,
    half,
    one_invoice,
    partition_of,
)

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def example() -> dg.Definitions:
    """What the README's Python defines."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    (block,) = (block for block in blocks if "build_defs" in block)
    names: dict[str, Any] = {}
    exec(compile(block, str(README), "exec"), names)
    found: dg.Definitions = names["defs"]
    return found


def load_three(project: Project, runs: LocalRuns) -> None:
    """A file is loaded, one has failed, and one is incomplete."""
    project.put("good.xml", one_invoice("FT U/1"))
    project.put("bad.xml", broken("FT U/2"))
    project.put("half.xml", half("FT U/3"))
    runs.tick()
    list(runs.run_waiting())


def test_what_is_eager_is_asked_for_though_other_files_failed(
    example: dg.Definitions, project: Project, runs: LocalRuns, store: Store
) -> None:
    before = dg.evaluate_automation_conditions(defs=example, instance=runs.instance)
    load_three(project, runs)
    (good,) = store.files(path="good.xml")
    asked = dg.evaluate_automation_conditions(
        defs=example, instance=runs.instance, cursor=before.cursor
    )
    of_files = asked.get_requested_partitions(dg.AssetKey("file_turnover"))
    assert of_files == {partition_of(good)}
    assert asked.get_num_requested(dg.AssetKey("turnover")) == 1


def test_downstream_assets_get_data_frames(
    example: dg.Definitions, project: Project, runs: LocalRuns, store: Store
) -> None:
    load_three(project, runs)
    (good,) = store.files(path="good.xml")
    graph = example.resolve_implicit_global_asset_job_def()
    for name, key in (("file_turnover", partition_of(good)), ("turnover", None)):
        selected = [dg.AssetKey(name)]
        done = graph.get_subset(asset_selection=set(selected)).execute_in_process(
            instance=runs.instance, partition_key=key
        )
        assert done.output_for_node(name) == {"turnover": "12.30"}


def test_dbts_sources_are_the_tables_with_their_columns(saft: Command) -> None:
    (source,) = yaml.safe_load(saft("db", "sources").out)["sources"]
    tables = {table["name"]: table for table in source["tables"]}
    assert {"companies", "invoices", "invoice_lines", "invoice_files"} <= tables.keys()
    assert tables["invoices"]["meta"]["dagster"]["asset_key"] == ["invoices"]
    assert all(column["description"] for column in tables["invoices"]["columns"])
