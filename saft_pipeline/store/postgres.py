"""Straight to Postgres, with psycopg: the session pooler, the transaction pooler, or the server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg import conninfo, sql
from psycopg.types.json import set_json_loads

from saft_pipeline.retries import tries
from saft_pipeline.store.errors import StoreError, TransientStoreError, error_of
from saft_pipeline.store.spool import NULL, Spool, in_batches
from saft_pipeline.store.transport import RETRY, Arguments

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]

_CONNECT_SECONDS = 15
# What the server or Supabase's pooler says of a login that will not do; it comes without SQLSTATE.
_REFUSED = (
    "password authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "Tenant or user not found",
    "SSL was required",
    "certificate verify failed",
)
_LOCAL = ("", "localhost", "127.0.0.1", "::1")


def connect(url: str) -> Connection:
    """A connection in autocommit mode; TLS is required unless the server is on this machine.

    No prepared statements: a transaction pooler hands each transaction to another session.
    Raises StoreError or TransientStoreError.
    """
    secured = _secured(url)
    try:
        connection = psycopg.connect(secured, autocommit=True, prepare_threshold=None)
    except psycopg.Error as error:
        raise store_error(error) from None
    set_json_loads(partial(json.loads, parse_float=Decimal), connection)
    return connection


def _secured(url: str) -> str:
    try:
        given = conninfo.conninfo_to_dict(url)
        int(given.get("port") or 0)
    except (psycopg.Error, ValueError):  # its message would show the password
        raise StoreError(
            "SUPABASE_DB_URL is not an address of a database; it looks like "
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with / ? # [ ] @ % : and spaces in the "
            "password written as %2F and so on"
        ) from None
    usual: dict[str, Any] = {
        "application_name": "saft_pipeline",
        "client_encoding": "utf8",
        "connect_timeout": str(_CONNECT_SECONDS),
        "keepalives_idle": "30",
    }
    host = str(given.get("host") or "")
    if not (host in _LOCAL or host.startswith("/")):
        usual["sslmode"] = "require"
    return conninfo.make_conninfo("", **{**usual, **given})


def store_error(error: psycopg.Error) -> StoreError:
    """The fault in the store's words: what the server said, and whether waiting may help."""
    said = (error.diag.message_primary or str(error)).strip() or type(error).__name__
    if error.sqlstate:
        return error_of(error.sqlstate, said, error.diag.message_detail)
    lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    passing = lost and not any(words in said for words in _REFUSED)
    return (TransientStoreError if passing else StoreError)(f"the database says: {said}")


class PostgresTransport:
    """Calls over one connection for each thread, opened at first use and again when it is lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._local = threading.local()
        self._all: list[Connection] = []

    def call(self, function: str, arguments: Arguments) -> Any:
        """See Transport."""
        return self._tried(lambda connection: _call(connection, function, arguments))

    def publish(
        self, arguments: Arguments, spools: Sequence[Spool], rows_a_write: Mapping[str, int]
    ) -> Any:
        """See Transport. COPY and publishing are one transaction: staging is never left behind."""

        def work(connection: Connection) -> Any:
            with connection.transaction():
                # A large file takes longer than Supabase's two minutes a statement.
                connection.execute("set local statement_timeout = 0")
                _copy(connection, spools, rows_a_write)
                return _call(connection, "saft_publish", arguments)

        return self._tried(work)

    def _tried(self, work: Callable[[Connection], T]) -> T:
        for attempt in tries(TransientStoreError, **RETRY):
            with attempt:
                return self._once(work)
        raise AssertionError("stamina raises after its last attempt")

    def _once(self, work: Callable[[Connection], T]) -> T:
        connection = self._connection()
        try:
            return work(connection)
        except psycopg.Error as error:
            raise store_error(error) from None
        finally:
            if connection.broken:
                self._forget(connection)

    def _connection(self) -> Connection:
        found: Connection | None = getattr(self._local, "connection", None)
        if found is None or found.closed:
            found = connect(self._url)
            self._local.connection = found
            self._all.append(found)
        return found

    def _forget(self, connection: Connection) -> None:
        connection.close()
        self._local.connection = None
        self._all.remove(connection)

    def close(self) -> None:
        """Close the connections of all threads."""
        while self._all:
            self._all.pop().close()


def _call(connection: Connection, function: str, arguments: Arguments) -> Any:
    named = sql.SQL(", ").join(
        sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name))
        for name in arguments
    )
    query = sql.SQL("select public.{}({})").format(sql.Identifier(function), named)
    row = connection.execute(query, {k: _encoded(v) for k, v in arguments.items()}).fetchone()
    return row[0] if row else None


def _encoded(value: object) -> object:
    """Text, which Postgres reads as the parameter's own type, for all that isn't a number."""
    if isinstance(value, dict) or (
        isinstance(value, list) and value and isinstance(value[0], dict)
    ):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list) and all(isinstance(item, int) for item in value):
        return "{" + ",".join(map(str, value)) + "}"
    return value


def _copy(connection: Connection, spools: Sequence[Spool], rows_a_write: Mapping[str, int]) -> None:
    ids = _encoded(sorted({spool.ledger_id for spool in spools}))
    connection.execute("select saft.clear_staging(%s)", [ids])
    for table, batches in in_batches(spools, rows_a_write):
        query = sql.SQL("copy {} from stdin with (null {})").format(
            sql.Identifier("saft", f"staging_{table}"), sql.Literal(NULL)
        )
        with connection.cursor().copy(query) as copy:
            for batch in batches:
                copy.write(batch)
