"""What the tables, and the columns of tables and views, are and mean.

The package's SQL is where this is said, for Supabase's table editor and psql; here it is read from
it, so that it is said once. A test holds it against a real database.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from saft_pipeline.store.schema import migrations, repeatable

_TABLE = re.compile(r"^create table public\.(\w+) \(\n(.*?)^\);", re.MULTILINE | re.DOTALL)
_COLUMN = re.compile(r"^    (?!primary|unique|check)(\w+) (\w+)(.*)$", re.MULTILINE)
_KEY = re.compile(r"^    primary key \((.+)\)", re.MULTILINE)
_RENAME = re.compile(r"^alter table public\.(\w+) rename column (\w+) to (\w+);", re.MULTILINE)
_ADDED = re.compile(r"^alter table public\.(\w+) add column (\w+) (\w+)(.*);", re.MULTILINE)
_INDEX = re.compile(
    r"^(?:drop index public\.(\w+)|create (?:unique )?index (\w+)\s+on public\.[^;]+);",
    re.MULTILINE,
)
_COMMENT = re.compile(r"^comment on \w+ public\.([\w.]+) is\s+'((?:[^']|'')*)';", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; `kind` is Postgres's type as the migration writes it."""

    name: str
    kind: str
    meaning: str
    nullable: bool


@dataclass(frozen=True, slots=True)
class CatalogTable:
    """A table of the contract; `key` are the columns of its primary key."""

    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Catalog:
    """All tables by name, all comments by `TABLE` or `TABLE.COLUMN`, and the newest migration.

    `indexes`: the statement that makes each, by name, beside those of keys and constraints.
    """

    tables: Mapping[str, CatalogTable]
    comments: Mapping[str, str]
    indexes: Mapping[str, str]
    version: str


@cache
def catalog() -> Catalog:
    """Read the package's SQL, once a process: definitions are made twice in each run."""
    found = migrations()
    sql = _renamed("\n".join([*(migration.text for migration in found), repeatable()]))
    comments = {name: text.replace("''", "'") for name, text in _COMMENT.findall(sql)}
    tables = {name: _table(name, body, comments) for name, body in _TABLE.findall(_whole(sql))}
    return Catalog(tables, comments, _indexes(sql), found[-1].version)


def _indexes(sql: str) -> dict[str, str]:
    """Those that are left once all is done."""
    left: dict[str, str] = {}
    for match in _INDEX.finditer(sql):
        dropped, made = match.groups()
        if dropped:
            del left[dropped]
        else:
            left[made] = match[0]
    return left


def _renamed(sql: str) -> str:
    """With columns of the ledger by their names of today, wherever they are made or spoken of."""
    for _, old, new in _RENAME.findall(sql):
        sql = re.sub(rf"\b{old}\b", new, sql)
    return sql


def _whole(sql: str) -> str:
    """With columns that came later at the end of their tables, where Postgres has them."""
    for table, *column in _ADDED.findall(sql):
        line = "    {} {}{}\n".format(*column)
        sql = re.sub(
            rf"(^create table public\.{table} \(\n.*?)^\);",
            rf"\g<1>{line});",
            sql,
            count=1,
            flags=re.MULTILINE | re.DOTALL,
        )
    return sql


def _table(name: str, body: str, comments: Mapping[str, str]) -> CatalogTable:
    columns = tuple(_columns(name, body, comments))
    together = _KEY.search(body)
    alone = [line[1] for line in _COLUMN.finditer(body) if "primary key" in line[3]]
    return CatalogTable(
        comments[name], columns, tuple(together[1].split(", ") if together else alone)
    )


def _columns(table: str, body: str, comments: Mapping[str, str]) -> Iterator[Column]:
    for name, kind, rest in _COLUMN.findall(body):
        nullable = "not null" not in rest and "primary key" not in rest
        yield Column(name, kind, comments[f"{table}.{name}"], nullable)
