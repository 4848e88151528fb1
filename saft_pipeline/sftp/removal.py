"""Archiving and deleting files after their rows are committed, each only if it is what was loaded.

A file is moved aside first, and what lies there is judged: by size and time, and by its bytes where
its time can't tell. Nothing is remembered: after a crash or a lost connection the same files are
given again, and one that was moved or deleted before is FileGone.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from saft_pipeline.sftp import paths, wire
from saft_pipeline.sftp.conversation import Conversation, Task, ask, ask_each
from saft_pipeline.sftp.errors import (
    FileChanged,
    FileGone,
    FileStays,
    PermanentSftpError,
    SftpError,
    TransientSftpError,
)
from saft_pipeline.sftp.faults import as_status, describe
from saft_pipeline.sftp.fetching import Reader, compare
from saft_pipeline.sftp.model import Loaded, RemoteFile
from saft_pipeline.sftp.quirks import Quirks
from saft_pipeline.sftp.session import AT_ONCE, Session, Until
from saft_pipeline.sftp.wire import Attributes, Reply, Status

Cleared = tuple[RemoteFile, SftpError | None]

RACY_SECONDS = 3
"""How near to a look or a read a file's time may be before its bytes must decide: times on the
wire are whole seconds, and clocks differ a little."""
# The usual limit of a name is 255 bytes; what is left holds the date.
_LONGEST_KEPT = 220
# Bytes of UTF-8 that don't begin a character: a name mustn't begin with them.
_CONTINUATION = bytes(range(0x80, 0xC0))
_NAMES_TRIED = 5
_CANT_RENAME = {wire.OP_UNSUPPORTED, wire.PERMISSION_DENIED, wire.FAILURE}


@dataclass(frozen=True)
class RemoteFolder:
    """The folder on the server, and how its files are read; `can_replace`: it has posix-rename."""

    root: bytes
    reader: Reader
    can_replace: bool = False


def clear(
    session: Session,
    files: Sequence[Loaded],
    work: Callable[[Loaded], Conversation[object]],
    doing: str,
    until: Until | None = None,
) -> Iterator[Cleared]:
    """Archive or delete files (`work`), many at once, giving each as it is done and its error.

    Raises TransientSftpError if the connection is lost, OverdueError at `until`; what was given
    before stays good.
    """
    waiting = iter(files)

    def next_task() -> Task[Cleared] | None:
        loaded = next(waiting, None)
        if loaded is None:
            return None
        return Task(_outcome(loaded.file, work(loaded)), f"{doing} {loaded.file.text}")

    return session.run(next_task, at_once=lambda: AT_ONCE, until=until)


def _outcome(file: RemoteFile, work: Conversation[object]) -> Conversation[Cleared]:
    try:
        yield from work
    except SftpError as error:
        return file, error
    return file, None


def remove(place: RemoteFolder, loaded: Loaded) -> Conversation[None]:
    """Delete the file: moved aside, judged there, deleted, and looked for once more.

    Where the server can't rename it is deleted in its place, but not while its time may deceive.
    Raises FileChanged, FileGone, FileStays, or SftpError if the server refuses.
    """
    quirks, file = place.reader.quirks, loaded.file
    source = paths.below(place.root, file.path)
    aside = _aside(source, loaded)
    looked, there = yield from ask_each([wire.stat(source), wire.lstat(aside)], 2)
    if not (yield from _is_there(aside, there)):  # else a try before this one came so far
        yield from _check_loaded(place, source, looked, loaded, racy=False)
        if not (yield from _move(source, aside, loaded, quirks)):
            yield from _check_settled(place, source, loaded)
            yield from _delete(source, loaded, quirks)
            return
    yield from _check_aside(place, aside, source, loaded)
    try:
        yield from _delete(aside, loaded, quirks)
    except SftpError:
        yield from ask(wire.rename(aside, source))
        raise


def archive(place: RemoteFolder, loaded: Loaded, folder: bytes) -> Conversation[bytes]:
    """Move the file to the same place below `folder`, under a new dated name; gives its path.

    The new name is free, so nothing is ever replaced. Raises FileChanged, FileGone, FileStays, or
    SftpError.
    """
    file, root = loaded.file, place.root
    source = paths.below(root, file.path)
    target = yield from _free_name(place, source, loaded, folder)
    absolute = paths.join(root, target)
    # The one with the extension needs no right to link.
    rename = (wire.posix_rename if place.can_replace else wire.rename)(source, absolute)
    reply = yield from ask(rename)
    if place.can_replace and as_status(reply).code == wire.OP_UNSUPPORTED:
        rename = wire.rename(source, absolute)  # it is named among the extensions, and isn't one
        reply = yield from ask(rename)
    if as_status(reply).code not in (wire.OK, wire.PERMISSION_DENIED, wire.OP_UNSUPPORTED):
        made = yield from _make_folders(paths.way(root, paths.split(absolute)[0]))
        reply = yield from ask(rename)
        if as_status(reply).code == wire.NO_SUCH_FILE:
            looked = yield from ask(wire.stat(source))
            yield from _check_loaded(place, source, looked, loaded, racy=False)
            raise _refused(made, f"the archive folder of {file.text} can't be made")
    if as_status(reply).code == wire.OP_UNSUPPORTED:
        place.reader.quirks.renames = False
        raise FileStays(f"{file.text} stays on the server, which can't rename: {_ADVICE}")
    _check_done(reply, file, f"{file.text} can't be moved to {paths.text_path(target)}")
    yield from _check_aside(place, absolute, source, loaded)
    return target


def _aside(source: bytes, loaded: Loaded) -> bytes:
    """Give a hidden name beside the file, the same at each try, which no listing takes."""
    known = f"{loaded.file.size} {loaded.file.modified_at} {loaded.sha256} ".encode() + source
    folder, name = paths.split(source)
    token = hashlib.sha256(known).hexdigest()[:12].encode()
    hidden = b".saft-" + token + b"-" + _shortened(name)
    return folder + b"/" + hidden if b"/" in source else hidden


def _move(source: bytes, aside: bytes, loaded: Loaded, quirks: Quirks) -> Conversation[bool]:
    """Rename a file; tell whether the server did."""
    reply = as_status((yield from ask(wire.rename(source, aside))))
    if reply.code == wire.OP_UNSUPPORTED:
        quirks.renames = False
    if reply.code in _CANT_RENAME:
        return False
    _check_done(reply, loaded.file, f"{loaded.file.text} can't be moved aside")
    quirks.renames = yield from _is_there(aside)
    return quirks.renames


def _delete(path: bytes, loaded: Loaded, quirks: Quirks) -> Conversation[None]:
    """Delete what lies at a path, and look whether it is gone."""
    text = loaded.file.text
    _check_done((yield from ask(wire.remove(path))), loaded.file, f"{text} can't be deleted")
    if (yield from _is_there(path)):
        quirks.removes = False
        raise FileStays(f"{text} stays on the server, which says that it was deleted: {_ADVICE}")


def _is_there(path: bytes, looked: Reply | None = None) -> Conversation[bool]:
    """Tell whether anything has a path, by the answer to LSTAT, which some servers don't know."""
    looked = looked or (yield from ask(wire.lstat(path)))
    if isinstance(looked, Status) and looked.code != wire.NO_SUCH_FILE:
        looked = yield from ask(wire.stat(path))
    return isinstance(looked, Attributes)


