"""Straight to Postgres, with psycopg: the session pooler, the transaction pooler, or the server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import partial
from itertools import groupby
from typing import Any, TypeVar

import psycopg
from psycopg import conninfo, sql
from psycopg.errors import UniqueViolation
from psycopg.pq import TransactionStatus
from psycopg.types.json import set_json_loads

from saft_pipeline.retries import tries
from saft_pipeline.saft.fields import INVOICE_FIELDS, LINE_FIELDS
from saft_pipeline.store.errors import StoreError, TransientStoreError, error_of
from saft_pipeline.store.spool import NULL, Spool
from saft_pipeline.store.transport import RETRY, Arguments, Outage

_T = TypeVar("_T")
Connection = psycopg.Connection[tuple[Any, ...]]

_CONNECT_SECONDS = 15
_INVOICES, _LINES = "invoices", "invoice_lines"


def _columns(table: str, *names: str) -> sql.Composed:
    """A table with its columns by name: people may have added others."""
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    return sql.SQL("{} ({})").format(sql.Identifier("public", table), columns)


_INVOICES_TABLE = _columns(_INVOICES, "id", *INVOICE_FIELDS, "content_hash")
_LINES_TABLE = _columns(_LINES, "invoice_id", *LINE_FIELDS)
_LINKS_TABLE = _columns("invoice_file_links", "invoice_file_id", "invoice_id", "content_hash")
# What the server or Supabase's pooler says of a login that will not do; it comes without SQLSTATE.
_REFUSED = (
    "password authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "Tenant or user not found",
    "SSL was required",
    "certificate verify failed",
)
_DOCUMENTS = (_INVOICES, _LINES)
_LOOKED_UP = 1000  # invoices of a file: where any is known most are, and soon
_LOCAL = ("", "localhost", "127.0.0.1", "::1")


def connect_postgres(url: str) -> Connection:
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
    if not is_here(str(given.get("host") or "")):
        usual["sslmode"] = "require"
    return conninfo.make_conninfo("", **{**usual, **given})


def is_here(host: str) -> bool:
    """Whether a server by that name, or in that folder, is on this machine."""
    return host in _LOCAL or host.startswith("/")


def store_error(error: psycopg.Error) -> StoreError:
    """The fault in the store's words: what the server said, and whether waiting may help."""
    said = (error.diag.message_primary or str(error)).strip() or type(error).__name__
    if error.sqlstate:
        return error_of(error.sqlstate, said, error.diag.message_detail)
    lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    transient = lost and not any(words in said for words in _REFUSED)
    return (TransientStoreError if transient else StoreError)(f"the database says: {said}")


