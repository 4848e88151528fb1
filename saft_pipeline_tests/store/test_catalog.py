"""What is read of the migrations is what they make of a database."""

from __future__ import annotations

import pytest

from saft_pipeline.store.catalog import Catalog, catalog
from saft_pipeline.store.schema import TABLES, migrations, views
from saft_pipeline_tests.store.looking import rows

# In Postgres's words those of the migrations are long.
_KINDS = {"timestamp without time zone": "timestamp", "timestamp with time zone": "timestamptz"}
_COLUMNS = """
select a.attname, format_type(a.atttypid, null), col_description(a.attrelid, a.attnum),
    not a.attnotnull
from pg_attribute a
where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped
order by a.attnum
"""
_KEY = """
select a.attname
from pg_index i
cross join unnest(i.indkey::int[]) with ordinality k(attnum, place)
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
where i.indrelid = %s::regclass and i.indisprimary
order by k.place
"""
_COMMENTS = """
select c.relname || coalesce('.' || a.attname, ''), d.description
from pg_description d
join pg_class c on c.oid = d.objoid and c.relnamespace = 'public'::regnamespace
left join pg_attribute a on a.attrelid = c.oid and a.attnum = d.objsubid and d.objsubid > 0
where d.classoid = 'pg_class'::regclass
"""


@pytest.fixture(scope="module")
def found() -> Catalog:
    return catalog()


def test_all_tables_are_found(found: Catalog) -> None:
    assert set(found.tables) == set(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_columns_are_those_of_the_database(found: Catalog, migrated: str, table: str) -> None:
    in_database = [
        (name, _KINDS.get(kind, kind), meaning, nullable)
        for name, kind, meaning, nullable in rows(migrated, _COLUMNS, f"public.{table}")
    ]
    columns = [(c.name, c.kind, c.meaning, c.nullable) for c in found.tables[table].columns]
    assert columns == in_database


@pytest.mark.parametrize("table", TABLES)
def test_primary_keys_are_those_of_the_database(found: Catalog, migrated: str, table: str) -> None:
    key = [name for (name,) in rows(migrated, _KEY, f"public.{table}")]
    assert list(found.tables[table].key) == key


def test_comments_are_those_of_the_database(found: Catalog, migrated: str) -> None:
    assert found.comments == dict(rows(migrated, _COMMENTS))
    assert set(views()) <= set(found.comments)


def test_the_version_is_the_newest_migrations(found: Catalog) -> None:
    assert found.version == max(m.version for m in migrations())
