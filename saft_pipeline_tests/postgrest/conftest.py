"""One stand-in for each module, over tables that are emptied for each test."""

from __future__ import annotations

import contextlib
import dataclasses
import uuid
from collections.abc import Iterator
from typing import LiteralString

import httpx
import psycopg
import pytest
import supabase

from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline_tests.fixtures.postgrest import PUBLISHABLE_KEY, SECRET_KEY, postgrest
from saft_pipeline_tests.postgrest.server import Server

__all__ = ["postgrest"]

SCHEMA: LiteralString = """
create table items (
    id integer primary key,
    name text,
    price numeric
);
create table parts (item_id integer references items deferrable initially deferred);
create table hidden (id integer);
grant all on items, parts to service_role;
grant select on items to anon;
grant insert on hidden to service_role;

create function settings() returns json language sql stable as $$
    select json_build_object('role', current_user, 'session', session_user,
        'statement_timeout', current_setting('statement_timeout'),
        'lock_timeout', current_setting('lock_timeout'),
        'read_only', current_setting('transaction_read_only'),
        'claims', current_setting('request.jwt.claims')::json,
        'method', current_setting('request.method')) $$;
create function patient() returns text language sql stable
    set statement_timeout = '90s' as $$ select current_setting('statement_timeout') $$;
create function impatient() returns void language plpgsql
    set statement_timeout = '50ms' as $$ begin perform pg_sleep(20); end $$;
create function fail(state text) returns void language plpgsql as $$
    begin raise using errcode = state, message = 'failed', hint = 'do so'; end $$;
create function typed(a integer, b date, c text[], d jsonb, e numeric default 1.50)
    returns json language sql immutable
    as $$ select json_build_object('a', a + 1, 'b', b + 1, 'c', c[1], 'd', d -> 'x', 'e', e) $$;
create function nothing() returns void language sql as $$ select $$;
create function null_number() returns integer language sql as $$ select null::integer $$;
create function exact() returns numeric language sql as $$ select 1234567890123456789.10 $$;
create function same(number integer) returns integer language sql as $$ select number $$;
create function twice(a integer) returns integer language sql as $$ select a $$;
create function twice(a text) returns text language sql as $$ select a $$;
create function add_item(id integer) returns void language sql
    as $$ insert into items (id, name) values (id, id::text) $$;
create function add_and_fail(id integer) returns void language plpgsql
    as $$ begin insert into items (id) values (id); raise 'no'; end $$;
create function add_part(item_id integer) returns void language sql
    as $$ insert into parts values (item_id) $$;
"""


@dataclasses.dataclass(frozen=True)
class Api:
    """A stand-in as its users see it: through supabase-py, as bare HTTP, and from behind."""

    server: Server
    client: supabase.Client
    http: httpx.Client
    database: psycopg.Connection[tuple[object, ...]]

    def rows(self, query: LiteralString) -> list[tuple[object, ...]]:
        """What is really in the database."""
        return self.database.execute(query).fetchall()

    def as_(self, key: str) -> supabase.Client:
        """A client with another key."""
        return supabase.create_client(self.server.url, key)

    @property
    def anonymous(self) -> supabase.Client:
        """A client with the publishable key."""
        return self.as_(PUBLISHABLE_KEY)


@pytest.fixture(scope="module")
def shared(postgres_server: EmbeddedPostgres) -> Iterator[Api]:
    """The one of this module, over a database of its own."""
    url = postgres_server.url(f"postgrest_{uuid.uuid4().hex}")
    server = Server(url, key=SECRET_KEY)
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(psycopg.connect(url, autocommit=True))
        database.execute(SCHEMA)
        stack.enter_context(server.running())
        headers = {"apikey": SECRET_KEY}
        http = httpx.Client(base_url=f"{server.url}/rest/v1", headers=headers)
        client = supabase.create_client(server.url, SECRET_KEY)
        yield Api(server, client, stack.enter_context(http), database)


@pytest.fixture
def api(shared: Api) -> Api:
    """The same with nothing in its tables."""
    shared.database.execute("truncate items, parts, hidden")
    return shared