class PostgresTransport:
    """Calls over as many connections as go on at once, kept for the next; safe for threads."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._guard = threading.Lock()
        self._idle: list[Connection] = []
        self._outage = Outage()
        self.calls = 0

    def call(self, function: str, arguments: Arguments) -> Any:
        """See Transport."""
        return self._tried(lambda connection: _call(connection, function, arguments))

    def publish(
        self, arguments: Arguments, spools: Sequence[Spool], rows_a_write: Mapping[str, int]
    ) -> Any:
        """See Transport. All in one transaction: nothing is ever left in staging.

        Lines go straight to their table, those that are wanted there, and so do the invoices of one
        file if all of them are new; else these are staged.
        """

        def work(connection: Connection) -> Any:
            with connection.transaction():
                # A large file takes longer than Supabase's two minutes a statement.
                connection.execute("set local statement_timeout = 0")
                return _publish(connection, arguments, spools, rows_a_write)

        return self._tried(work)

    def _tried(self, work: Callable[[Connection], _T]) -> _T:
        for attempt in tries(self._outage.may_pass, **RETRY):
            with attempt:
                return self._once(work)
        raise AssertionError("stamina raises after its last attempt")

    def _once(self, work: Callable[[Connection], _T]) -> _T:
        connection = self._taken()
        try:
            done = work(connection)
        except psycopg.Error as error:
            raise store_error(error) from None
        finally:
            self._give_back(connection)
        self._outage.is_over()
        return done

    def _taken(self) -> Connection:
        with self._guard:
            self.calls += 1
            while self._idle:
                if not (found := self._idle.pop()).closed:
                    return found
        try:
            return connect_postgres(self._url)
        except TransientStoreError:
            self._outage.goes_on()
            raise

    def _give_back(self, connection: Connection) -> None:
        """Keep it for the next call, unless it was lost or interrupted in the middle."""
        if connection.info.transaction_status != TransactionStatus.IDLE:
            connection.close()
            return
        with self._guard:
            self._idle.append(connection)

    def close(self) -> None:
        """Close the connections that no call is using."""
        with self._guard:
            while self._idle:
                self._idle.pop().close()


def _publish(
    connection: Connection,
    arguments: Arguments,
    spools: Sequence[Spool],
    rows_a_write: Mapping[str, int],
) -> Any:
    owner = {name: arguments[name] for name in ("owner", "publications")}
    held = _call(connection, "saft.lock_files", owner)
    _call(connection, "saft.clear_staging", {"ids": held})
    mine = {(s.table, s.ledger_id): s for s in spools if s.ledger_id in held}
    _stage(connection, [s for s in mine.values() if s.table not in _DOCUMENTS], rows_a_write)
    documents = [mine[table, *held] for table in _DOCUMENTS if (table, *held) in mine]
    if documents and _are_as_expected(arguments["publications"], documents):
        outcomes = _publish_new(connection, arguments, *documents, rows_a_write=rows_a_write)
        if outcomes is not None:
            return outcomes
    _stage(connection, [s for s in mine.values() if s.table == _INVOICES], rows_a_write)
    ids = dict(_rows(connection, "saft.publish_invoices", {**owner, "has_lines": False}))
    wanted = (
        text
        for ledger_id, invoice_ids in ids.items()
        for text in mine[_LINES, ledger_id].keyed(_key(invoice_ids))
    )
    copied = _copy(connection, _LINES_TABLE, wanted, rows_a_write[_LINES])
    return _call(connection, "saft.publish_links", {**arguments, "copied": copied})


def _stage(
    connection: Connection, spools: Sequence[Spool], rows_a_write: Mapping[str, int]
) -> None:
    for table, of_table in groupby(spools, key=lambda spool: spool.table):
        rows = (text for spool in of_table for text in spool.staged())
        _copy(connection, sql.Identifier("saft", f"staging_{table}"), rows, rows_a_write[table])


def _are_as_expected(publications: Sequence[Arguments], documents: Sequence[Spool]) -> bool:
    """Whether these are the rows of all files, of one; who stages others is told what is wrong."""
    expected = [(p["invoices"], p["lines"]) for p in publications]
    return expected == [tuple(spool.count for spool in documents)]


def _publish_new(
    connection: Connection,
    arguments: Arguments,
    invoices: Spool,
    lines: Spool,
    *,
    rows_a_write: Mapping[str, int],
) -> Any:
    """Publish a file of which all invoices are new; None, and nothing is published, if any isn't.

    With nothing to compare they needn't be staged.
    """
    owner = {name: arguments[name] for name in ("owner", "publications")}
    with suppress(UniqueViolation), connection.transaction() as attempt:
        first = {"first_nos": invoices.first_texts(1, _LOOKED_UP)}
        ids = _call(connection, "saft.new_invoice_ids", {**owner, **first})
        if ids is None:
            raise psycopg.Rollback(attempt)
        new, many = _key(ids), rows_a_write[_INVOICES]
        copied = {
            "copied_invoices": _copy(connection, _INVOICES_TABLE, invoices.keyed(new), many),
            "copied": _copy(connection, _LINES_TABLE, lines.keyed(new), rows_a_write[_LINES]),
        }
        _copy(connection, _LINKS_TABLE, invoices.links(ids), many)
        return _call(connection, "saft.publish_links", {**arguments, **copied})
    return None


def _key(invoice_ids: Sequence[int | None]) -> Callable[[int], bytes | None]:
    """What goes before the lines of the invoice at a place: its id, if they are wanted."""
    return lambda seq: None if (found := invoice_ids[seq]) is None else b"%d\t" % found


def _copy(
    connection: Connection, table: sql.Composable, texts: Iterable[bytes], rows_a_write: int
) -> int:
    """Copy rows in; how many."""
    query = sql.SQL("copy {} from stdin with (null {})").format(table, sql.Literal(NULL))
    cursor = connection.cursor()
    with cursor.copy(query) as copy:
        for batch in _joined(texts, rows_a_write):
            copy.write(batch)
    return cursor.rowcount


def _joined(texts: Iterable[bytes], rows_a_write: int) -> Iterator[bytes]:
    """The same, so many rows at once; an invoice's lines stay together."""
    batch: list[bytes] = []
    rows = 0
    for text in texts:
        batch.append(text)
        rows += text.count(b"\n")
        if rows >= rows_a_write:
            yield b"".join(batch)
            batch, rows = [], 0
    yield b"".join(batch)


def _call(connection: Connection, function: str, arguments: Arguments) -> Any:
    ((answer,),) = _rows(connection, function, arguments)
    return answer


def _rows(connection: Connection, function: str, arguments: Arguments) -> list[tuple[Any, ...]]:
    named = sql.SQL(", ").join(
        sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name))
        for name in arguments
    )
    schema, _, name = function.rpartition(".")
    called = sql.Identifier(schema or "public", name)
    query = sql.SQL("select * from {}({})").format(called, named)
    return connection.execute(query, {k: _encoded(v) for k, v in arguments.items()}).fetchall()


def _encoded(value: object) -> object:
    """Text, which Postgres reads as the parameter's own type, for all that isn't a number."""
    if isinstance(value, dict) or (
        isinstance(value, list) and value and isinstance(value[0], dict)
    ):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list) and all(isinstance(item, int) for item in value):
        return "{" + ",".join(map(str, value)) + "}"
    return value
