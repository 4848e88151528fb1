"""Archiving and deleting files after their rows are committed, each only if it is still the same.

Nothing is remembered: after a crash or a lost connection the same files are given again, and one
that was moved or deleted before is FileGone.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from saft_pipeline.sftp import paths, wire
from saft_pipeline.sftp.conversation import Conversation, Task, ask, ask_each
from saft_pipeline.sftp.errors import (
    FileChanged,
    FileGone,
    PermanentSftpError,
    SftpError,
    TransientSftpError,
)
from saft_pipeline.sftp.faults import describe
from saft_pipeline.sftp.model import RemoteFile
from saft_pipeline.sftp.session import AT_ONCE, Session
from saft_pipeline.sftp.wire import Attributes, Reply, Request, Status

Cleared = tuple[RemoteFile, SftpError | None]

# The usual limit of a name is 255 bytes; what is left holds the date.
_LONGEST_KEPT = 220
# Bytes of UTF-8 that don't begin a character: a name mustn't begin with them.
_CONTINUATION = bytes(range(0x80, 0xC0))
_NAMES_TRIED = 5


def clear(
    session: Session,
    files: Sequence[RemoteFile],
    work: Callable[[RemoteFile], Conversation[object]],
    doing: str,
) -> Iterator[Cleared]:
    """Archive or delete files (`work`), many at once, giving each as it is done and its error.

    Raises TransientSftpError if the connection is lost; what was given before stays good.
    """
    waiting = iter(files)

    def next_task() -> Task[Cleared] | None:
        file = next(waiting, None)
        return Task(_outcome(file, work(file)), f"{doing} {file.text}") if file else None

    return session.run(next_task, at_once=lambda: AT_ONCE)


def _outcome(file: RemoteFile, work: Conversation[object]) -> Conversation[Cleared]:
    try:
        yield from work
    except SftpError as error:
        return file, error
    return file, None


def remove(root: bytes, file: RemoteFile) -> Conversation[None]:
    """Delete the file. Raises FileChanged, FileGone, or SftpError if the server refuses."""
    path = paths.below(root, file.path)
    _check_unchanged((yield from ask(wire.stat(path))), file)
    _check_done((yield from ask(wire.remove(path))), file, f"{file.text} can't be deleted")


def archive(
    root: bytes, file: RemoteFile, folder: bytes, *, can_replace: bool
) -> Conversation[bytes]:
    """Move the file to the same place below `folder`, under a new dated name; gives its path.

    `can_replace` says that the server has posix-rename, which needs no right to link. The new
    name is free, so nothing is ever replaced. Raises FileChanged, FileGone, or SftpError.
    """
    source = paths.below(root, file.path)
    target = yield from _free_name(root, source, file, folder)
    absolute = paths.join(root, target)
    rename = (wire.posix_rename if can_replace else wire.rename)(source, absolute)
    reply = yield from ask(rename)
    if _as_status(reply).code not in (wire.OK, wire.PERMISSION_DENIED):
        made = yield from _make_folders(paths.way(root, paths.split(absolute)[0]))
        reply = yield from ask(rename)
        if _as_status(reply).code == wire.NO_SUCH_FILE:
            _check_unchanged((yield from ask(wire.stat(source))), file)
            raise _refused(made, f"the archive folder of {file.text} can't be made")
    _check_done(reply, file, f"{file.text} can't be moved to {paths.text_path(target)}")
    # Back with the rename that never replaces: a third upload may have come.
    yield from _check_moved(wire.rename(absolute, source), absolute, file)
    return target


def archived_name(path: bytes, when: datetime, token: str) -> bytes:
    """Give the path below the archive folder: `sub/20250705T101112Z-a1b2c3-name.xml`."""
    folder, name = paths.split(path)
    dated = f"{when:%Y%m%dT%H%M%SZ}-{token}-".encode()
    kept = name[-_LONGEST_KEPT:].lstrip(_CONTINUATION) if len(name) > _LONGEST_KEPT else name
    return paths.join(folder, dated + kept)


def _free_name(root: bytes, source: bytes, file: RemoteFile, folder: bytes) -> Conversation[bytes]:
    """Give a path in the archive that nothing has, and check the file, in one round trip."""
    for _ in range(_NAMES_TRIED):
        name = archived_name(file.path, datetime.now(UTC), secrets.token_hex(3))
        target = paths.join(folder, name)
        questions = [wire.stat(source), wire.lstat(paths.join(root, target))]
        looked, there = yield from ask_each(questions, len(questions))
        _check_unchanged(looked, file)
        if not isinstance(there, Attributes):
            return target
    raise TransientSftpError(f"{file.text} can't be archived: every name tried for it is taken")


def _make_folders(folders: Sequence[bytes]) -> Conversation[Status]:
    """Make folders, outermost first; that they are there already is as good.

    Gives how that ended for the deepest that wasn't refused because the one above it is missing.
    """
    made = yield from ask_each([wire.make_folder(folder) for folder in folders], 1)
    telling = [status for status in map(_as_status, made) if status.code != wire.NO_SUCH_FILE]
    return telling[-1] if telling else Status(wire.FAILURE, "")


def _check_unchanged(looked: Reply, file: RemoteFile) -> None:
    if isinstance(looked, Attributes):
        if (looked.size, looked.modified_at) != (file.size, file.modified_at):
            raise _changed(file)
    else:
        _check_done(looked, file, f"{file.text} can't be looked at before it is moved or deleted")


def _check_moved(back: Request, path: bytes, file: RemoteFile) -> Conversation[None]:
    """Put the file back if another one took its place just before it was moved."""
    looked = yield from ask(wire.stat(path))
    if isinstance(looked, Attributes) and (looked.size, looked.modified_at) != (
        file.size,
        file.modified_at,
    ):
        undone = yield from ask(back)
        shown = paths.text_path(path)
        _check_done(
            undone, file, f"{file.text} changed while it was moved to {shown} and stays there"
        )
        raise _changed(file)


def _check_done(reply: Reply, file: RemoteFile, refusal: str) -> None:
    status = _as_status(reply)
    if status.code == wire.NO_SUCH_FILE:
        raise FileGone(f"{file.text} isn't on the server any more: it was moved or deleted before")
    if status.code != wire.OK:
        raise _refused(status, refusal)


def _refused(status: Status, refusal: str) -> SftpError:
    if status.code == wire.PERMISSION_DENIED:
        return PermanentSftpError(
            f"{refusal}: {describe(status)}; give this user the right, or set AFTER_LOAD=keep"
        )
    return TransientSftpError(
        f"{refusal}: {describe(status)}; a full disk or quota looks like this, and so does an "
        "archive folder on another file system"
    )


def _as_status(reply: Reply) -> Status:
    return reply if isinstance(reply, Status) else Status(wire.FAILURE, "an answer of no sense")


def _changed(file: RemoteFile) -> FileChanged:
    return FileChanged(f"{file.text} changed since it was loaded; it stays, and is loaded again")
