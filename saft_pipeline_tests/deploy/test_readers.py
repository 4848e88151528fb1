"""What .deploy/readers.md has people run works, on a project as Supabase makes it."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from saft_pipeline.store import schema
from saft_pipeline.store.migrate import migrate
from saft_pipeline_tests.postgrest.roles import create_auth, create_roles
from saft_pipeline_tests.store.looking import execute, value

TEXT = (Path(__file__).parents[2] / ".deploy" / "readers.md").read_text()
READER, ROLE = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def project(database_url: str) -> str:
    create_roles(database_url)
    create_auth(database_url)
    migrate(database_url)
    execute(database_url, schema.readers_sql())
    return database_url


def test_a_reader_is_named_by_e_mail(project: str) -> None:
    execute(project, "insert into auth.users values (gen_random_uuid(), 'ana@example.com')")
    execute(project, READER)
    assert value(project, "select company_id from company_readers") == "500000000"


def test_the_role_reads_and_does_not_write(project: str) -> None:
    with psycopg.connect(project) as connection:  # rolled back: roles are the whole cluster's
        connection.execute(ROLE.encode())
        connection.execute("set local role metabase")
        connection.execute("select * from public.vat_by_month")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("update public.invoices set net_total = 0")
        connection.rollback()


def test_every_view_is_told_with_what_can_be_added_up(project: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \| .+? \| (.*?) ?\|$", TEXT, re.MULTILINE)
    assert {name for name, _ in rows} == set(schema.views())
    for view, columns in rows:
        for column in re.findall(r"`(\w+)`", columns):
            execute(project, f"select sum({column}) from public.{view}")
