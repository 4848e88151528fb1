"""The SQL files: what landed stays as it is, and what is made anew can be made over itself."""

from __future__ import annotations

import re

import pytest

from saft_pipeline.store import schema
from saft_pipeline.store.errors import StoreError
from saft_pipeline.store.migrate import lacking, migrate, ready, state
from saft_pipeline.store.postgres import connect_postgres
from saft_pipeline_tests.postgrest.roles import create_roles
from saft_pipeline_tests.store.looking import execute, rows, value

# A new migration is added here when it lands; a line of this table never changes.
LANDED = {
    "20261124090000_tables": "d630b3f953cb573e",
    "20261124090100_staging": "21251e006e9fd6ac",
    "20261124090200_publish_rows": "c92eb00a85f799a9",
    "20261124090300_publish": "035002dabb87e5a2",
    "20261124090400_listing": "def085d3d4020e9d",
    "20261124090410_ledger": "2744bb8ce5f7132e",
    "20261124090500_reading": "daadf403806391de",
    "20261124090600_comments": "df88f704b8167c89",
    "20261124090700_rights": "079717b98fea986f",
    "20261124091000_operations": "42e7b1c6bccb50d2",
    "20261124092000_reports": "cd9814eca601271d",
    "20261124093000_upkeep": "0737a6f4ddf97baa",
    "20261124094000_alerts": "1db71d89a7fe140f",
    "20261124094100_retention": "b3bf156238d283a8",
    "20261127060000_checksums": "4b0bf22ba04c2a4d",
    "20261127061000_names": "dd31fbd3e86b8ef5",
    "20261127062000_whole_bytes": "cdc113ca303e398f",
    "20261127080000_artifact_packs": "58629acbd41cbdca",
    "20261127081000_growth": "9002a224c127d6a8",
    "20261127090000_file_facts": "823c0eccd1af5f36",
    "20261127091000_racy": "ee86f26c0408e538",
    "20261127094500_status": "21a1a6d292a4261c",
    "20261127095000_cash_vat": "de6e98902ef4ec92",
    "20261127110000_unloaded": "3907f90e4c4677ac",
    "20261127190000_unloaded_by_source": "59d17df5a4b3d33c",
    "20261127213000_ledger_days": "2fc6cc058b4f489e",
    "20261127215500_series": "71efaec562cc3caf",
    "20261128004500_series_look": "fb0a2f515bfcc2ec",
}


def test_migrations_that_landed_are_as_they_landed() -> None:
    found = {f"{m.version}_{m.name}": m.checksum[:16] for m in schema.migrations()}
    assert found == LANDED


def test_only_the_first_migrations_make_functions_and_views() -> None:
    later = [m.text for m in schema.migrations() if m.version > "20261124094100"]
    assert not re.search(r"^create (or replace )?(function|view)", "\n".join(later), re.MULTILINE)


def test_every_migration_notes_itself() -> None:
    for m in schema.migrations():
        assert m.text.rstrip().endswith(f"values ('{m.version}', '{m.name}');")


STALE = """create or replace function saft.repeatable_checksum() returns text
language sql set search_path = '' as 'select null::text';"""


@pytest.fixture
def stale(database_url: str) -> str:
    """Tables whose functions are of another version."""
    create_roles(database_url)
    migrate(database_url)
    execute(database_url, STALE)
    return database_url


def problem(url: str) -> str | None:
    with connect_postgres(url) as connection:
        return state(connection).problem


def test_functions_of_another_version_are_named_and_made_anew(stale: str) -> None:
    execute(stale, "create function saft.old() returns void language sql as ''")
    told = "functions and views are another version's, or not all there; run: saft db migrate"
    assert problem(stale) == told
    with pytest.raises(StoreError, match="not those of this program"):
        ready(stale, upgrade=False)
    ready(stale, upgrade=True)
    assert problem(stale) is None
    assert value(stale, "select to_regproc('saft.old')") is None


def test_what_was_granted_is_granted_after_an_upgrade(stale: str) -> None:
    execute(stale, """
        grant select on public.invoices, public.vat_by_month to authenticated;
        grant select (path) on public.invoice_files to authenticated;
        grant execute on function public.saft_counts(text) to authenticated""")  # fmt: skip
    migrate(stale)
    allowed = """select has_table_privilege('authenticated', 'public.invoices', 'select'),
        has_table_privilege('authenticated', 'public.vat_by_month', 'select'),
        has_column_privilege('authenticated', 'public.invoice_files', 'path', 'select'),
        has_function_privilege('authenticated', 'public.saft_counts(text)', 'execute'),
        has_column_privilege('authenticated', 'public.invoice_files', 'error', 'select'),
        has_table_privilege('anon', 'public.invoices', 'select')"""
    assert rows(stale, allowed) == [(True, True, True, True, False, False)]


def test_what_others_built_on_a_view_or_function_stays(stale: str) -> None:
    execute(stale, """
        create view public.theirs as select invoice_no, active from public.invoice_overview;
        create policy theirs on public.invoices
            using (saft.conflict('', null, '', null, '') is null)
        """)  # fmt: skip
    old = "create or replace function saft.conflict(invoice_no text, our_date date, our_hash text, "
    old += "their_date date, their_hash text) returns jsonb language sql as 'select null::jsonb'"
    execute(stale, old)
    migrate(stale)
    assert value(stale, "select count(*) from public.theirs") == 0
    assert value(stale, "select count(*) from pg_policies where policyname = 'theirs'") == 1
    assert value(stale, "select saft.conflict('', null, '', null, '') is not null")


def test_a_migration_that_was_renumbered_is_applied_by_its_new_number(database_url: str) -> None:
    migrate(database_url)
    execute(database_url, "update saft.migrations set version = '20261124090401' "
                          "where name = 'ledger'")  # fmt: skip
    assert migrate(database_url) == ["20261124090410_ledger"]
    assert problem(database_url) is None


def test_a_migration_that_was_edited_is_named_and_settled(database_url: str) -> None:
    migrate(database_url)
    execute(database_url, "update saft.migrations set checksum = 'x' where name = 'staging'")
    assert problem(database_url) == (
        "applied with another text than is known: staging; run: saft db migrate"
    )
    migrate(database_url)
    assert problem(database_url) is None


def test_what_edited_tables_lack_is_told_as_the_sql_that_mends_it(database_url: str) -> None:
    migrate(database_url)
    execute(database_url, """
        update saft.migrations set checksum = 'x' where name = 'tables';
        alter table public.invoices drop column atcud;
        alter table public.invoice_lines alter quantity type text;
        drop index public.invoices_invoice_date""")  # fmt: skip
    with pytest.raises(StoreError, match=r"nothing was touched; run this.* add atcud text;"):
        migrate(database_url)
    with connect_postgres(database_url) as connection:
        cures = lacking(connection)
    assert len(cures) == 3
    execute(database_url, " ".join(cures))
    migrate(database_url)
    assert problem(database_url) is None
