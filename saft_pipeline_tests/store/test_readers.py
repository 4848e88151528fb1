"""Two signed-in users of a Supabase project, and a program for charts, read what they may."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import jwt
import psycopg
import pytest
from psycopg import sql
from supabase import Client, ClientOptions, create_client

from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.store import schema
from saft_pipeline.store.migrate import migrate
from saft_pipeline.store.operations import Operations
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.postgrest import PUBLISHABLE_KEY, SECRET_KEY
from saft_pipeline_tests.postgrest.roles import create_auth, create_roles
from saft_pipeline_tests.postgrest.server import Server
from saft_pipeline_tests.reports.papers import COMPANY, OTHER_COMPANY, file_of, load, paper, taxed
from saft_pipeline_tests.store.looking import execute, rows, value
from saft_pipeline_tests.store.test_supabase import LINTS

ANA, RUI, NOBODY = (str(uuid.UUID(int=n)) for n in (1, 2, 3))
OF = {ANA: COMPANY, RUI: OTHER_COMPANY}
READ = [*schema.TABLES, *schema.views()]
_REFERENCE = "<References><Reference>FT A/1</Reference></References><Description>"


def content(company: str) -> bytes:
    """A file that leaves no table and no view empty."""
    back = taxed("4", side="Debit").replace("<Description>", _REFERENCE)
    return file_of(
        paper("FT A/1", taxed("10"), net="10"), paper("NC A/1", back, net="4"), company=company
    )


@pytest.fixture(scope="module")
def project(postgres_server: EmbeddedPostgres) -> str:
    """A project with files of two companies, and a reader of each."""
    url = postgres_server.url(f"readers_{uuid.uuid4().hex}")
    create_roles(url)
    create_auth(url)
    migrate(url)
    store = Store(PostgresTransport(url), lambda _table: 100)
    for company in (COMPANY, OTHER_COMPANY):
        load(store, content(company), f"{company}.xml")
    store.close()
    execute(url, schema.readers_sql())
    for user, company in OF.items():
        execute(url, f"insert into auth.users values ('{user}')")
        execute(url, f"insert into company_readers values ('{user}', '{company}')")
    return url


def seen(url: str, relation: str, role: str, user: str | None = None) -> list[str]:
    """The company of each row that somebody sees of a table or view."""
    query = sql.SQL("select to_jsonb(t) from public.{} t").format(sql.Identifier(relation))
    with psycopg.connect(url) as connection:
        if user:
            claims = f'{{"sub": "{user}", "role": "{role}"}}'
            connection.execute("select set_config('request.jwt.claims', %s, true)", [claims])
        connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        found = connection.execute(query).fetchall()
    return [company_of(url, row) for (row,) in found]


def company_of(url: str, row: Any) -> str:
    """A row's company, or that of its invoice."""
    known = row.get("company_id")
    query = "select company_id from invoices where id = %s"
    return known or str(value(url, query, row["invoice_id"]))


@pytest.mark.parametrize("relation", READ)
def test_each_user_sees_the_rows_of_his_company_and_no_others(project: str, relation: str) -> None:
    all_of_it = seen(project, relation, "service_role")
    assert set(all_of_it) == {COMPANY, OTHER_COMPANY}
    for user, company in OF.items():
        expected = [c for c in all_of_it if c == company]
        assert seen(project, relation, "authenticated", user) == expected
    assert seen(project, relation, "authenticated", NOBODY) == []


@pytest.mark.parametrize("relation", [*READ, "company_readers"])
def test_who_is_not_signed_in_sees_nothing(project: str, relation: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        seen(project, relation, "anon")


@pytest.mark.parametrize(
    "statement",
    [
        "insert into company_readers values (gen_random_uuid(), '500000000')",
        "update company_readers set company_id = '500000000'",
        "insert into companies (company_id) values ('1')",
        "update invoices set net_total = 0",
        "delete from invoice_files",
        "select saft.open_to_readers()",
        "select saft_report_vat()",
        "select * from saft.staging_invoices",
    ],
)
def test_a_reader_only_reads(project: str, statement: str) -> None:
    with psycopg.connect(project) as connection:
        connection.execute("set local role authenticated")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())


@pytest.fixture(scope="module")
def api(project: str) -> Iterator[Server]:
    """The project's REST API."""
    server = Server(project, key=SECRET_KEY)
    with server.running():
        yield server


def client(api: Server, user: str) -> Client:
    """What an application has in which this user is signed in."""
    claims = {"sub": user, "role": "authenticated"}
    token = jwt.encode(claims, "a secret that nobody looks at, of 32 bytes", algorithm="HS256")
    options = ClientOptions(headers={"Authorization": f"Bearer {token}"})
    return create_client(api.url, PUBLISHABLE_KEY, options)


@pytest.mark.parametrize("relation", READ)
def test_each_user_sees_the_same_over_rest(project: str, api: Server, relation: str) -> None:
    for user, company in OF.items():
        found = client(api, user).table(relation).select("*").execute().data
        assert {company_of(project, row) for row in found} == {company}


def test_run_again_and_upgraded_it_stays(project: str) -> None:
    execute(project, schema.readers_sql())
    execute(project, """create or replace function saft.repeatable_checksum() returns text
        language sql set search_path = '' as 'select null::text'""")  # fmt: skip
    migrate(project)
    assert set(seen(project, "sales_by_day", "authenticated", ANA)) == {COMPANY}


@pytest.mark.parametrize("lint", [n for n in LINTS if not n.startswith("0026")])
def test_supabases_linter_finds_nothing(project: str, lint: str) -> None:
    assert rows(project, LINTS[lint]) == []


def test_saft_check_is_content_and_counts_the_readers(project: str) -> None:
    rights = Operations(PostgresTransport(project)).rights()
    assert (rights["missing"], rights["open"], rights["members"]) == ([], [], 2)


def test_a_policy_that_lets_everything_through_is_found(project: str) -> None:
    execute(project, "create policy wide on invoices for select to authenticated using (true)")
    try:
        assert Operations(PostgresTransport(project)).rights()["open"] == ["select on invoices"]
    finally:
        execute(project, "drop policy wide on invoices")


def test_elsewhere_it_says_that_it_is_for_supabase(database_url: str) -> None:
    migrate(database_url)
    with pytest.raises(psycopg.Error, match="this is for a project of Supabase"):
        execute(database_url, schema.readers_sql())


def test_a_program_with_the_role_reads_all_and_writes_nothing(database_url: str) -> None:
    migrate(database_url)
    store = Store(PostgresTransport(database_url), lambda _table: 100)
    load(store, content(COMPANY), "a.xml")
    store.close()
    name = f"metabase_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(database_url) as connection:
        connection.execute("create role saft_reader nologin")
        connection.execute("select saft.open_to_readers()")
        connection.execute(f"create role {name} in role saft_reader".encode())
        connection.execute(f"set local role {name}".encode())
        for relation in READ:
            query = sql.SQL("select count(*) from {}").format(sql.Identifier(relation))
            assert connection.execute(query).fetchone() != (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from invoices")
        connection.rollback()
