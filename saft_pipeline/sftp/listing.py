"""Walking the server's folders: which entries are files to take, folders to visit, or problems."""

import re
import stat
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from saft_pipeline.sftp import paths, wire
from saft_pipeline.sftp.errors import PermanentSftpError, TransientSftpError
from saft_pipeline.sftp.faults import describe
from saft_pipeline.sftp.model import Listing, Problem, RemoteFile
from saft_pipeline.sftp.session import Conversation, Session, Task, ask, ask_each, leave
from saft_pipeline.sftp.wire import Attributes, Entry, Handle, Names, Reply, Request, Status

READ_AHEADS = 64
# Deeper and larger than anybody's tree: a server whose folders or listings never end must not keep
# us for ever, nor fill the memory (a million files take 250 MB).
MAX_DEPTH = 50
MAX_ENTRIES = 1_000_000


@dataclass
class Selection:
    """What a listing looks for below `root`; `excluded`, relative to it, is never visited.

    `left` entries may still come.
    """

    root: bytes
    pattern: re.Pattern[str]
    recursive: bool
    excluded: bytes | None
    left: int = MAX_ENTRIES

    def wants(self, name: bytes) -> bool:
        """Tell whether a file of this name is to be taken."""
        text = name.decode("utf-8", "surrogateescape")
        return not paths.is_left_alone(name) and self.pattern.match(text) is not None

    def visits(self, folder: bytes) -> bool:
        """Tell whether a folder, relative to the root, is to be visited."""
        hidden = paths.split(folder)[1].startswith(b".")
        return self.recursive and not hidden and folder != self.excluded

    def count(self, entries: int) -> None:
        """Note that entries came; an answer of none counts, too. Raises PermanentSftpError."""
        self.left -= max(1, entries)
        if self.left < 0:
            raise PermanentSftpError(
                f"the folder {paths.text_path(self.root)} holds more than {MAX_ENTRIES:,} names, "
                "or its listing never ends: point SFTP_REMOTE_DIR to a smaller folder, or set "
                "AFTER_LOAD=archive"
            )


@dataclass
class Folder:
    """What one folder holds, its paths relative to the root; `refused` if it can't be opened.

    A name that is listed twice, as may happen while others are renamed, is kept once.
    """

    path: bytes
    files: dict[bytes, RemoteFile] = field(default_factory=dict)
    folders: set[bytes] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    refused: Status | None = None

    def add(self, path: bytes, attributes: Attributes) -> None:
        """Take an entry that is a regular file; anything else (FIFO, device, folder) is none."""
        kind = stat.S_IFMT(attributes.mode or 0)
        if kind not in (stat.S_IFREG, 0):
            return
        if attributes.size is None or attributes.modified_at is None:
            self.reject(path, "the server gives no size or time for it")
        else:
            self.files[path] = RemoteFile(path, attributes.size, attributes.modified_at)

    def reject(self, path: bytes, reason: str, *, folder: bool = False) -> None:
        """Note something that can't be taken."""
        self.problems.append(Problem(path, reason, folder))


def find(session: Session, selection: Selection) -> Listing:
    """List everything that `selection` wants, in many folders at once.

    Raises PermanentSftpError if the root itself can't be listed, TransientSftpError if the
    connection is lost; a folder below it that can't be read is a problem of the listing.
    """
    queue = deque([b""])
    files: list[RemoteFile] = []
    problems: list[Problem] = []

    def next_task() -> Task[Folder] | None:
        if not queue:
            return None
        path = queue.popleft()
        return Task(look_into(path, selection), f"listing {_shown(selection, path)}")

    for folder in session.run(next_task, at_once=session.open_at_once):
        _check_root(folder, selection)
        queue.extend(folder.folders)
        files.extend(folder.files.values())
        problems.extend(folder.problems)
    return Listing(sorted(files, key=lambda file: (file.modified_at, file.path)), problems)


