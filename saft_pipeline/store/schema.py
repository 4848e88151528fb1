"""The SQL of the tables, as files of this package, and what an upgrade runs of it, in order.

`migrations/YYYYMMDDHHMMSS_name.sql`: what is done once: tables, columns, indexes. Each ends with
`insert into saft.migrations (version, name) values (…)`. One that landed is never changed: a test
holds the checksums, and `saft.migrations` those of what was applied.

`repeatable/NN_name.sql`: all functions, views and staging tables, as they are today. An upgrade
drops them and makes them anew in one transaction, in the order of the files' names; grants on them
are kept, and what somebody else's view or policy is built on is replaced where it stands.

To add a function or view, write `create or replace …` into the file of its subject, or a new file
before `90_rights.sql`, which takes all rights on what is new from Supabase's public roles; to
change it, change it there. Nothing is to be registered. Functions that clients call are named
`public.saft_…`, all others are in the schema `saft`; all have `set search_path = ''`. Views are
`with (security_invoker = true)`; one in `public` needs a comment on itself and on each column.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

TABLES = (
    "companies",
    "customers",
    "invoices",
    "invoice_lines",
    "invoice_files",
    "invoice_file_links",
)
_SEQUENCES = ("invoices_id_seq", "invoice_files_id_seq")
_VIEW = re.compile(r"^create or replace view public\.(\w+)", re.MULTILINE)
_MADE_ANEW = re.compile(
    r"^create (?:or replace |unlogged )*(?:table|view|function|trigger) ([\w.]+)", re.MULTILINE
)
BEGIN = """\
select pg_advisory_xact_lock(hashtextextended('saft migrations', 0));
set local quote_all_identifiers = off;
set local plpgsql.extra_errors = 'none';
do $$ begin
    if current_setting('server_encoding') <> 'UTF8' and to_regclass('saft.migrations') is null then
        raise exception 'this database keeps text as %, which cannot hold all that files say; '
            'make another: create database NAME template template0 encoding ''UTF8''',
            current_setting('server_encoding') using errcode = 'character_not_in_repertoire';
    end if;
end $$"""
"""One at a time for the whole database, with the defaults that the statements are written for, and
first tables in UTF-8 only: what a transaction that changes the schema begins with."""


@dataclass(frozen=True)
class Migration:
    """A file named as Supabase names them: `YYYYMMDDHHMMSS_name.sql`."""

    version: str
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, in hex."""
        return _checksum(self.text)


@cache
def migrations() -> tuple[Migration, ...]:
    """All migrations of this program, oldest first."""
    return tuple(Migration(*name.partition("_")[::2], text) for name, text in _files("migrations"))


@cache
def repeatable() -> str:
    """All that every upgrade makes anew, as one script."""
    return "\n".join(f"-- {name}.sql\n{text}" for name, text in _files("repeatable"))


def views() -> tuple[str, ...]:
    """The views in `public`, later ones first, as they build upon others."""
    return tuple(reversed(_VIEW.findall(repeatable())))


def names_made_anew() -> set[str]:
    """Tables, views and functions as `saft.ledger`, triggers as `count_new`."""
    return set(_MADE_ANEW.findall(repeatable()))


def repeatable_checksum() -> str:
    """Tells whether the functions and views of a database are this program's."""
    return _checksum(clear() + repeatable())[:12]


@cache
def clear() -> str:
    """Run before the migrations, and after them: drops what `made_anew` makes."""
    text = (resources.files(__package__) / "repeatable_clear.sql").read_text(encoding="utf-8")
    names = ",".join((*TABLES, *views(), *_SEQUENCES))
    return text.replace(
        "{public_relations}", _constant("public_relations", "text[]", f"{{{names}}}")
    )


def made_anew() -> str:
    """Run last: functions, views and staging, and the checksums of all that was applied."""
    known = ", ".join(f"('{m.version}', '{m.checksum}')" for m in migrations())
    names = f"{{{','.join(sorted(names_made_anew()))}}}"
    return (
        "set local check_function_bodies = on;\n"
        f"{_constant('repeatable_checksum', 'text', repeatable_checksum())};\n"
        f"{_constant('names_made_anew', 'text[]', names)};\n\n{repeatable()}\n"
        "update saft.migrations m set checksum = known.checksum\n"
        f"from (values {known}) known(version, checksum)\n"
        "where m.version = known.version and m.checksum is distinct from known.checksum;\n"
    )


def sql() -> str:
    """All of it as one script in one transaction, for who has only an SQL editor.

    Migrations that were applied before are passed over, so that it upgrades older tables, too.
    """
    parts = (_guarded(m) for m in migrations())
    return (
        f"begin;\n{BEGIN};\n\n{clear()}\n"
        + "\n".join(parts)
        + f"\n{clear()}\n{made_anew()}commit;\n"
    )


def readers_sql() -> str:
    """What lets signed-in users of Supabase read the rows of their companies, as a script."""
    text = (resources.files(__package__) / "readers.sql").read_text(encoding="utf-8")
    function = dict(_files("repeatable"))["80_readers"]
    return text.replace("{function}", function.strip())


def _guarded(migration: Migration) -> str:
    known = f"exists (select from saft.migrations where version = '{migration.version}')"
    return (
        f"-- {migration.version}_{migration.name}.sql\ndo $migration$\nbegin\n"
        # Not one condition with `and`: its second half can't be planned while there is no table.
        "    if to_regclass('saft.migrations') is not null then\n"
        f"        if {known} then return; end if;\n    end if;\n"
        f"    execute $sql$\n{migration.text.strip()}\n$sql$;\nend $migration$;\n"
    )


def _constant(name: str, kind: str, value: str) -> str:
    return (
        f"create or replace function saft.{name}() returns {kind}\n"
        f"language sql immutable set search_path = '' as $$ select '{value}'::{kind} $$"
    )


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _files(folder: str) -> list[tuple[str, str]]:
    files = (resources.files(__package__) / folder).iterdir()
    texts = {f.name[:-4]: f.read_text(encoding="utf-8") for f in files if f.name.endswith(".sql")}
    return sorted(texts.items())
