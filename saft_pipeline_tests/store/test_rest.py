"""What is particular to Supabase's REST API: keys, lost answers, batches, limits, and cures."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import httpx
import psycopg
import pytest
import stamina

from saft_pipeline.store import rest, rest_errors, schema
from saft_pipeline.store.errors import StoreError, TransientStoreError
from saft_pipeline.store.model import Failure, FetchedContent
from saft_pipeline.store.rest import RestTransport, open_rest
from saft_pipeline.store.store import Store
from saft_pipeline.store.transport import RETRY
from saft_pipeline_tests.fixtures.postgrest import PUBLISHABLE_KEY, SECRET_KEY, Postgrest
from saft_pipeline_tests.postgrest.server import Server
from saft_pipeline_tests.store.building import (
    LEASE,
    SOURCE,
    VERSION,
    File,
    at,
    claim,
    invoice,
    ledger,
    load,
    observe,
    owner,
    prepare,
    publish,
)
from saft_pipeline_tests.store.looking import rows, value

FILE = File("a.xml", (invoice("FT 1/1", 3), invoice("FT 1/2")), (), at(1))


@pytest.fixture
def store(url: str, rest_api: Server) -> Iterator[Store]:
    """A store over REST; a write has 2 rows."""
    store = Store(RestTransport(rest_api.url, SECRET_KEY), lambda _table: 2)
    with stamina.set_testing(testing=True, attempts=3):
        yield store
    store.close()


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every group is too large for one call."""
    monkeypatch.setattr("saft_pipeline.store.store.SMALL_GROUP", 0)


def token(role: str) -> str:
    """An older key: a JWT, whose signature the stand-in doesn't look at."""
    parts = ({"alg": "HS256", "typ": "JWT"}, {"role": role, "iss": "supabase"})
    encoded = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


def refused(url: str, key: str) -> str:
    """What is said of a key; it is never shown."""
    with pytest.raises(StoreError) as raised:
        open_rest(url, key)
    assert not isinstance(raised.value, TransientStoreError)
    assert key not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("key", ["sb_secret_other", "x", token("service_role")])
def test_a_wrong_key_is_told_with_the_cure(url: str, rest_api: Server, key: str) -> None:
    assert "SUPABASE_KEY was refused (Invalid API key): give the secret key" in refused(
        rest_api.url, key
    )


@pytest.mark.parametrize("key", [PUBLISHABLE_KEY, token("anon")])
def test_a_key_of_the_public_is_told_with_the_cure(url: str, rest_api: Server, key: str) -> None:
    assert "no right" in refused(rest_api.url, key)


@pytest.mark.parametrize("key", ["sb_secret x", "sb_secret\nx", "sb_sécret"])
def test_what_can_be_no_key_is_told(rest_api: Server, key: str) -> None:
    assert "characters that no key has" in refused(rest_api.url, key)


def test_an_older_key_will_do(url: str) -> None:
    server = Server(url)
    with server.running():
        transport = open_rest(server.url, token("service_role"))
        assert transport.call("saft_counts", {}) == {}
        transport.close()


