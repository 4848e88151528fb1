"""One request, from its parts to an answer: its plan, its transaction and its response.

Knows nothing of the HTTP server; `app` turns its requests into `Request` and `Answer` into bytes.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping

from saft_pipeline_tests.postgrest import statements
from saft_pipeline_tests.postgrest.database import Database, Result, Transaction
from saft_pipeline_tests.postgrest.errors import (
    ApiError,
    not_implemented,
    not_singular,
    schema_not_exposed,
    unacceptable,
    unsatisfiable_range,
    unsupported_method,
)
from saft_pipeline_tests.postgrest.fragments import Statement
from saft_pipeline_tests.postgrest.keys import Identity
from saft_pipeline_tests.postgrest.payload import Payload
from saft_pipeline_tests.postgrest.preferences import Preferences
from saft_pipeline_tests.postgrest.query import Query
from saft_pipeline_tests.postgrest.schema_cache import Routine
from saft_pipeline_tests.postgrest.statements import Shape

_SINGULAR = "application/vnd.pgrst.object+json"
_STRIPPED = "application/vnd.pgrst.array+json"
_JSON = ("application/json", "*/*", "application/*", "")
_READS = ("GET", "HEAD")


@dataclasses.dataclass(frozen=True)
class Request:
    """The parts of a request; the names of headers are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    identity: Identity


@dataclasses.dataclass(frozen=True)
class Answer:
    """What is sent back."""

    status: int
    headers: dict[str, str]
    body: str = ""


@dataclasses.dataclass(frozen=True)
class _Accept:
    """What the Accept header asks for: rows or one object, nulls with or without."""

    media_type: str
    is_singular: bool
    strips_nulls: bool

    @classmethod
    def parse(cls, header: str) -> _Accept:
        first, *options = [part.strip() for part in header.split(",")[0].split(";")]
        strips_nulls = "nulls=stripped" in options
        if first not in (_SINGULAR, _STRIPPED, *_JSON):
            raise unacceptable(header)
        special = first in (_SINGULAR, _STRIPPED)
        shown = first + (";nulls=stripped" if strips_nulls else "") if special else _JSON[0]
        return cls(f"{shown}; charset=utf-8", first == _SINGULAR, strips_nulls)


