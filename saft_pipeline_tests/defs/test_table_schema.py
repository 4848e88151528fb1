"""The columns of assets: all of them, each with a meaning, made from columns that are there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from saft_pipeline.artifacts.local import LocalArtifacts
from saft_pipeline.defs import table_schema
from saft_pipeline.reports import sales, vat
from saft_pipeline.store.catalog import catalog
from saft_pipeline_tests.fixtures.project import Polled

TABLES = (
    *("companies", "customers", "invoices", "invoice_lines", "invoice_files"),
    "invoice_file_links",
)
REPORTS = {"vat_summary": ["company_id", *vat.VAT_COLUMNS], "sales_by_day": sales.SALES_COLUMNS}
ALL = ("parsed_json", *TABLES, *REPORTS)
# What the database, the ledger or the server says, and no file.
NOT_OF_THE_FILE = {
    *("invoice_file_id", "updated_at"),
    *("source", "path", "filename", "branch", "size", "modified_at", "bytes_modified_at", "sha256"),
    *("id", "version", "is_current", "status", "attempts", "next_attempt_at", "claimed_by"),
    *("previous_status", "lease_expires_at", "error", "warnings", "run_id", "saft_version"),
    *("artifact_pack", "racy", "listed_size", "listed_modified_at"),
    *("publication", "first_seen_at", "loaded_at", "removed_at", "content_hash"),
}


def named(asset: str) -> list[str]:
    """The columns of an asset."""
    schema = table_schema.schema(asset, catalog())
    assert schema
    return [column.name for column in schema.columns]


def deps(asset: str) -> dict[str, set[tuple[str, str]]]:
    """Assets and columns that each column is made from."""
    lineage = table_schema.lineage(asset)
    assert lineage
    return {
        name: {(d.asset_key.to_user_string(), d.column_name) for d in of}
        for name, of in lineage.deps_by_column.items()
    }


@pytest.mark.parametrize("asset", ALL)
def test_every_column_has_a_meaning(asset: str) -> None:
    schema = table_schema.schema(asset, catalog())
    assert schema
    assert [column.name for column in schema.columns if not column.description] == []


@pytest.mark.parametrize("asset", REPORTS)
def test_a_report_has_the_columns_of_its_table(asset: str) -> None:
    assert named(asset) == REPORTS[asset]


def test_a_column_of_a_report_means_what_it_is_taken_from() -> None:
    schema = table_schema.schema("vat_summary", catalog())
    assert schema
    assert schema.columns[0].description == catalog().comments["companies.company_id"]


@pytest.mark.parametrize("asset", ["raw_xml", "sftp_folder"])
def test_what_is_no_table_has_no_columns(asset: str) -> None:
    assert (table_schema.schema(asset, catalog()), table_schema.lineage(asset)) == (None, None)


@pytest.mark.parametrize("asset", [*TABLES, *REPORTS])
def test_columns_are_made_from_columns_that_are_there(asset: str) -> None:
    known = {(source, name) for source in ALL for name in named(source)}
    found = deps(asset)
    assert set(found) <= set(named(asset))
    assert set().union(*found.values()) <= known


@pytest.mark.parametrize("asset", [*TABLES, *REPORTS])
def test_every_column_that_is_of_the_file_says_what_it_is_made_from(asset: str) -> None:
    assert set(named(asset)) - set(deps(asset)) <= NOT_OF_THE_FILE


def test_a_primary_key_of_one_column_is_unique() -> None:
    schema = table_schema.schema("invoices", catalog())
    assert schema
    assert [c.name for c in schema.columns if c.constraints.unique] == ["id"]


def test_a_primary_key_of_two_columns_is_told() -> None:
    schema = table_schema.schema("customers", catalog())
    assert schema
    assert schema.constraints == dg.TableConstraints(["primary key (company_id, customer_id)"])


def paths(value: Any, prefix: str) -> Iterator[str]:
    """`a.b` for each member of nested JSON that holds a value; lists are looked into."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from paths(member, f"{prefix}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from paths(item, prefix)
    else:
        yield prefix


def test_parsed_json_has_the_columns_that_it_says(polled: Polled) -> None:
    file = polled.file("good.xml")
    artifacts = LocalArtifacts(polled.project.settings.home / "artifacts")
    assert file.sha256
    with artifacts.open("parsed", file.sha256, file.artifact_pack) as parsed:
        records = [json.loads(line) for line in parsed]
    held = {path for record in records for path in paths(record, record.pop("record"))}
    other = {"totals.invoices", "totals.lines", "totals.customers"}
    other |= {path for path in held if ".extra." in path or path.startswith("product.")}
    assert held - other <= set(named("parsed_json"))
