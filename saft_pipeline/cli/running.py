"""A program of commands, and the one place where an error becomes a sentence and a status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from signal import SIGINT, SIGTERM, signal
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperOption

from saft_pipeline import __version__
from saft_pipeline.cli.output import COULD_NOT, FOUND, say


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
        try:
            _command(app)(arguments, prog_name="saft")
        finally:
            if sys.stdout:
                sys.stdout.flush()  # here, where it can be told that it can't be written
    except (Exception, KeyboardInterrupt) as error:
        ended_by(error)


def ended_by(error: BaseException) -> NoReturn:
    """Tell what a command ended by, and exit; raise it again if it is no sentence for people."""
    if isinstance(error, KeyboardInterrupt):
        sys.exit(130)
    _settle_stdout()
    if isinstance(error, BrokenPipeError):
        sys.exit(FOUND)
    if (sentence := _sentence(error)) is None:
        raise error
    say(sentence)
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


def _sentence(error: BaseException) -> str | None:
    """What to tell people of an error; None if nothing but its traceback tells.

    CannotRunError, SettingsError, SftpError and the like are known without importing what raises
    them.
    """
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        return f"{os.fsdecode(error.filename)}: {reason}" if error.filename else reason
    if isinstance(error, UnicodeEncodeError):
        part = error.object[error.start : error.end]
        cure = "" if error.encoding == "utf-8" else ": set PYTHONIOENCODING=utf-8"
        return f"{part!r} can't be written in {error.encoding}{cure}"
    return str(error) if type(error).__module__.startswith("saft_pipeline.") else None


def _settle_stdout() -> None:
    """What stdout still holds, and can't write, is not tried again at the end."""
    with suppress(AttributeError, OSError):  # there is none, or none with a file
        descriptor = sys.stdout.fileno()
        try:
            sys.stdout.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