def _check_aside(
    place: RemoteFolder, aside: bytes, source: bytes, loaded: Loaded
) -> Conversation[None]:
    """Put back what was moved if it isn't what was loaded, unless yet another came meanwhile."""
    looked = yield from ask(wire.stat(aside))
    if isinstance(looked, Status) and looked.code == wire.NO_SUCH_FILE:
        there = yield from ask(wire.stat(source))
        if isinstance(there, Attributes):
            place.reader.quirks.renames = False
            text = loaded.file.text
            raise FileStays(f"{text} stays on the server, which says that it was moved: {_ADVICE}")
    try:
        yield from _check_loaded(place, aside, looked, loaded, racy=loaded.racy)
    except FileGone:
        raise
    except SftpError:
        undone = yield from ask(wire.rename(aside, source))
        shown = paths.text_path(aside)
        changed = f"{loaded.file.text} changed while it was moved to {shown} and stays there"
        _check_done(undone, loaded.file, changed)
        raise


def _check_loaded(
    place: RemoteFolder, path: bytes, looked: Reply, loaded: Loaded, *, racy: bool
) -> Conversation[None]:
    """Raise unless what lies at a path is what was loaded, by its bytes if its time can't tell."""
    file = loaded.file
    if not isinstance(looked, Attributes):
        refusal = f"{file.text} can't be looked at before it is moved or deleted"
        _check_done(looked, file, refusal)
        raise _refused(as_status(looked), refusal)  # an OK is no look
    same_time = (looked.modified_at or 0) == file.modified_at
    if (looked.size or 0) != file.size:
        raise _changed(file)
    known = None not in (looked.size, looked.modified_at)
    if (racy or not same_time or not known) and loaded.sha256 != (
        yield from compare(file, path, place.reader)
    ):
        raise _changed(file)


