"""Answers that are a status, or as good as one, and the codes in words."""

from saft_pipeline.sftp import wire

_WORDS = {
    wire.NO_SUCH_FILE: "there is no such file or folder",
    wire.PERMISSION_DENIED: "the server denies the permission",
    wire.UNANSWERED: "the server never answers it, though it answers what was asked later",
}


def as_status(reply: wire.Reply) -> wire.Status:
    """Give how a request ended that gives nothing back, or one to read that gave no good bytes."""
    if isinstance(reply, wire.Data):
        return wire.Status(wire.EOF, "")  # none: as some say it; too many: its size is no guide
    if isinstance(reply, wire.Status):
        return reply
    return wire.Status(wire.FAILURE, "an answer of no sense")


def describe(status: wire.Status) -> str:
    """Say what a status means, with the server's own words where they say more."""
    if status.code in _WORDS:
        return _WORDS[status.code]
    return f"the server says {status.message or 'nothing'!r} (code {status.code})"
