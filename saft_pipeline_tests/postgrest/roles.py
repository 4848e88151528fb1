"""The roles of a Supabase project with its defaults, as supabase/postgres creates them.

Roles belong to the whole cluster, rights to one database. No rights on tables are given: new
projects grant none by default, see Supabase's changelog 45329.
"""

from __future__ import annotations

import psycopg

_CREATE = """
do $$
declare
    role record;
begin
    for role in
        select * from (values
            ('anon', 'nologin'),
            ('authenticated', 'nologin'),
            ('service_role', 'nologin bypassrls'),
            ('authenticator', 'login noinherit')) wanted(name, options)
    loop
        if to_regrole(role.name) is null then
            execute format('create role %I %s', role.name, role.options);
        end if;
    end loop;
end $$;
"""

_SETTINGS = """
grant anon, authenticated, service_role to authenticator;
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
alter role authenticated set statement_timeout = '8s';
alter role anon set statement_timeout = '3s';
grant usage on schema public to anon, authenticated, service_role;
"""


def create_roles(url: str) -> None:
    """Have the roles in the cluster of `url`, a superuser's; twice does nothing more."""
    with psycopg.connect(url, dbname="postgres") as guard, psycopg.connect(url) as connection:
        # Locked for the whole cluster: two `alter role` at once fail on each other's catalog row.
        guard.execute("select pg_advisory_xact_lock(hashtext('supabase roles'))")
        connection.execute(_CREATE)
        connection.execute(_SETTINGS)
        connection.commit()


# As far as policies go: who is signed in, by the token of the request.
_AUTH = """
create schema if not exists auth;
grant usage on schema auth to anon, authenticated, service_role;
create table if not exists auth.users (id uuid primary key, email text);
create or replace function auth.uid() returns uuid language sql stable as $$
    select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$$;
"""


def create_auth(url: str) -> None:
    """Have what Supabase Auth puts into a project's database."""
    with psycopg.connect(url) as connection:
        connection.execute(_AUTH)
