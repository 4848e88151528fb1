"""Rows go into the tables through the IO manager only, and come back as exact DataFrames."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import cast

import dagster as dg
import pandas as pd
import psycopg
import pytest

from saft_pipeline.dagster_runtime import partitions
from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.definitions import build_defs
from saft_pipeline.defs.assets import load_files
from saft_pipeline.defs.io_managers import TablesIOManager
from saft_pipeline.defs.resources import Pipeline
from saft_pipeline.loading.file_load import GroupRows
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Polled, Project, one_invoice, partition_of

TABLES = ("companies", "customers", "invoices", "invoice_lines", "invoice_file_links")


def rows(polled: Polled, asset: str, *paths: str) -> pd.DataFrame:
    """What an asset downstream of a file's partition, or of a range of them, is given."""
    first, last = (polled.partition(path) for path in (paths[0], paths[-1]))
    with (
        polled.as_environment(),
        build_defs().get_asset_value_loader(polled.runs.instance) as loader,
    ):
        return cast(
            "pd.DataFrame",
            loader.load_asset_value(asset, partition_key=first)
            if first == last
            else loader.load_asset_value(
                asset, partition_key_range=dg.PartitionKeyRange(first, last)
            ),
        )


def test_a_partition_comes_back_with_the_rows_of_its_file(polled: Polled) -> None:
    assert list(rows(polled, "invoices", "good.xml")["invoice_no"]) == ["FT A/1"]


def test_several_partitions_come_back_as_one_frame(polled: Polled) -> None:
    found = rows(polled, "invoices", "good.xml", "twin.xml", "sub/warned.xml")
    assert sorted(found["invoice_no"]) == ["FT A/1", "FT A/2"]


@pytest.mark.parametrize("asset", [*TABLES, "invoice_files"])
def test_every_table_comes_back_with_the_columns_of_the_contract(
    polled: Polled, asset: str
) -> None:
    columns, _ = polled.store.rows(asset, [])
    assert list(rows(polled, asset, "good.xml").columns) == columns


def test_amounts_come_back_exact(polled: Polled) -> None:
    (amount,) = rows(polled, "invoice_lines", "good.xml")["credit_amount"]
    assert (type(amount), str(amount)) == (Decimal, "10.00")


def test_dates_come_back_as_dates(polled: Polled) -> None:
    (day,) = rows(polled, "invoices", "good.xml")["invoice_date"]
    assert day == date(2025, 3, 1)


def test_a_partition_that_was_never_loaded_comes_back_empty(polled: Polled) -> None:
    assert rows(polled, "invoices", "broken.xml").empty


def test_an_asset_of_ones_own_is_given_the_rows_of_its_partition(polled: Polled) -> None:
    @dg.asset(partitions_def=partitions.files)
    def turnover(invoices: pd.DataFrame) -> Decimal:
        return Decimal(sum(invoices["net_total"]))

    with polled.as_environment():
        pipeline = Pipeline()
        done = dg.materialize(
            [*load_files.to_source_assets(), turnover],
            instance=polled.runs.instance,
            partition_key=polled.partition("good.xml"),
            resources={
                "saft_tables": TablesIOManager(pipeline=pipeline),
                "io_manager": dg.mem_io_manager,
            },
        )
    assert done.output_for_node("turnover") == Decimal("10.00")


class Deaf(TablesIOManager):
    """Hears of every output, and writes nothing."""

    def handle_output(self, context: dg.OutputContext, obj: GroupRows) -> None:
        """Let it fall."""


def test_no_row_reaches_a_table_but_through_the_io_manager(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    project.put("f.xml", one_invoice("FT G/1"))
    runs.tick()
    partition = partition_of(store.files()[0])
    pipeline = Pipeline()
    dg.materialize(
        [load_files],
        instance=runs.instance,
        partition_key=partition,
        resources={"saft": pipeline, "saft_tables": Deaf(pipeline=pipeline)},
        tags={"saft/claim": store.files()[0].claimed_by or ""},
        raise_on_error=False,
    )
    with psycopg.connect(project.env["SUPABASE_DB_URL"]) as connection:
        filled = [t for t in TABLES if connection.execute(f"select from {t}").fetchone()]
    assert filled == []
