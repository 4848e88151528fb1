"""`saft db`: the tables, where they are, and their SQL."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from saft_pipeline.cli.output import say
from saft_pipeline.settings import load

app = typer.Typer(help="The tables: make or upgrade them, find them.", no_args_is_help=True)


@app.command()
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


@app.command()
def url() -> None:
    """Print the address of the database in use, for psql and the like."""
    from saft_pipeline.store.opening import database_url

    sys.stdout.write(f"{database_url(load())}\n")


@app.command()
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
