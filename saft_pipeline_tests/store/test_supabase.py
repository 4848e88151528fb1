"""The tables as a Supabase project has them: closed to the public, open to service_role, linted.

The lints are those of Supabase's linter (splinter) that can apply here, by their numbers and names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.store import migrate
from saft_pipeline.store.errors import StoreError
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline.store.reports import Reports
from saft_pipeline.store.store import Store
from saft_pipeline_tests.postgrest.roles import create_roles
from saft_pipeline_tests.store.building import LEASE, SOURCE, File, customer, invoice, load, observe
from saft_pipeline_tests.store.looking import execute, rows, value

# What projects that were created before 2026 give to everybody by themselves.
_EVERYBODY = "to anon, authenticated, service_role"
_WIDE_OPEN = f"""
alter default privileges in schema public grant all on tables {_EVERYBODY};
alter default privileges in schema public grant all on functions {_EVERYBODY};
alter default privileges in schema public grant all on sequences {_EVERYBODY};
"""
_OURS = "c.relnamespace in ('public'::regnamespace, 'saft'::regnamespace)"


@pytest.fixture(scope="module", params=["closed by default", "open by default"])
def project(postgres_server: EmbeddedPostgres, request: pytest.FixtureRequest) -> str:
    """A database with Supabase's roles and our tables."""
    url = postgres_server.url(f"supabase_{request.param.split()[0]}")
    create_roles(url)
    with psycopg.connect(url) as connection:
        if request.param == "open by default":
            connection.execute(_WIDE_OPEN.encode())
    migrate.migrate(url)
    return url


LINTS = {
    "0001_unindexed_foreign_keys": """
        select f.conname from pg_constraint f
        where f.contype = 'f' and not exists (
            select from pg_index i where i.indrelid = f.conrelid
                and (i.indkey::smallint[])[0:cardinality(f.conkey) - 1] = f.conkey)""",
    "0004_no_primary_key": """
        select c.relname from pg_class c
        where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and not exists (
            select from pg_index i where i.indrelid = c.oid and i.indisprimary)""",
    "0007_policy_exists_rls_disabled": """
        select p.polname from pg_policy p join pg_class c on c.oid = p.polrelid
        where not c.relrowsecurity""",
    "0009_duplicate_index": """
        select min(indexname) from pg_indexes where schemaname in ('public', 'saft')
        group by tablename, replace(indexdef, indexname, '') having count(*) > 1""",
    "0010_security_definer_view": f"""
        select c.relname from pg_class c
        where c.relkind = 'v' and {_OURS}
            and not coalesce(c.reloptions, '{{}}') @> '{{security_invoker=true}}'""",
    "0011_function_search_path_mutable": """
        select p.oid::regprocedure::text from pg_proc p
        where p.pronamespace in ('public'::regnamespace, 'saft'::regnamespace)
            and not coalesce(p.proconfig, '{}') @> array['search_path=""']""",
    "0013_rls_disabled_in_public": """
        select c.relname from pg_class c
        where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
            and not c.relrowsecurity""",
    "0014_extension_in_public": """
        select extname from pg_extension where extnamespace = 'public'::regnamespace""",
    "0016_materialized_view_in_api, 0017_foreign_table_in_api": f"""
        select c.relname from pg_class c where c.relkind in ('m', 'f') and {_OURS}""",
    "0018_unsupported_reg_types": f"""
        select a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
        where {_OURS} and a.atttypid::regtype::text like 'reg%' and a.attnum > 0""",
    "0026_pg_graphql_anon_table_exposed, 0027": f"""
        select c.relname from pg_class c, unnest('{{anon,authenticated}}'::text[]) r(role)
        where c.relkind in ('r', 'v') and {_OURS} and exists (
            select from pg_attribute a where a.attrelid = c.oid and a.attnum > 0
                and has_column_privilege(r.role, c.oid, a.attnum, 'select'))""",
    "0028_anon_security_definer_function_executable, 0029": """
        select p.oid::regprocedure::text from pg_proc p
        where p.pronamespace in ('public'::regnamespace, 'saft'::regnamespace) and p.prosecdef""",
}


@pytest.mark.parametrize("lint", LINTS.values(), ids=LINTS.keys())
def test_supabases_linter_finds_nothing(project: str, lint: str) -> None:
    assert rows(project, lint) == []


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_the_public_has_no_right_to_anything(project: str, role: str) -> None:
    rights = f"""
        select c.relname, a.privilege_type from pg_class c, aclexplode(c.relacl) a
        where {_OURS} and a.grantee in (0, %s::regrole)
        union all
        select p.proname, a.privilege_type
        from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
        where p.pronamespace in ('public'::regnamespace, 'saft'::regnamespace)
            and a.grantee in (0, %s::regrole)
        union all
        select n.nspname, a.privilege_type from pg_namespace n, aclexplode(n.nspacl) a
        where n.nspname = 'saft' and a.grantee in (0, %s::regrole)"""
    assert rows(project, rights, role, role, role) == []


