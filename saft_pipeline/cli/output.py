"""How commands speak: words on stderr, one JSON document on stdout, exit status by meaning."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from saft_pipeline.visible import STEERING, one_line, visible

if TYPE_CHECKING:
    from rich.progress import Progress

    from saft_pipeline.settings import Settings
    from saft_pipeline.store.model import LedgerFile

ALL_WELL, FOUND, COULD_NOT = 0, 1, 2

_SHOWN = re.compile(
    r"\\(?:\\|[ntr]|x0[1-9a-f]|x1[0-9a-f]|x7f|u(?!d[89a-f])[0-9a-f]{4})|[\udc80-\udcff]"
)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]
OfSource = Annotated[str | None, typer.Option("--source", help="Only files of this source.")]


def ledger_path(text: str) -> str:
    """What the ledger calls a file that is typed, or copied from where it is shown."""
    return _SHOWN.sub(_as_stored, text)


def _as_stored(found: re.Match[str]) -> str:
    if found[0] == r"\\":
        return found[0]
    if found[0].startswith("\\"):  # as `one_line` shows it
        return found[0].encode().decode("unicode_escape")
    return f"\\x{ord(found[0]) - 0xDC00:02x}"  # a byte that isn't UTF-8


OneOfLedger = typer.Argument(
    parser=ledger_path, metavar="PATH", help="A file, as the ledger names it: see saft status."
)

words = Console(stderr=True, highlight=False)
stdout = Console(highlight=False)


class CannotRunError(Exception):
    """A command could not do its work; the message says why and what to do."""


def say(text: str) -> None:
    """Say something on stderr as it is: paths may hold brackets, and nothing is folded."""
    words.print(visible(text), markup=False, soft_wrap=True)


def print_line(text: str) -> None:
    """Print a line of the answer on stdout, as it is."""
    stdout.print(one_line(text), markup=False, soft_wrap=True)


def quiet(settings: Settings) -> Settings:
    """The settings with logs that leave it to the command to say how it went, unless LOG_LEVEL asks
    for more.
    """  # fmt: skip
    if "log_level" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"log_level": "critical"})


def file_line(file: LedgerFile) -> str:
    """What became of a file: `loaded Porto/FT_1.xml: 24 invoices, 31 lines`."""
    from saft_pipeline.store.model import holding, with_path

    shown = one_line(file.path)
    if file.status != "loaded":
        said = with_path(file.path, file.error or "").replace(file.path, shown)
        return f"{file.status}: {said}".rstrip(": ")
    return f"loaded {shown}: {holding(file.total_invoices or 0, file.total_lines or 0)}"


def file_row(file: LedgerFile) -> dict[str, Any]:
    """What `--json` says of a file."""
    names = (
        "id source path version filename branch size modified_at status attempts next_attempt_at "
        "error warnings run_id company_id total_invoices total_lines first_seen_at loaded_at"
    )
    return {name: getattr(file, name) for name in names.split()}


def nothing_of(settings: Settings, source: str | None) -> str:
    """What is said where the ledger has no file of a source."""
    if source is None:
        return "the ledger is empty"
    names = ", ".join(each.source for each in settings.sources if each.sftp_host)
    return f"no file of {source} in the ledger; sources: {names or 'none in the settings'}"


def progress() -> Progress:
    """A bar on stderr that is gone at its end; nothing where that is no terminal."""
    from rich.progress import Progress

    return Progress(console=words, transient=True, disable=not words.is_terminal)


def print_json(document: Any) -> None:
    """Print the one JSON document of a `--json` call; times as ISO text."""
    text = json.dumps(document, ensure_ascii=False, indent=2, default=_text)
    sys.stdout.write(f"{STEERING.sub(_escaped, text)}\n")


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def print_json_rows(head: Mapping[str, Any], name: str, rows: Iterable[Any]) -> None:
    """The same of `head` and, as its last member `name`, of rows as they come."""
    start = STEERING.sub(_escaped, json.dumps(head, ensure_ascii=False, indent=2, default=_text))
    sys.stdout.write(f'{start.removesuffix("}").rstrip()},\n  "{name}": [')
    comma = ""
    for row in rows:
        text = json.dumps(row, ensure_ascii=False, default=_text)
        sys.stdout.write(f"{comma}\n    {STEERING.sub(_escaped, text)}")
        comma = ","
    sys.stdout.write("\n  ]\n}\n")


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def finish(document: Mapping[str, Any], sentence: str, *, as_json: bool, failed: bool) -> NoReturn:
    """Say how it went, and leave with status 1 if something failed."""
    if as_json:
        print_json(document)
    else:
        say(sentence)
    raise typer.Exit(FOUND if failed else ALL_WELL)
