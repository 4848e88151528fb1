"""How commands speak: words on stderr, one JSON document on stdout, exit status by meaning."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

import typer
from rich.console import Console

OK, FOUND, COULD_NOT = 0, 1, 2

words = Console(stderr=True, highlight=False)
answer = Console(highlight=False)


class CannotRunError(Exception):
    """A command could not do its work; the message says why and what to do."""


def print_json(document: Any) -> None:
    """Print the one JSON document of a `--json` call."""
    json.dump(document, sys.stdout, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write("\n")


def finish(document: Mapping[str, Any], sentence: str, *, as_json: bool, failed: bool) -> NoReturn:
    """Say how it went, and leave with status 1 if something failed."""
    if as_json:
        print_json(document)
    else:
        words.print(sentence, markup=False)
    raise typer.Exit(FOUND if failed else OK)
