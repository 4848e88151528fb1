"""One request, from its parts to an answer: its statement, its transaction and its response.

Knows nothing of the HTTP server; `app` turns its requests into `Request` and `Answer` into bytes.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping

from saft_pipeline_tests.postgrest import statements
from saft_pipeline_tests.postgrest.database import Database, Transaction
from saft_pipeline_tests.postgrest.errors import ApiError, not_implemented
from saft_pipeline_tests.postgrest.keys import Identity
from saft_pipeline_tests.postgrest.statements import Statement

_JSON = {"Content-Type": "application/json; charset=utf-8"}
SCHEMA = "public"
"""The schema that is served."""


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


class Api:
    """All of `/rest/v1` over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def table(self, request: Request, name: str) -> Answer:
        """A read of a table or view.

        Raises:
            ApiError: the answer is an error.
        """
        if request.method != "GET":
            raise not_implemented(f"{request.method} of tables")
        self._database.cache.require_table(SCHEMA, name)
        statement = statements.read(SCHEMA, name, request.query)
        return Answer(200, dict(_JSON), self._run(request, statement, is_read_only=True))

    def call(self, request: Request, name: str) -> Answer:
        """A call of a function.

        Raises:
            ApiError: the answer is an error.
        """
        if request.method != "POST":
            raise ApiError(405, "PGRST101", f"Cannot use the {request.method} method on RPC")
        given = set(statements.arguments_of(request.body))
        routine = self._database.cache.routine(SCHEMA, name, given)
        statement = statements.call(routine, request.body)
        body = self._run(
            request, statement, is_read_only=not routine.is_volatile, settings=routine.settings
        )
        return Answer(204, {}) if routine.returns_void else Answer(200, dict(_JSON), body)

    def _run(
        self, request: Request, statement: Statement, *, is_read_only: bool,
        settings: Mapping[str, str] | None = None,
    ) -> str:  # fmt: skip
        role, claims = request.identity.role, request.identity.claims
        all_settings = {
            "search_path": f'"{SCHEMA}", "extensions"',
            "request.jwt.claims": json.dumps({**claims, "role": role}),
            "request.method": request.method,
            "request.path": request.path,
            "request.headers": json.dumps(dict(request.headers)),
            **(settings or {}),
        }
        return self._database.run(Transaction(role, all_settings, is_read_only), statement)
