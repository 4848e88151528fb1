"""The roles that Supabase has."""

from __future__ import annotations

import psycopg

from saft_pipeline_tests.postgrest.roles import create_roles


def test_the_roles_are_as_supabase_makes_them(database_url: str) -> None:
    create_roles(database_url)
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "select rolname, rolcanlogin, rolbypassrls, rolinherit, rolconfig from pg_roles "
            "where rolname in ('anon', 'authenticated', 'service_role', 'authenticator') order by 1"
        ).fetchall()
    assert rows == [
        ("anon", False, False, True, ["statement_timeout=3s"]),
        ("authenticated", False, False, True, ["statement_timeout=8s"]),
        ("authenticator", True, False, False, ["statement_timeout=8s", "lock_timeout=8s"]),
        ("service_role", False, True, True, None),
    ]


def test_making_them_again_changes_nothing(database_url: str) -> None:
    create_roles(database_url)
    create_roles(database_url)
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "select count(*) from pg_auth_members where member = 'authenticator'::regrole"
        ).fetchall()
    assert rows == [(3,)]
