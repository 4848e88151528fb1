"""A JSON body: which columns it holds, and the rows that Postgres makes of it.

The body stays as it was sent, and is one parameter of the statement.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Self

from psycopg import sql
from psycopg.sql import SQL, Composable, Identifier

from saft_pipeline_tests.postgrest.errors import invalid_body
from saft_pipeline_tests.postgrest.fragments import Statement, comma, names, raw
from saft_pipeline_tests.postgrest.schema_cache import Table

BODY = Identifier("pgrst_body")


@dataclasses.dataclass(frozen=True)
class Payload:
    """The body, and the names of the columns or parameters to take from it, sorted."""

    text: str
    names: list[str]

    @classmethod
    def parse(cls, content: bytes, content_type: str, columns: list[str] | None) -> Self:
        """Look at the body only as far as `columns`, from the query string, don't say it all.

        Raises:
            ApiError: PGRST102.
        """
        media_type = content_type.partition(";")[0].strip() or "application/json"
        if media_type != "application/json":
            raise invalid_body(f"Content-Type not acceptable: {media_type}")
        try:
            text = content.decode()
            if columns is not None:
                return cls(text, sorted(set(columns)))
            document = json.loads(text)
        except ValueError:
            raise invalid_body("Empty or invalid json") from None
        if not isinstance(document, dict | list):
            return cls("[]", [])
        return cls(text, sorted(_keys(document)))

    @property
    def is_object(self) -> bool:
        """Whether it is one row, not a list of them; Postgres judges the rest."""
        return self.text.lstrip(" \t\n\r").startswith("{")

    def rows(
        self, statement: Statement, types: Mapping[str, str], defaults: Composable | None = None
    ) -> Composable:
        """The rows `pgrst_body`, typed; `defaults` are for what a row leaves out."""
        document = self._document(statement, defaults)
        kind = "json" if defaults is None else "jsonb"
        if types:
            function = raw(f"{kind}_to_record{'' if self.is_object else 'set'}")
            typed = comma(SQL("{} {}").format(Identifier(k), raw(t)) for k, t in types.items())
            rows = SQL("select {} from {}({}) as _({})")
            rows_ = rows.format(names(types), function, document, typed)
        elif self.is_object:
            rows_ = SQL("select from (values ({})) _").format(document)
        else:
            rows_ = SQL("select from {}_array_elements({}) _").format(raw(kind), document)
        return SQL("({}) {}").format(rows_, BODY)

    def _document(self, statement: Statement, defaults: Composable | None) -> Composable:
        bound = statement.bind(self.text)
        if defaults is None:
            return SQL("{}::json").format(bound)
        if self.is_object:
            return SQL("{} || {}::jsonb").format(defaults, bound)
        text = "(select jsonb_agg({} || elem) from jsonb_array_elements({}::jsonb) elem)"
        return SQL(text).format(defaults, bound)


def _keys(document: dict[str, Any] | list[Any]) -> set[str]:
    if isinstance(document, dict):
        return set(document)
    rows = [set(row) if isinstance(row, dict) else None for row in document]
    if any(row is None or row != rows[0] for row in rows):
        raise invalid_body("All object keys must match")
    return rows[0] or set() if rows else set()


def defaults_of(table: Table, columns: list[str]) -> Composable:
    """`missing=default`: an object with the default of each column that has one."""
    pairs = (
        SQL("{}, {}").format(sql.Literal(name), raw(default))
        for name in columns
        if (default := table.columns[name]["default"])
    )
    return SQL("jsonb_build_object({})").format(comma(pairs))
