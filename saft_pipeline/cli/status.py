"""`saft status`: the ledger in words, once or, cut to the screen as `top` is, again and again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.cells import cell_len

from saft_pipeline.cli.output import (
    AsJson,
    CannotRunError,
    OfSource,
    OneOfLedger,
    file_row,
    nothing_of,
    print_json,
    print_json_rows,
    print_line,
    say,
    stdout,
)
from saft_pipeline.durations import format_duration
from saft_pipeline.settings import Settings, load
from saft_pipeline.visible import one_line

if TYPE_CHECKING:
    from saft_pipeline.store.model import LedgerFile
    from saft_pipeline.store.store import Store

# In the order in which they want looking at.
StateOption = StrEnum("StateOption", "failed unreadable gone incomplete running pending loaded")
_SHOWN = 50
_LOOK_EVERY = 2.0


@dataclass(frozen=True)
class _Asked:
    """Which files somebody asked for."""

    path: str | None
    state: StateOption | None
    source: str | None


@dataclass(frozen=True)
class _Look:
    """What is said before the files, those that are listed, and how many there are by state."""

    head: Sequence[str]
    files: Sequence[LedgerFile]
    counts: dict[str, int]


def status(
    path: Annotated[str | None, OneOfLedger] = None,
    state: Annotated[
        StateOption | None,
        typer.Option(metavar="STATE", help=f"All files in one state: {', '.join(StateOption)}."),
    ] = None,
    source: OfSource = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the ledger: files by state, with reasons and tries."""
    from saft_pipeline.store.opening import open_to_look
    from saft_pipeline.store.store import Store

    if watch and as_json:
        raise CannotRunError("--json prints one document; leave --watch out")
    settings, asked = load(), _Asked(path, state, source)
    with closing(Store(open_to_look(settings), settings.batch_size)) as store:
        if as_json:
            _print_json(settings, store, asked)
            return
        _tell(settings, store, asked, screen=watch and stdout.is_terminal)
        while watch:
            time.sleep(_LOOK_EVERY)
            _tell(settings, store, asked, screen=stdout.is_terminal)


def _print_json(settings: Settings, store: Store, asked: _Asked) -> None:
    from saft_pipeline.store.opening import where

    counts, waiting = store.counts(asked.source), _waiting(settings, store, asked)
    backlog = {"pending": counts.get("pending", 0), "oldest_pending_seconds": waiting}
    head = {"database": where(settings), "counts": counts, "backlog": backlog}
    if asked.path:
        print_json({**head, "files": [file_row(f) for f in _files(store, asked, limit=None)]})
    else:
        pages = store.pages(source=asked.source, state=asked.state)
        print_json_rows(head, "files", (file_row(f) for page in pages for f in page))


def _tell(settings: Settings, store: Store, asked: _Asked, *, screen: bool) -> None:
    look = _look(settings, store, asked, most=stdout.height if screen else None)
    if screen:
        lines = list(_cut(look, asked, *stdout.size))
        stdout.clear()
        for line in lines:
            print_line(line)
        return
    for line in look.head:
        say(line)
    for block in _blocks(look.files, whole=asked.path is not None):
        for line in block:
            print_line(line)
    if not (asked.path or asked.state):
        for more in (s for s in StateOption if look.counts.get(s, 0) > _SHOWN):
            say(f"the newest {_SHOWN} that are {more}; all of them: saft status --state {more}")


def _look(settings: Settings, store: Store, asked: _Asked, *, most: int | None) -> _Look:
    """`most`: how many files of a state are wanted, if not all that were asked for."""
    from saft_pipeline.store.opening import where

    counts, waiting = store.counts(asked.source), _waiting(settings, store, asked)
    known = (f"{counts[s]:,} {s}" for s in StateOption if counts.get(s))
    head = [f"in {where(settings)}:", ", ".join(known) or nothing_of(settings, asked.source)]
    if waiting is not None:
        lasted = format_duration(waiting)
        head.append(f"{counts.get('pending', 0):,} wait to be loaded, the oldest for {lasted}")
    return _Look(head, _files(store, asked, limit=most), counts)


def _waiting(settings: Settings, store: Store, asked: _Asked) -> int | None:
    return store.backlog(asked.source, settings.incomplete_after).oldest_pending_seconds


def _files(store: Store, asked: _Asked, *, limit: int | None) -> list[LedgerFile]:
    """Of what was asked for at most `limit`; of all states, the newest of each."""
    source, path, state = asked.source, asked.path, asked.state
    if not (path or state):
        limit = limit or _SHOWN
        return [f for s in StateOption for f in store.files(source=source, state=s, limit=limit)]
    files = store.files(source=source, state=state, path=path, limit=limit)
    if path and not files:
        if state and (found := store.files(source=source, path=path, limit=1)):
            raise CannotRunError(f"{path}: it is {found[0].status}, not {state}")
        raise CannotRunError(f"{path}: not in the ledger; `saft status` lists what is")
    return files


def _cut(look: _Look, asked: _Asked, width: int, height: int) -> Iterator[str]:
    """As much as a screen has room for: files whole, as they come, and how many more there are."""
    left = height - 2  # the last line, and the one that the cursor stands on

    def rows(lines: Sequence[str]) -> int:
        return sum(max(1, -(-cell_len(one_line(line)) // width)) for line in lines)

    yield from look.head
    left -= rows(look.head)
    shown = -1  # the first block is the table's head
    for block in _blocks(look.files, whole=asked.path is not None):
        if (left := left - rows(block)) < 0:
            break
        yield from block
        shown += 1
    if more := _total(look, asked) - max(shown, 0):
        yield f"and {more:,} more"


def _total(look: _Look, asked: _Asked) -> int:
    if asked.path:
        return len(look.files)
    return look.counts.get(asked.state, 0) if asked.state else sum(look.counts.values())


def _blocks(files: Sequence[LedgerFile], *, whole: bool) -> Iterator[list[str]]:
    """The table's head, then each file's lines: its path last; below it what it is not loaded for,
    and its warnings.
    """  # fmt: skip
    if files:
        yield [_line("state", "version", "tries", "invoices", "lines", "file")]
    alone = len({f.source for f in files}) == 1
    for f in files:
        name = f.path if alone else f"{f.source}: {f.path}"
        yield [
            _line(f.status, f.version, f.attempts, f.total_invoices, f.total_lines, name),
            *_said_of(f, whole=whole),
        ]


def _said_of(f: LedgerFile, *, whole: bool) -> Iterator[str]:
    if f.error:
        yield f"    {f.error.removeprefix(f.path + ':')}"
    if f.status == "loaded" and f.total_invoices == 0:
        yield "    it holds no invoices: nothing came into the tables"
    if f.next_attempt_at:
        yield f"    tried again after {f.next_attempt_at.astimezone():%Y-%m-%d %H:%M}"
    for warning in f.warnings if whole else ():
        place = f"line {warning['line']}: " if warning.get("line") else ""
        yield f"    {place}{warning['code']}: {warning['message']}"


def _line(*cells: Any) -> str:
    state, version, tries, invoices, lines, file = ("" if c is None else str(c) for c in cells)
    return f"{state:10} {version:>7} {tries:>5} {invoices:>8} {lines:>9}  {file}"
