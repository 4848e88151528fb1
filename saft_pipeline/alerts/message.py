"""What a message says: everything that one channel was not told of yet, together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from saft_pipeline.durations import format_duration
from saft_pipeline.store.alerts import Condition
from saft_pipeline.visible import visible

_SHOWN = 20
"""Of a kind; the rest are a number."""
_LONGEST = 300
"""Characters of a line."""

_HEADS = {
    "failed": "{n} file failed|{n} files failed",
    "gone": "{n} file vanished before it was loaded|{n} files vanished before they were loaded",
    "unreadable": "{n} file can't be read|{n} files can't be read",
    "incomplete": "{n} file stays incomplete|{n} files stay incomplete",
    "waiting": "files wait to be loaded for too long",
    "silent": "no new files",
    "run": "{n} run failed|{n} runs failed in different ways",
    "poll": "the SFTP folder can't be polled",
    "store": "the database can't be reached",
}
"""By kind, in the order in which a message has them."""
_ADVICE = {
    "failed": "saft status --state failed",
    "gone": "saft status --state gone",
    "unreadable": "saft status --state unreadable",
    "incomplete": "saft status --state incomplete",
}


class AlertError(Exception):
    """A message did not go out; why and what to do, without the address, which holds a secret."""


@dataclass(frozen=True)
class Message:
    """A line for who looks at a list of messages, all of it, and files by their names.

    Only mail carries files.
    """

    title: str
    text: str
    attachments: Mapping[str, bytes] = field(default_factory=dict)


def compose(conditions: Sequence[Condition]) -> Message:
    """One message of conditions of any kinds, at least one."""
    order = list(_HEADS)
    ordered = sorted(conditions, key=lambda c: order.index(str(c.kind)))
    parts = {kind: list(some) for kind, some in groupby(ordered, key=lambda c: str(c.kind))}
    heads = {kind: _head(kind, len(some)) for kind, some in parts.items()}
    title = f"saft_pipeline: {', '.join(heads.values())}"
    lines = [title]
    for kind, some in parts.items():
        if len(parts) > 1:
            lines += ["", heads[kind]]
        lines += _lines(kind, some)
    return Message(title, "\n".join(lines))


def _head(kind: str, count: int) -> str:
    one, _, many = _HEADS[kind].partition("|")
    return (many if many and count != 1 else one).format(n=f"{count:,}")


def _lines(kind: str, conditions: Sequence[Condition]) -> Iterator[str]:
    for condition in conditions[:_SHOWN]:
        owner = f"{condition.source}: " if condition.source else ""
        line = visible(" ".join(f"{owner}{_line(condition)}".split()))
        yield f"• {line if len(line) <= _LONGEST else f'{line[: _LONGEST - 1]}…'}"
    if (more := len(conditions) - _SHOWN) > 0:
        yield f"• and {more:,} more: {_ADVICE.get(kind, 'see Dagster')}"


def _line(condition: Condition) -> str:
    subject, reason = condition.subject or "", condition.reason or ""
    lasted = format_duration(condition.seconds or 0)
    if condition.kind == "waiting":
        return f"{subject} for {lasted}; {reason} wait in all"
    if condition.kind == "silent":
        return f"nothing new in {subject} for {lasted}"
    if condition.kind == "incomplete":
        return f"{subject} for {lasted}: {reason or 'its end is missing'}"
    # What reading says of a file begins with its path already.
    return reason if reason.startswith(subject) and reason else f"{subject}: {reason}"