def _check_settled(place: RemoteFolder, source: bytes, loaded: Loaded) -> Conversation[None]:
    """Raise unless a file that can't be moved aside is what was loaded, and will not deceive us."""
    if not loaded.racy:
        return
    if time.time() - loaded.file.modified_at < RACY_SECONDS:
        raise TransientSftpError(
            f"{loaded.file.text} is too new to be deleted from a server that can't rename: later"
        )
    looked = yield from ask(wire.stat(source))
    yield from _check_loaded(place, source, looked, loaded, racy=True)


def try_out(place: RemoteFolder, folder: bytes) -> Conversation[None]:
    """Make, move and delete an empty folder, as files are to be moved to `folder` and deleted.

    Raises PermanentSftpError naming the first that the server doesn't do.
    """
    name = b".saft-check-" + secrets.token_hex(6).encode()
    made = paths.join(place.root, name)
    inside = isinstance((yield from ask(wire.stat(paths.join(place.root, folder)))), Attributes)
    moved = paths.join(place.root, paths.join(folder, name) if inside else name + b"-moved")
    steps = [
        ("make a folder", wire.make_folder(made), made, True),
        ("rename", wire.rename(made, moved), moved, True),
        ("delete a folder", wire.remove_folder(moved), moved, False),
    ]
    place.reader.quirks.renames = place.reader.quirks.removes = True
    for doing, request, path, there in steps:
        status = as_status((yield from ask(request)))
        if status.code != wire.OK or (yield from _is_there(path)) != there:
            place.reader.quirks.renames = doing != "rename"
            yield from ask_each([wire.remove_folder(left) for left in (made, moved)], 1)
            raise PermanentSftpError(
                f"this user can't {doing} in {paths.text_path(paths.split(path)[0] or b'.')} "
                f"({describe(status)}): give it the right, or set AFTER_LOAD=keep"
            )


def archived_name(path: bytes, when: datetime, token: str) -> bytes:
    """Give the path below the archive folder: `sub/20250705T101112Z-a1b2c3-name.xml`."""
    folder, name = paths.split(path)
    dated = f"{when:%Y%m%dT%H%M%SZ}-{token}-".encode()
    return paths.join(folder, dated + _shortened(name))


def _shortened(name: bytes) -> bytes:
    """Give the end of a name, cut between characters."""
    return name[-_LONGEST_KEPT:].lstrip(_CONTINUATION) if len(name) > _LONGEST_KEPT else name


def _free_name(
    place: RemoteFolder, source: bytes, loaded: Loaded, folder: bytes
) -> Conversation[bytes]:
    """Give a path in the archive that nothing has, and check the file, in one round trip."""
    file = loaded.file
    for _ in range(_NAMES_TRIED):
        name = archived_name(file.path, datetime.now(UTC), secrets.token_hex(3))
        target = paths.join(folder, name)
        questions = [wire.stat(source), wire.lstat(paths.join(place.root, target))]
        looked, there = yield from ask_each(questions, len(questions))
        yield from _check_loaded(place, source, looked, loaded, racy=False)
        if not isinstance(there, Attributes):
            return target
    raise TransientSftpError(f"{file.text} can't be archived: every name tried for it is taken")


def _make_folders(folders: Sequence[bytes]) -> Conversation[Status]:
    """Make folders, outermost first; that they are there already is as good.

    Gives how that ended for the deepest that wasn't refused because the one above it is missing.
    """
    made = yield from ask_each([wire.make_folder(folder) for folder in folders], 1)
    telling = [status for status in map(as_status, made) if status.code != wire.NO_SUCH_FILE]
    return telling[-1] if telling else Status(wire.FAILURE, "")


def _check_done(reply: Reply, file: RemoteFile, refusal: str) -> None:
    status = as_status(reply)
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


_ADVICE = "set AFTER_LOAD=keep, or have the server mended; saft check tries it"


def _changed(file: RemoteFile) -> FileChanged:
    return FileChanged(f"{file.text} changed since it was loaded; it stays, and is loaded again")
