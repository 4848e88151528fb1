"""A program of commands, and the one place where an error becomes a sentence and a status."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from signal import SIGINT, SIGTERM, signal
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperOption

from saft_pipeline import __version__
from saft_pipeline.cli.output import COULD_NOT, say


def new_app() -> typer.Typer:
    """One without commands yet."""
    app = typer.Typer(
        name="saft",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # plain: all commands on one screen, and brackets as they are
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(saft)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"saft_pipeline {__version__}\n")
        raise typer.Exit


def saft(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """SAF-T (PT) invoices from an SFTP folder into Supabase."""


def run(app: typer.Typer, arguments: list[str]) -> None:
    """Run it; what could not be done is told in a sentence, with status 2."""
    try:
        _command(app)(arguments, prog_name="saft")
    except (Exception, KeyboardInterrupt) as error:
        ended_by(error)


def ended_by(error: BaseException) -> NoReturn:
    """Tell what a command ended by, and exit; raise it again if it is no sentence for people."""
    if isinstance(error, KeyboardInterrupt):
        sys.exit(130)
    if not _is_ours(error):
        raise error
    say(str(error))
    sys.exit(COULD_NOT)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A signal that comes meanwhile is a KeyboardInterrupt behind the block.

    Libraries that it meets while they are imported make errors of their own of it.
    """
    came: list[int] = []

    def note(number: int, _frame: object) -> None:
        came.append(number)

    before = {each: signal(each, note) for each in (SIGINT, SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal(each, handler)
    if came:
        raise KeyboardInterrupt


def _command(app: typer.Typer) -> Callable[..., Any]:
    """All of it, with typer's two options for completion left out of the help: it fits a screen."""
    command = typer.main.get_command(app)
    for option in command.params:
        if isinstance(option, TyperOption) and "completion" in (option.name or ""):
            option.hidden = True
    return command


def _is_ours(error: BaseException) -> bool:
    """CannotRunError, SettingsError, SftpError and the like, without importing what raises them."""
    return type(error).__module__.startswith("saft_pipeline.")