class Api:
    """All of `/rest/v1` over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def table(self, request: Request, name: str) -> Answer:
        """A request to a table or view.

        Raises:
            ApiError: the answer is an error.
        """
        match request.method:
            case "GET" | "HEAD":
                return self._read(request, name)
            case "POST" | "PATCH" | "DELETE":
                return self._change(request, name)
            case "PUT":
                raise not_implemented("PUT")
            case method:
                raise unsupported_method(method)

    def _read(self, request: Request, name: str) -> Answer:
        table = self._database.cache.table(self._schema(request), name)
        query, preferences, accept = _parsed(request)
        shape = _rows_shape(accept, has_body=request.method == "GET")
        counts = preferences["count"] is not None
        statement = statements.read(table, query, shape, counts=counts)
        result = self._run(request, statement, preferences, accept, is_read_only=True)
        return _rows_answer(result, query, preferences, accept)

    def _change(self, request: Request, name: str) -> Answer:
        table = self._database.cache.table(self._schema(request), name)
        query, preferences, accept = _parsed(request)
        returns = preferences["return"] == "representation"
        shape = _rows_shape(accept, has_body=returns)
        if request.method == "DELETE":
            _guard(query, "DELETE")
            statement = statements.delete(table, query, shape)
        elif request.method == "PATCH":
            _guard(query, "UPDATE")
            statement = statements.update(table, query, _payload(request, query), shape)
        else:
            statement = statements.insert(
                table, query, _payload(request, query), shape, preferences["resolution"],
                uses_defaults=preferences["missing"] == "default",
            )  # fmt: skip
        result = self._run(request, statement, preferences, accept)
        headers = {
            "Content-Range": _changed_range(request.method, result, preferences),
            **preferences.applied("resolution", "missing", "return"),
        }
        if returns:
            headers["Content-Type"] = accept.media_type
        status = _changed_status(request.method, result, preferences, returns=returns)
        return Answer(status, headers, result.body)

    def call(self, request: Request, name: str) -> Answer:
        """A request to a function.

        Raises:
            ApiError: the answer is an error.
        """
        if request.method not in (*_READS, "POST"):
            message = f"Cannot use the {request.method} method on RPC"
            raise ApiError(405, "PGRST101", message)
        reads = request.method in _READS
        schema = self._schema(request)
        query, preferences, accept = _parsed(request, has_arguments=reads)
        given = query.arguments if reads else _payload(request, query)
        routine = self._database.cache.routine(
            schema, name, set(given if isinstance(given, dict) else given.names),
            document=not reads,
        )  # fmt: skip
        shape = _call_shape(routine, accept, has_body=request.method != "HEAD")
        counts = preferences["count"] is not None
        statement = statements.call(routine, query, given, shape, counts=counts)
        result = self._run(
            request, statement, preferences, accept, settings=routine.settings,
            is_read_only=reads or not routine.is_volatile,
        )  # fmt: skip
        answer = _rows_answer(result, query, preferences, accept)
        if routine.returns_void:
            del answer.headers["Content-Type"]
            return Answer(204, answer.headers)
        return answer

    def _schema(self, request: Request) -> str:
        """The schema of the profile header, the first exposed one without it."""
        name = "accept-profile" if request.method in _READS else "content-profile"
        schema = request.headers.get(name, self._database.schemas[0])
        if schema not in self._database.schemas:
            raise schema_not_exposed(schema, self._database.schemas)
        return schema

    def _run(
        self, request: Request, statement: Statement, preferences: Preferences, accept: _Accept, *,
        settings: Mapping[str, str] | None = None, is_read_only: bool = False,
    ) -> Result:  # fmt: skip
        role, claims = request.identity.role, request.identity.claims
        all_settings = {
            "search_path": f'"{self._schema(request)}", "public", "extensions"',
            "request.jwt.claims": json.dumps({**claims, "role": role}),
            "request.method": request.method,
            "request.path": request.path,
            "request.headers": json.dumps(dict(request.headers)),
            **(settings or {}),
        }
        transaction = Transaction(role, all_settings, is_read_only)

        def check(result: Result) -> None:
            if accept.is_singular and result.rows != 1:
                raise not_singular(result.rows)
            limit = preferences.max_affected
            if request.method not in _READS and limit is not None and result.rows > limit:
                message = "Query result exceeds max-affected preference constraint"
                raise ApiError(400, "PGRST124", message, f"The query affects {result.rows} rows")

        return self._database.run(transaction, statement, check)


def _parsed(request: Request, *, has_arguments: bool = False) -> tuple[Query, Preferences, _Accept]:
    range_header = request.headers.get("range") if request.method in _READS else None
    query = Query.parse(request.query, has_arguments=has_arguments, range_header=range_header)
    preferences = Preferences.parse(request.headers.get("prefer", ""))
    return query, preferences, _Accept.parse(request.headers.get("accept", ""))


def _payload(request: Request, query: Query) -> Payload:
    body = request.body or (b"{}" if "/rpc/" in request.path else b"")
    return Payload.parse(body, request.headers.get("content-type", ""), query.columns)


def _guard(query: Query, command: str) -> None:
    """What safeupdate does, which Supabase loads for the API."""
    if not query.where:
        raise ApiError(400, "21000", f"{command} requires a WHERE clause")


def _rows_shape(accept: _Accept, *, has_body: bool) -> Shape:
    return Shape(has_body, is_single=accept.is_singular, strips_nulls=accept.strips_nulls)


def _call_shape(routine: Routine, accept: _Accept, *, has_body: bool) -> Shape:
    return Shape(
        has_body and not routine.returns_void,
        is_scalar=not routine.returns_row,
        is_single=accept.is_singular or not routine.returns_set,
        strips_nulls=accept.strips_nulls,
    )


def _rows_answer(result: Result, query: Query, preferences: Preferences, accept: _Accept) -> Answer:
    first, last = query.range.offset, query.range.offset + result.rows - 1
    if result.total is not None and first > result.total:
        raise unsatisfiable_range(
            f"An offset of {first} was requested, but there are only {result.total} rows."
        )
    is_part = result.total is not None and result.rows < result.total
    headers = {
        "Content-Type": accept.media_type,
        "Content-Range": _content_range(first, last, result.total),
        **preferences.applied(),
    }
    return Answer(206 if is_part else 200, headers, result.body)


def _changed_status(method: str, result: Result, preferences: Preferences, *, returns: bool) -> int:
    if method != "POST":
        return 200 if returns else 204
    merged = preferences["resolution"] == "merge-duplicates" and (result.inserted or 0) <= 0
    return 200 if merged and result.inserted is not None else 201


def _changed_range(method: str, result: Result, preferences: Preferences) -> str:
    total = None if preferences["count"] is None else result.rows
    last = result.rows - 1 if method == "PATCH" else -1
    return _content_range(0, last, total)


def _content_range(first: int, last: int, total: int | None) -> str:
    rows = f"{first}-{last}" if first <= last and total != 0 else "*"
    return f"{rows}/{'*' if total is None else total}"
