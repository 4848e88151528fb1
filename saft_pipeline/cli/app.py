"""The commands put together, and the one place where an error becomes a sentence and a status."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperOption

from saft_pipeline import __version__
from saft_pipeline.cli import (
    bench,
    check,
    db,
    demo,
    export,
    files,
    init,
    poll,
    prune,
    report,
    runs,
    serve,
    show,
    status,
    up,
    validate,
)
from saft_pipeline.cli.output import COULD_NOT, CannotRunError, say
from saft_pipeline.saft.errors import SaftError
from saft_pipeline.settings import SettingsError

app = typer.Typer(
    name="saft",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain: all commands on one screen, and brackets as they are
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    demo, init, up, serve, poll, files, status, validate, show, runs, report, export, prune, check,
    bench,
):  # fmt: skip
    module.register(app)
app.add_typer(db.app, name="db")


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"saft_pipeline {__version__}\n")
        raise typer.Exit


@app.callback()
def saft(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """SAF-T (PT) invoices from an SFTP folder into Supabase."""


def main() -> None:
    """Run `saft`; what could not be done is told in a sentence, with status 2."""
    try:
        _command()(validate.spelled_out(sys.argv[1:]), prog_name="saft")
    except (CannotRunError, SettingsError, SaftError) as error:
        _give_up(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if not _is_ours(error):
            raise
        _give_up(str(error))


def _command() -> Callable[..., Any]:
    """All of it, with typer's two options for completion left out of the help: it fits a screen."""
    command = typer.main.get_command(app)
    for option in command.params:
        if isinstance(option, TyperOption) and "completion" in (option.name or ""):
            option.hidden = True
    return command


def _is_ours(error: Exception) -> bool:
    """SftpError and StoreError, without importing their drivers for commands that use neither."""
    return type(error).__module__.startswith("saft_pipeline.")


def _give_up(reason: str) -> None:
    say(reason)
    sys.exit(COULD_NOT)
