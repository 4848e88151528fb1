"""How commands speak: words on stderr, one JSON document on stdout, exit status by meaning."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress

OK, FOUND, COULD_NOT = 0, 1, 2

words = Console(stderr=True, highlight=False)
answer = Console(highlight=False)


class CannotRunError(Exception):
    """A command could not do its work; the message says why and what to do."""


def say(text: str) -> None:
    """Say something on stderr as it is: paths may hold brackets, and nothing is folded."""
    words.print(text, markup=False, soft_wrap=True)


def quiet() -> None:
    """Leave it to the command to say how it went, unless LOG_LEVEL asks for more.

    Settings are loaded from the environment wherever they are needed in this process.
    """
    if not os.environ.get("LOG_LEVEL"):
        os.environ["LOG_LEVEL"] = "critical"


def progress() -> Progress:
    """A bar on stderr that is gone at its end; nothing where that is no terminal."""
    from rich.progress import Progress

    return Progress(console=words, transient=True, disable=not words.is_terminal)


def print_json(document: Any) -> None:
    """Print the one JSON document of a `--json` call; times as ISO text."""
    json.dump(document, sys.stdout, ensure_ascii=False, indent=2, default=_text)
    sys.stdout.write("\n")


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def finish(document: Mapping[str, Any], sentence: str, *, as_json: bool, failed: bool) -> NoReturn:
    """Say how it went, and leave with status 1 if something failed."""
    if as_json:
        print_json(document)
    else:
        say(sentence)
    raise typer.Exit(FOUND if failed else OK)
