"""The database behind the API: connections, one transaction a request, the schema cache.

docs.postgrest.org, References: Transactions, Connection Pool, Schema Cache, Listener.
"""

from __future__ import annotations

import asyncio
import dataclasses
import queue
import threading
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.sql import SQL

from saft_pipeline_tests.postgrest import keys
from saft_pipeline_tests.postgrest.errors import ApiError, from_postgres
from saft_pipeline_tests.postgrest.schema_cache import SchemaCache
from saft_pipeline_tests.postgrest.statements import Statement

NAME = "stand-in for PostgREST"
"""How its connections are called in pg_stat_activity."""

_POOL_SIZE = 10
_ACQUISITION_LIMIT = 10.0
"""Defaults of `db-pool` and, in seconds, of `db-pool-acquisition-timeout`."""

Connection = psycopg.Connection[Any]


@dataclasses.dataclass(frozen=True)
class Transaction:
    """How a statement runs: as which role, with which settings, and whether it may write."""

    role: str
    settings: Mapping[str, str]
    is_read_only: bool


class Database:
    """Safe for threads."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._free: queue.LifoQueue[Connection | None] = queue.LifoQueue()
        for _ in range(_POOL_SIZE):
            self._free.put(None)
        self.cache = SchemaCache([], [])
        self._loading = threading.Lock()
        self._role_settings: dict[str, dict[str, str]] = {}

    def load(self) -> None:
        """Read the schema cache and the settings of roles, as both reloads together do."""
        with self._loading, psycopg.connect(self._url, autocommit=True) as connection:
            self.cache = SchemaCache.load(connection)
            self._role_settings = _role_settings(connection)

    async def listen(self, ready: asyncio.Event) -> None:
        """Load at every `notify pgrst` and after every loss of the connection, until cancelled."""
        while True:
            try:
                connect = psycopg.AsyncConnection.connect(self._url, autocommit=True)
                async with await connect as connection:
                    await connection.execute("listen pgrst")
                    await asyncio.to_thread(self.load)
                    ready.set()
                    async for _ in connection.notifies():
                        await asyncio.to_thread(self.load)
            except psycopg.OperationalError:
                await asyncio.sleep(0.1)

    def run(self, transaction: Transaction, statement: Statement) -> str:
        """Run the statement in a transaction of its own; what it answers.

        Raises:
            ApiError: what Postgres said; nothing was committed, unless the connection broke in the
                commit (PGRST001).
        """
        connection = self._take()
        try:
            connection.read_only = transaction.is_read_only
            with connection.transaction():
                _set(connection, self._settings(transaction), is_local=True)
                ((body,),) = connection.execute(statement.text, statement.parameters).fetchall()
                return str(body)
        except psycopg.Error as error:
            raise from_postgres(error, anonymous=transaction.role == keys.ANON) from error
        finally:
            self._free.put(None if connection.closed else connection)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        while not self._free.empty():
            if connection := self._free.get():
                connection.close()

    def _take(self) -> Connection:
        try:
            connection = self._free.get(timeout=_ACQUISITION_LIMIT)
        except queue.Empty:
            message = "Timed out acquiring connection from connection pool."
            raise ApiError(504, "PGRST003", message) from None
        return connection or self._connect()

    def _connect(self) -> Connection:
        """A session of authenticator, with its settings, as if it had logged in."""
        try:
            connection = psycopg.connect(self._url, autocommit=True, application_name=NAME)
            connection.execute("set session authorization authenticator")
            _set(connection, self._role_settings.get("authenticator", {}), is_local=False)
        except psycopg.Error as error:
            self._free.put(None)
            message = "Database connection error. Retrying the connection."
            raise ApiError(503, "PGRST000", message, str(error)) from error
        return connection

    def _settings(self, transaction: Transaction) -> dict[str, str]:
        """Those of the role, over them those of the function; the role itself comes last."""
        return {
            **self._role_settings.get(transaction.role, {}),
            **transaction.settings,
            "role": transaction.role,
        }


def _set(connection: Connection, settings: Mapping[str, str], *, is_local: bool) -> None:
    if not settings:
        return
    calls = SQL(", ").join(SQL("set_config(%s, %s, %s)") for _ in settings)
    values = [part for pair in settings.items() for part in (*pair, is_local)]
    connection.execute(SQL("select {}").format(calls), values)


def _role_settings(connection: Connection) -> dict[str, dict[str, str]]:
    """`alter role … set`, by role: what holds in every database, and in this one above it."""
    rows = connection.execute(
        "select r.rolname, s.setconfig from pg_db_role_setting s "
        "join pg_roles r on r.oid = s.setrole join pg_database d on d.datname = current_database() "
        "where s.setdatabase in (0, d.oid) order by s.setdatabase"
    ).fetchall()
    settings: dict[str, dict[str, str]] = {}
    for role, config in rows:
        settings.setdefault(role, {}).update(setting.split("=", 1) for setting in config)
    return settings
