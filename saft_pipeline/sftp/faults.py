"""The server's status codes in words."""

from saft_pipeline.sftp import wire

_WORDS = {
    wire.NO_SUCH_FILE: "there is no such file or folder",
    wire.PERMISSION_DENIED: "the server denies the permission",
    wire.UNANSWERED: "the server never answers it, though it answers what was asked later",
}


def describe(status: wire.Status) -> str:
    """Say what a status means, with the server's own words where they say more."""
    if status.code in _WORDS:
        return _WORDS[status.code]
    return f"the server says {status.message or 'nothing'!r} (code {status.code})"
