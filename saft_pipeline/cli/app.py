"""All commands put together, in the order in which `saft --help` lists them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import typer

from saft_pipeline.cli.running import new_app, run

_MODULES = {
    "demo": "demo",
    "init": "init",
    "up": "up",
    "serve": "serve",
    "poll": "poll",
    **dict.fromkeys(("ingest", "parse", "retry"), "files"),
    "status": "status",
    "validate": "validate",
    "show": "show",
    **dict.fromkeys(("active", "cancel"), "runs"),
    "report": "report",
    "export": "export",
    "prune": "prune",
    "check": "check",
    "bench": "bench",
    "db": "db",
}
"""The module of each command, which has a function, or an app of commands, of its name."""


def main() -> None:
    """Run `saft`."""
    arguments = _spelled_out(sys.argv[1:])
    run(_app(arguments), arguments)


def _app(arguments: Sequence[str]) -> typer.Typer:
    """Of all commands, or of the one that is typed: to import the others takes longer than most."""
    app = new_app()
    typed = [name for name in arguments[:1] if name in _MODULES]
    for name in typed or _MODULES:
        command = getattr(import_module(f"{__package__}.{_MODULES[name]}"), name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _spelled_out(arguments: list[str]) -> list[str]:
    """`--rules` without a value, at the end or before another option, asks for the list."""
    if arguments[:1] != ["validate"] or "--rules" not in arguments:
        return arguments
    place = arguments.index("--rules") + 1
    is_open = place == len(arguments) or arguments[place].startswith("--")
    return [*arguments[:place], "list", *arguments[place:]] if is_open else arguments