def test_service_role_can_do_all_that_the_program_does(project: str) -> None:
    store = Store(PostgresTransport(_as("service_role", project)), _batch)
    file = File("a.xml", (invoice("FT 1/1"),), (customer(),))
    assert load(store, file)[0].status == "loaded"
    observe(store, File("b.xml"))
    assert len(store.claim("me", lease=LEASE, source=SOURCE)) == 1
    assert store.release("me") == 1
    assert store.counts() == {"loaded": 1, "pending": 1}
    assert len(store.rows("invoice_lines", [store.files(path="a.xml")[0].key])[1]) == 1
    assert len(store.company_totals()) == 1
    store.close()


def test_service_role_looks_across_files(project: str) -> None:
    url = _as("service_role", project)
    migrate.ready(url, upgrade=False)
    transport = PostgresTransport(url)
    load(Store(transport, _batch), File("gap.xml", (invoice("FT G/1"), invoice("FT G/3"))))
    reports = Reports(transport)
    for found in (reports.continuity(), reports.gaps(None, None, None)):
        assert [gap["first_missing"] for gap in found["gaps"] if gap["series"] == "FT G"] == [2]
    transport.close()


def test_a_login_that_row_level_security_hides_all_rows_from_is_refused(project: str) -> None:
    """It would find nothing missing in tables that it takes for empty."""
    with _role(project, "granted") as url, pytest.raises(StoreError, match="hides all rows from"):
        migrate.ready(url, upgrade=False)


def test_a_login_without_rights_is_told_which_it_needs(project: str) -> None:
    with _role(project, "") as url, pytest.raises(StoreError, match=r"\(42501\); log in as"):
        migrate.ready(url, upgrade=False)


@contextmanager
def _role(project: str, granted: str) -> Iterator[str]:
    """A role with all rights on what is in the schemas, if it is to have them."""
    name = f"other_{granted}"
    execute(project, f"create role {name}")
    try:
        if granted:
            execute(project, f"grant usage on schema saft, public to {name}")
            for kind in ("tables", "functions"):
                execute(project, f"grant all on all {kind} in schema saft, public to {name}")
        yield _as(name, project)
    finally:
        execute(project, f"drop owned by {name}")
        execute(project, f"drop role {name}")


def _as(role: str, url: str) -> str:
    return f"{url}&options={quote(f'-c role={role}')}"


def _batch(_table: str) -> int:
    return 100


def test_service_role_reads_all_tables_and_views(project: str) -> None:
    names = rows(project, "select relname from pg_class c where relkind in ('r', 'v') and " + _OURS)
    with psycopg.connect(project) as connection:
        connection.execute("set role service_role")
        for (name,) in names:
            schema = value(project, "select relnamespace::regnamespace::text from pg_class "
                                    "where relname = %s", name)  # fmt: skip
            query = sql.SQL("select count(*) from {}").format(sql.Identifier(schema, name))
            assert connection.execute(query).fetchone()


def test_row_level_security_hides_all_rows_from_other_roles(project: str) -> None:
    """Even if somebody grants them a table."""
    with psycopg.connect(project) as connection:
        connection.execute("insert into public.companies (company_id) values ('500000000')")
        connection.execute("grant select on public.companies to anon")
        connection.execute("set role anon")
        assert connection.execute("select * from public.companies").fetchall() == []
        connection.rollback()


def test_the_api_is_told_to_look_at_the_schema_again(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as listener:
        listener.execute("listen pgrst")
        migrate.migrate(database_url)
        told = {notice.payload for notice in listener.notifies(timeout=10, stop_after=1)}
    assert told == {"reload schema"}


def test_every_table_and_column_is_explained(project: str) -> None:
    silent = """
        select c.relname, a.attname from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum >= 0 and not a.attisdropped
        where c.relkind in ('r', 'v') and c.relnamespace = 'public'::regnamespace
            and col_description(c.oid, a.attnum) is null
        union all
        select c.relname, '' from pg_class c
        where c.relkind in ('r', 'v') and c.relnamespace = 'public'::regnamespace
            and obj_description(c.oid, 'pg_class') is null"""
    assert rows(project, silent) == []