def look_into(path: bytes, selection: Selection) -> Conversation[Folder]:
    """List one folder, relative to the root, many requests ahead."""
    folder = Folder(path)
    opened = yield from ask(wire.open_folder(paths.join(selection.root, path)))
    if not isinstance(opened, Handle):
        folder.refused = opened if isinstance(opened, Status) else Status(wire.FAILURE, "")
        folder.reject(path, f"the folder can't be read: {describe(folder.refused)}", folder=True)
        return folder
    unsure = yield from _read_entries(opened, folder, selection)
    yield from leave(opened)
    yield from _settle_links(folder, unsure, selection)
    return folder


def _read_entries(
    handle: Handle, folder: Folder, selection: Selection
) -> Conversation[Sequence[bytes]]:
    """Sort the folder's entries into `folder`; give the paths that need a look at their target."""
    unsure: list[bytes] = []
    ended = False
    requests: Sequence[Request] = [wire.read_folder(handle)] * 2
    in_flight = 0
    while requests or in_flight:
        in_flight += len(requests)
        _, reply = yield requests
        in_flight -= 1
        if isinstance(reply, Names):
            selection.count(len(reply.entries))
            unsure += _sort(reply.entries, folder, selection)
        elif not ended:
            ended = True
            _note_early_end(reply, folder)
        # Two for each answer: a small folder costs few requests, a large one soon has many ahead.
        requests = [] if ended else [wire.read_folder(handle)] * min(2, READ_AHEADS - in_flight)
    return unsure


def _note_early_end(reply: Reply, folder: Folder) -> None:
    if not isinstance(reply, Status):
        folder.reject(folder.path, "the server's listing makes no sense", folder=True)
    elif reply.code != wire.EOF:
        folder.reject(folder.path, f"its listing broke off: {describe(reply)}", folder=True)


def _sort(entries: Sequence[Entry], folder: Folder, selection: Selection) -> list[bytes]:
    unsure = []
    for name, attributes in entries:
        if name in (b".", b".."):
            continue
        path = paths.join(folder.path, name)
        if paths.is_unsafe(name):
            reason = f"the server listed the name {paths.text_path(name)!r}, which is no file name"
            folder.reject(paths.join(folder.path, name.lstrip(b"/")), reason)
        elif stat.S_ISDIR(attributes.mode or 0):
            _add_folder(path, folder, selection)
        elif selection.wants(name):
            if _is_settled(attributes):
                folder.add(path, attributes)
            else:
                unsure.append(path)
    return unsure


def _is_settled(attributes: Attributes) -> bool:
    kind = stat.S_IFMT(attributes.mode or 0)
    known = attributes.size is not None and attributes.modified_at is not None
    return kind not in (0, stat.S_IFLNK) and known


def _add_folder(path: bytes, folder: Folder, selection: Selection) -> None:
    if not selection.visits(path):
        return
    if path.count(b"/") >= MAX_DEPTH:
        folder.reject(path, f"folders deeper than {MAX_DEPTH} levels aren't visited", folder=True)
    else:
        folder.folders.add(path)


def _settle_links(
    folder: Folder, unsure: Sequence[bytes], selection: Selection
) -> Conversation[None]:
    """Take links to regular files; never visit links to folders, which can lead anywhere."""
    requests = [wire.stat(paths.join(selection.root, path)) for path in unsure]
    replies = yield from ask_each(requests, READ_AHEADS)
    for path, reply in zip(unsure, replies, strict=True):
        if isinstance(reply, Attributes):
            folder.add(path, reply)
        elif isinstance(reply, Status):
            folder.reject(path, f"a link that leads nowhere: {describe(reply)}")


def _check_root(folder: Folder, selection: Selection) -> None:
    if folder.path or not folder.refused:
        return
    shown = _shown(selection, b"")
    if folder.refused.code in (wire.NO_SUCH_FILE, wire.PERMISSION_DENIED):
        raise PermanentSftpError(
            f"the folder {shown} can't be listed: {describe(folder.refused)}; "
            "check SFTP_REMOTE_DIR and the rights of this user"
        )
    raise TransientSftpError(f"the folder {shown} can't be listed: {describe(folder.refused)}")


def _shown(selection: Selection, path: bytes) -> str:
    return paths.text_path(paths.join(selection.root, path))
