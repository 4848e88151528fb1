"""Archiving and deleting a file after its rows are committed, only if it is still the same."""

import secrets
from datetime import UTC, datetime

from saft_pipeline.sftp import paths, wire
from saft_pipeline.sftp.errors import FileChanged, FileGone, PermanentSftpError, TransientSftpError
from saft_pipeline.sftp.faults import describe
from saft_pipeline.sftp.model import RemoteFile
from saft_pipeline.sftp.session import Conversation, ask
from saft_pipeline.sftp.wire import Attributes, Reply, Request, Status

# The usual limit of a name is 255 bytes; what is left holds the date.
_LONGEST_KEPT = 220


def remove(root: bytes, file: RemoteFile) -> Conversation[None]:
    """Delete the file. Raises FileChanged, FileGone, or SftpError if the server refuses."""
    path = paths.join(root, file.path)
    yield from _check_unchanged(path, file)
    reply = yield from ask(wire.remove(path))
    _check_done(reply, file, f"{file.text} can't be deleted")


def archive(
    root: bytes, file: RemoteFile, folder: bytes, *, can_replace: bool
) -> Conversation[bytes]:
    """Move the file to the same place below `folder`, under a new dated name; gives its path.

    `can_replace` says that the server has posix-rename, which needs no right to link. The new
    name is unique, so nothing is ever replaced. Raises FileChanged, FileGone, or SftpError.
    """
    source = paths.join(root, file.path)
    target = paths.join(folder, archived_name(file.path, datetime.now(UTC), secrets.token_hex(3)))
    absolute = paths.join(root, target)
    rename = wire.posix_rename if can_replace else wire.rename
    yield from _check_unchanged(source, file)
    reply = yield from ask(rename(source, absolute))
    if isinstance(reply, Status) and reply.code == wire.NO_SUCH_FILE:
        yield from _check_unchanged(source, file)
        yield from _make_folders(paths.split(absolute)[0], file)
        reply = yield from ask(rename(source, absolute))
    _check_done(reply, file, f"{file.text} can't be moved to {paths.text_path(target)}")
    # Back with the rename that never replaces: a third upload may have come.
    yield from _check_moved(wire.rename(absolute, source), absolute, file)
    return target


def archived_name(path: bytes, when: datetime, token: str) -> bytes:
    """Give the path below the archive folder: `sub/20250705T101112Z-a1b2c3-name.xml`."""
    folder, name = paths.split(path)
    dated = f"{when:%Y%m%dT%H%M%SZ}-{token}-".encode()
    return paths.join(folder, dated + name[-_LONGEST_KEPT:])


def _check_unchanged(path: bytes, file: RemoteFile) -> Conversation[None]:
    reply = yield from ask(wire.stat(path))
    if isinstance(reply, Status) and reply.code == wire.NO_SUCH_FILE:
        raise FileGone(f"{file.text} isn't on the server any more: it was moved or deleted before.")
    if not isinstance(reply, Attributes):
        _check_done(reply, file, f"{file.text} can't be looked at before it is moved or deleted")
    elif (reply.size, reply.modified_at) != (file.size, file.modified_at):
        raise _changed(file)


def _check_moved(back: Request, path: bytes, file: RemoteFile) -> Conversation[None]:
    """Put the file back if another one took its place just before it was moved."""
    reply = yield from ask(wire.stat(path))
    if isinstance(reply, Attributes) and (reply.size, reply.modified_at) != (
        file.size,
        file.modified_at,
    ):
        undone = yield from ask(back)
        shown = paths.text_path(path)
        _check_done(
            undone, file, f"{file.text} changed while it was moved to {shown} and stays there"
        )
        raise _changed(file)


def _make_folders(path: bytes, file: RemoteFile) -> Conversation[None]:
    """Make a folder and those above it; that they are there already is as good."""
    above = paths.split(path)[0]
    reply = yield from ask(wire.make_folder(path))
    if isinstance(reply, Status) and reply.code == wire.NO_SUCH_FILE and above:
        yield from _make_folders(above, file)
        reply = yield from ask(wire.make_folder(path))
    if isinstance(reply, Status) and reply.code == wire.PERMISSION_DENIED:
        _check_done(reply, file, f"The archive folder {paths.text_path(path)} can't be made")


def _check_done(reply: Reply, file: RemoteFile, refusal: str) -> None:
    status = reply if isinstance(reply, Status) else Status(wire.FAILURE, "an answer of no sense")
    if status.code == wire.NO_SUCH_FILE:
        raise FileGone(f"{file.text} isn't on the server any more: it was moved or deleted before.")
    if status.code == wire.PERMISSION_DENIED:
        raise PermanentSftpError(
            f"{refusal}: {describe(status)}. Give this user the right, or set AFTER_LOAD=keep."
        )
    if status.code != wire.OK:
        raise TransientSftpError(
            f"{refusal}: {describe(status)}. A full disk or quota looks like this."
        )


def _changed(file: RemoteFile) -> FileChanged:
    return FileChanged(f"{file.text} changed since it was loaded; it stays, and is loaded again.")