@pytest.mark.parametrize("url", ["", "abc.supabase.co", "postgresql://u:secret@host/db"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(StoreError, match="SUPABASE_URL is not the address of a project"):
        open_rest(url, SECRET_KEY)


def test_missing_functions_are_told_with_the_cure(postgrest: Postgrest) -> None:
    said = refused(postgrest.url, postgrest.key)
    assert "saft_schema_version is missing" in said
    assert "`saft db sql`" in said


def test_what_the_script_makes_is_seen_by_the_api(postgrest: Postgrest, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(schema.sql().encode())
    postgrest.reload()
    open_rest(postgrest.url, postgrest.key).close()


def test_a_function_that_somebody_dropped_is_told_with_the_cure(url: str, rest_api: Server) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("alter function public.saft_backlog rename to saft_backlog_gone")
        said = refused(rest_api.url, SECRET_KEY)
        connection.execute("alter function public.saft_backlog_gone rename to saft_backlog")
    assert "not whole" in said
    assert "`saft db sql`" in said


@pytest.mark.parametrize(
    ("newest", "said"),
    [("20000101000000", "older than this program"), ("99990101000000", "newer than this program")],
)
def test_other_tables_than_this_programs_are_refused(
    url: str, rest_api: Server, newest: str, said: str
) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table public.kept as table saft.migrations")
        connection.execute("delete from saft.migrations")
        connection.execute("insert into saft.migrations values (%s, 'x')", [newest])
        message = refused(rest_api.url, SECRET_KEY)
        connection.execute("truncate saft.migrations")
        connection.execute("insert into saft.migrations table public.kept")
        connection.execute("drop table public.kept")
    assert said in message


def test_a_missing_grant_is_told_with_the_cure(url: str, store: Store) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("revoke all on public.invoice_files from service_role")
    with pytest.raises(StoreError, match=r"permission denied.*`saft db sql`"):
        store.files()
    with psycopg.connect(url) as connection:
        connection.execute("grant all on public.invoice_files to service_role")


def test_nothing_of_supabase_is_imported_before_a_call() -> None:
    code = (
        "import sys, saft_pipeline.store.rest as r; r.RestTransport('https://x', 'y');"
        "sys.exit(any(m in sys.modules for m in ('supabase', 'httpx', 'postgrest')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


LOSABLE: dict[str, Callable[[Store], object]] = {
    "saft_observe": lambda s: s.observe(SOURCE, [FILE.seen], whole=True),
    "saft_claim": lambda s: s.claim("me", lease=LEASE, source=SOURCE),
    "saft_settle": lambda s: s.settle(
        "me", [FetchedContent(f.id, FILE.sha256, 1, at(2)) for f in s.claimed("me")], VERSION
    ),
    "saft_hand_over": lambda s: s.hand_over("me", {"you": [f.id for f in s.claimed("me")]}, LEASE),
    "saft_renew": lambda s: s.renew("you", LEASE),
    "saft_fail": lambda s: s.fail("you", [Failure(f.id, "x") for f in s.claimed("you")]),
    "saft_retry": lambda s: s.retry(paths=["a.xml"]),
    "saft_release": lambda s: s.release("you"),
    "saft_give_up": lambda s: s.give_up("you"),
    "saft_mark_removed": lambda s: s.mark_removed([f.id for f in s.files()]),
    "saft_counts": lambda s: s.counts(),
}


@pytest.mark.parametrize("lost", LOSABLE)
def test_a_call_whose_answer_is_lost_is_made_again_to_no_other_end(
    url: str, store: Store, rest_api: Server, lost: str
) -> None:
    for name, call in LOSABLE.items():
        if name == lost:
            rest_api.faults.lose_answer(f"/rpc/{name}")
        call(store)
    assert rest_api.faults.pending == 0
    columns = "path, version, is_current, status, attempts, claimed_by, sha256, error"
    assert rows(url, f"select {columns}, removed_at is null from invoice_files") == [
        ("a.xml", 1, True, "pending", 0, None, FILE.sha256, "x", False)
    ]


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("function", ["saft_stage", "saft_publish"])
def test_a_lost_answer_neither_loses_nor_doubles_a_row(
    url: str, store: Store, rest_api: Server, function: str
) -> None:
    rest_api.faults.lose_answer(f"/rpc/{function}")
    (outcome,) = load(store, FILE)
    assert (outcome.status, outcome.written) == ("loaded", {"invoices": 2, "invoice_lines": 4})
    assert value(url, "select count(*) from invoice_lines") == 4
    assert rest_api.faults.pending == 0


LEGACY = '{"message":"Legacy API keys are disabled","hint":"Re-enable them in the dashboard"}'
EXPIRED = '{"code":"PGRST303","details":null,"hint":null,"message":"JWT expired"}'
PAGE = "<html><title>Sign in</title></html>"
NO_ROUTE = '{"message":"no Route matched with those values"}'
NOT_OURS = "is not the API of this program's tables: check that SUPABASE_URL"
REFUSALS = {
    "a page": (200, PAGE, 'with a page titled "Sign in".*SUPABASE_URL is the project', True),
    "nothing": (200, "", "answered 200 with nothing", True),
    "a proxy's refusal": (403, PAGE, '403 with a page titled "Sign in".*what proxy', True),
    "a page that is not found": (404, PAGE, '404 with a page titled "Sign in".*own addr', True),
    "another address of a gateway": (404, NO_ROUTE, '"no Route matched.*own address', True),
    "JSON of something else": (200, '{"ok":true}', NOT_OURS, False),
    "JSON whose end is missing": (200, '"2026112409', NOT_OURS, False),
    "legacy keys disabled": (401, LEGACY, "legacy keys, which are disabled.*sb_secret_", False),
    "an expired key": (401, EXPIRED, r"has expired \(JWT expired\): give a secret key", False),
    "a paused project": (540, "", "is paused: restore it in Supabase's dashboard", False),
    "over its quota": (402, '{"message":"exceed_db_size_quota"}', "exceed_db_size.*usage", False),
    "a gateway's page": (502, PAGE, "answered 502 Bad Gateway.*status.supabase.com", True),
    "a gateway's JSON": (544, '{"message":"timeout"}', "gateway before the API answered 544", True),
}


@pytest.mark.parametrize(("status", "body", "said", "passes"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_no_answer_of_the_api_is_told_with_the_cure(
    url: str, rest_api: Server, status: int, body: str, said: str, *, passes: bool
) -> None:
    kind = "application/json" if body.startswith(("{", '"')) else "text/html"
    rest_api.faults.answer(status, "/rpc/saft_schema_version", body=body, content_type=kind)
    with (
        stamina.set_testing(testing=True, attempts=1),
        pytest.raises(StoreError, match=said) as raised,
    ):
        open_rest(rest_api.url, SECRET_KEY)
    assert isinstance(raised.value, TransientStoreError) == passes
    assert rest_api.faults.pending == 0


def test_an_answer_that_is_no_text_is_told_as_none_of_the_api() -> None:
    request = httpx.Request("POST", "https://abc.supabase.co/rest/v1/rpc/saft_claim")
    kind = {"content-type": "application/json"}
    with pytest.raises(TransientStoreError, match="answered 200 with something else"):
        rest_errors.raise_for_error(
            httpx.Response(200, headers=kind, content=b'"\xe9"', request=request)
        )


def test_a_redirect_is_told_and_not_followed_by_get() -> None:
    request = httpx.Request("POST", "http://abc.supabase.co/rest/v1/rpc/saft_claim")
    there = {"location": "https://abc.supabase.co/rest/v1/rpc/saft_claim"}
    with pytest.raises(TransientStoreError, match=r"a redirect to https://abc\.supabase\.co, "):
        rest_errors.raise_for_error(httpx.Response(301, headers=there, request=request))


@pytest.mark.parametrize("status", [502, 429])
def test_a_gateways_page_is_a_fault_that_passes(
    store: Store, rest_api: Server, status: int
) -> None:
    rest_api.faults.answer(status, "/rpc/saft_publish")
    assert load(store, FILE)[0].status == "loaded"


def test_no_answer_at_all_is_told_as_passing_with_the_address(url: str) -> None:
    transport = RestTransport("http://127.0.0.1:1", SECRET_KEY)
    with (
        stamina.set_testing(testing=True, attempts=2),
        pytest.raises(TransientStoreError, match=r"http://127\.0\.0\.1:1 gave no answer"),
    ):
        transport.call("saft_counts", {})


def test_an_outage_is_waited_for_once_by_all_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RETRY, "timeout", 0.3)
    transport = RestTransport("http://127.0.0.1:1", SECRET_KEY)
    calls = []
    with stamina.set_testing(testing=True, attempts=3):
        for _ in range(3):
            with pytest.raises(TransientStoreError, match="gave no answer"):
                transport.call("saft_counts", {})
            calls.append(transport.calls)
            time.sleep(0.4)
    assert calls == [3, 4, 5]


@pytest.mark.usefixtures("large")
def test_a_file_too_large_for_the_api_is_refused_with_the_way_out(
    url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "MOST_LINES", 3)
    small = File("b.xml", (invoice("FT 2/1"),), (), at(2))
    first, second = load(store, FILE, small)
    assert (first.status, first.transient, second.status) == ("failed", False, "loaded")
    assert "SUPABASE_DB_URL" in (first.error or "")
    assert value(url, "select count(*) from invoice_lines") == 1


_SLOW = """
create function public.slow() returns trigger language plpgsql
as $$ begin perform pg_sleep(5); return null; end $$;
create trigger slow after insert on invoices execute function public.slow();
alter function saft_publish set statement_timeout = '200ms';
"""
_AS_BEFORE = """
drop trigger slow on invoices;
drop function public.slow();
alter function saft_publish set statement_timeout = '60s';
"""


def test_publishing_that_takes_too_long_is_told_with_the_way_out(
    url: str, store: Store, rest_api: Server
) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(_SLOW)
    rest_api.reload()
    (outcome,) = load(store, FILE)
    with psycopg.connect(url) as connection:
        connection.execute(_AS_BEFORE)
    rest_api.reload()
    assert (outcome.status, outcome.transient) == ("failed", False)
    assert "SUPABASE_DB_URL" in (outcome.error or "")


@pytest.mark.usefixtures("large")
def test_an_owner_whose_file_was_taken_stages_nothing(url: str, store: Store) -> None:
    late = owner()
    publications = prepare(store, FILE, by=late)
    store.renew(late, -LEASE)
    claim(store, FILE, by=owner())
    (outcome,) = publish(store, publications, late)
    assert outcome.status == "lost"
    assert rows(url, "select * from saft.staging_invoices") == []


@pytest.mark.usefixtures("large")
def test_what_a_dead_process_staged_is_cleared_by_the_next(url: str, store: Store) -> None:
    dead = owner()
    (settled,) = claim(store, FILE, by=dead)
    stage_call = {
        "owner": dead,
        "ids": [settled.ledger_id],
        "attempt": "00000000-0000-0000-0000-000000000001",
        "number": 0,
        "table_name": "invoice_lines",
        "batch": f"{settled.ledger_id}\t0\t1" + "\t\b" * 20 + "\n",
    }
    assert store._transport.call("saft_stage", stage_call) is True
    assert value(url, "select count(*) from saft.staging_invoice_lines") == 1
    store.release(dead)
    load(store, replace(FILE, path="b.xml", bytes_="b"))
    assert rows(url, "select * from saft.staging_invoice_lines") == []
    assert ledger(store, "a.xml").status == "pending"


def test_a_group_is_published_by_one_request(
    store: Store, rest_api: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [File(f"{n}.xml", (invoice(f"FT {n}/1"),), (), at(n)) for n in range(10)]
    by = owner()
    publications = prepare(store, *files, by=by)
    calls: list[str] = []
    call = RestTransport.call

    def counted(self: RestTransport, function: str, arguments: object) -> object:
        calls.append(function)
        return call(self, function, arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(RestTransport, "call", counted)
    publish(store, publications, by)
    assert calls == ["saft_publish"]


def test_large_numbers_of_files_come_whole(store: Store) -> None:
    """More than the 1,000 rows that the API gives of a table."""
    observe(store, *(File(f"{n}.xml", modified_at=at(n)) for n in range(3)))
    store.observe(SOURCE, [File(f"{n}.xml").seen for n in range(1500)], whole=False)
    assert len(store.claim("me", lease=LEASE, source=SOURCE)) == 1500
    assert len(store.files(source=SOURCE)) == 1500


def test_calls_are_counted_those_of_batches_too(
    url: str, store: Store, rest_api: Server, large: None
) -> None:
    transport = RestTransport(rest_api.url, SECRET_KEY)
    counting = Store(transport, lambda _table: 2)
    load(counting, FILE)
    assert transport.calls > 5
    before = transport.calls
    counting.count({})
    assert value(url, "select value from saft.counters where name = 'database_calls'") == before + 1
    counting.close()
