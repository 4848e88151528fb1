"""Walking the server's folders, many at once, whatever it leaves out of its listings."""

import stat
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from saft_pipeline.sftp import paths, wire
from saft_pipeline.sftp.conversation import Conversation, Task, ask, ask_each, leave
from saft_pipeline.sftp.entries import Folder, ListingScope, type_of, with_kind
from saft_pipeline.sftp.errors import PermanentSftpError, TransientSftpError
from saft_pipeline.sftp.faults import describe
from saft_pipeline.sftp.flight import is_refusal
from saft_pipeline.sftp.model import Listing, RemoteFiles
from saft_pipeline.sftp.quirks import Quirks
from saft_pipeline.sftp.session import OverdueError, Session, Until
from saft_pipeline.sftp.wire import Attributes, Entry, Handle, Names, Reply, Request, Status

READ_AHEADS = 64
LEAST_NAMES = 200
"""A second: a server that gives so many is listed to the end, however long that takes."""
# The same entries may come again once or twice while others are renamed.
_MOST_REPEATED = 3
_ABOUT_ONE_TIME, _ABOUT_NOW = 60, 120  # seconds


def without_times(found: Listing) -> Listing:
    """Give a listing whose times say nothing."""
    files = RemoteFiles(replace(file, modified_at=0) for file in found.files)
    return replace(found, files=files)


def all_about_now(files: RemoteFiles) -> bool:
    """Tell whether files all have about one time, that of this look; clocks differ a little."""
    if not files:
        return False
    newest = max(files.times)
    return newest - min(files.times) <= _ABOUT_ONE_TIME and abs(time.time() - newest) < _ABOUT_NOW


def moved(before: Reply, after: Reply) -> bool:
    """Tell whether a file's time is another though it didn't grow."""
    if not isinstance(before, Attributes) or not isinstance(after, Attributes):
        return False
    return before.size == after.size and before.modified_at != after.modified_at


class _Patience:
    """Until when a listing is waited for: each name that came puts it off a little.

    It is never more than `seconds` from now, so that a server that begins to drip is soon left.
    """

    def __init__(self, clock: Callable[[], float], scope: ListingScope, seconds: float) -> None:
        self._clock, self._scope, self._seconds = clock, scope, seconds
        self._left, self._until = scope.left, clock() + seconds

    def __call__(self) -> float:
        """The time as it is by now, on the same clock."""
        came, self._left = self._left - self._scope.left, self._scope.left
        later = self._until + came / LEAST_NAMES
        self._until = min(later, self._clock() + self._seconds)
        return self._until


class Walk:
    """A listing of what `scope` wants, many folders at once, over as many sessions as it takes.

    `visited` are the folders that are done, `_folders` all that were begun, in the order in which
    they were met.
    """

    def __init__(self, scope: ListingScope) -> None:
        self._scope = scope
        self._queue = deque([b""])
        self._folders: dict[bytes, Folder] = {}
        self.visited: set[bytes] = set()

    def go(self, session: Session, within: float | None = None) -> Listing:
        """List all, or what an earlier session left to be listed.

        After `within` seconds it is given up, unless enough names come (see `_Patience`): what came
        by then is listed, and a problem says that it isn't all. Raises PermanentSftpError if the
        root itself can't be listed, TransientSftpError if the connection is lost or nothing came in
        time; a folder below the root that can't be read is a problem of the listing.
        """
        began, until = session.clock(), None
        if within is not None:
            until = _Patience(session.clock, self._scope, within)
        self._queue.extend(self._folders.keys() - self.visited)
        try:
            self._go_on(session, until)
        except OverdueError:
            self._break_off(session.clock() - began)
        root, *others = self._folders.values()
        problems = [*root.problems]
        for folder in others:
            root.files.update(folder.files)
            problems += folder.problems
        unfit = sum(folder.unfit for folder in self._folders.values())
        return Listing(root.files, problems, unfit)

    def _go_on(self, session: Session, until: Until | None) -> None:
        """What was refused while others were open is tried again with fewer at once."""
        refused: set[bytes] = set()
        granted = 0
        while True:
            before, refused = refused, self._go_once(session, until)
            granted += len(before - refused)
            if not (refused and session.flight.lower()):
                break
            self._queue.extend(refused)
        session.flight.settle(granted)
        self.visited |= refused
        self._check_root()

    def _go_once(self, session: Session, until: Until | None) -> set[bytes]:
        """Visit what is queued and what that leads to; give the folders that were refused."""
        refused = set()
        tasks = partial(self._next, session.quirks)
        for folder in session.run(tasks, at_once=session.open_at_once, until=until):
            if folder.refused and is_refusal(folder.refused):
                refused.add(folder.path)
            else:
                self.visited.add(folder.path)
            self._queue.extend(path for path in folder.folders if path not in self._folders)
        return refused

    def _next(self, quirks: Quirks) -> Task[Folder] | None:
        if not self._queue:
            return None
        path = self._queue.popleft()
        before = self._folders.get(path, Folder(path))
        self._folders[path] = folder = Folder(path, before.files, before.folders)
        about = f"listing {paths.text_path(paths.join(self._scope.root, path))}"
        return Task(look_into(folder, self._scope, quirks), about)

    def _break_off(self, seconds: float) -> None:
        """Say that it took too long."""
        root = self._folders[b""]
        names = sum(len(f.files) + len(f.folders) for f in self._folders.values())
        shown = paths.text_path(self._scope.root)
        reason = f"its listing wasn't over after {seconds:.0f} s, when {names:,} names had come"
        if not names:
            raise TransientSftpError(f"the folder {shown} can't be listed: {reason}")
        root.reject(
            b"", f"{reason}: point SFTP_REMOTE_DIR to a smaller folder if it lasts", folder=True
        )

    def _check_root(self) -> None:
        refused = self._folders[b""].refused
        if not refused or self._folders[b""].files or self._folders[b""].folders:
            return
        shown = f"the folder {paths.text_path(self._scope.root)} can't be listed"
        if refused.code in (wire.NO_SUCH_FILE, wire.PERMISSION_DENIED):
            raise PermanentSftpError(
                f"{shown}: {describe(refused)}; check SFTP_REMOTE_DIR and the rights of this user"
            )
        raise TransientSftpError(f"{shown}: {describe(refused)}")


def look_into(folder: Folder, scope: ListingScope, quirks: Quirks) -> Conversation[Folder]:
    """List one folder, many requests ahead."""
    opened = yield from ask(wire.open_folder(paths.join(scope.root, folder.path)))
    if not isinstance(opened, Handle):
        folder.refused = opened if isinstance(opened, Status) else Status(wire.FAILURE, "")
        reason = f"the folder can't be read: {describe(folder.refused)}"
        folder.reject(folder.path, reason, folder=True)
        return folder
    try:
        yield from _read_entries(opened, folder, scope)
    except PermanentSftpError:
        yield from leave(opened)
        raise
    yield from leave(opened)
    yield from _settle_kinds(folder, scope, quirks)
    yield from _settle_links(folder, scope)
    return folder


def _read_entries(handle: Handle, folder: Folder, scope: ListingScope) -> Conversation[None]:
    """Sort the folder's entries into `folder`, until the server says that there are no more.

    As OpenSSH's client does it, an answer without a name is the end, too. Names may come after it:
    answers may have another order than what they answer.
    """
    batches = _Batches()
    ended = False
    requests: Sequence[Request] = [wire.read_folder(handle)] * 2
    in_flight = 0
    while requests or in_flight:
        in_flight += len(requests)
        _, reply = yield requests
        in_flight -= 1
        if isinstance(reply, Names) and reply.entries:
            scope.count(folder.path, reply.entries)
            folder.sort(reply.entries, scope)
            if not ended and batches.repeat(reply.entries):
                ended = True
                folder.reject(folder.path, "its listing repeats itself without end", folder=True)
        elif not ended:
            ended = True
            if not isinstance(reply, Names):
                folder.break_off(reply)
        # Two for each answer: a small folder costs few requests, a large one soon has many ahead.
        requests = [] if ended else [wire.read_folder(handle)] * min(2, READ_AHEADS - in_flight)


class _Batches:
    """Whether a listing goes round in circles."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._repeated = 0

    def repeat(self, entries: Sequence[Entry]) -> bool:
        """Tell whether too many of the answers were there before."""
        batch = hash(tuple(entry.name for entry in entries))
        self._repeated += batch in self._seen
        self._seen.add(batch)
        return self._repeated >= _MOST_REPEATED


def _settle_kinds(folder: Folder, scope: ListingScope, quirks: Quirks) -> Conversation[None]:
    """Find out what the entries without a type are: by STAT, else the long name, else OPENDIR."""
    entries = folder.untyped
    replies: Sequence[Reply] = [Status(wire.OP_UNSUPPORTED, "")] * len(entries)
    if quirks.types_by_stat:
        replies = yield from _look_at(
            [paths.join(folder.path, entry.name) for entry in entries], scope
        )
    for entry, looked in zip(entries, replies, strict=True):
        path, known = paths.join(folder.path, entry.name), with_kind(entry, looked)
        if isinstance(looked, Attributes) and not type_of(looked):
            quirks.types_by_stat = False
        if not type_of(known):
            known = yield from _try_to_open(path, known, folder, scope)
        elif type_of(known) == stat.S_IFDIR and scope.visits(path):
            known = yield from _unless_a_link(path, known, scope)
        folder.take(path, known, scope)


def _try_to_open(
    path: bytes, known: Attributes, folder: Folder, scope: ListingScope
) -> Conversation[Attributes]:
    """Tell a folder by that it can be opened; one that may not be is a problem, not a file.

    Some servers open whatever path as a folder: what has a file's name must have entries, too.
    """
    wanted = scope.wants(paths.split(path)[1])
    reply = yield from ask(wire.open_folder(paths.join(scope.root, path)))
    if isinstance(reply, Handle):
        first = yield from ask(wire.read_folder(reply))
        yield from leave(reply)
        if isinstance(first, Names) or not (wanted or is_refusal(first)):
            return known._replace(mode=stat.S_IFDIR)
        return known._replace(mode=stat.S_IFREG)
    denied = isinstance(reply, Status) and reply.code == wire.PERMISSION_DENIED
    if denied and not wanted:
        folder.reject(path, "whether it is a folder or a file can't be told", folder=True)
    return known._replace(mode=stat.S_IFREG)


def _unless_a_link(path: bytes, known: Attributes, scope: ListingScope) -> Conversation[Attributes]:
    """Look at a folder itself: STAT follows links, and those to folders can lead anywhere."""
    itself = yield from ask(wire.lstat(paths.join(scope.root, path)))
    is_link = isinstance(itself, Attributes) and type_of(itself) == stat.S_IFLNK
    return known._replace(mode=stat.S_IFLNK) if is_link else known


def _settle_links(folder: Folder, scope: ListingScope) -> Conversation[None]:
    """Take links to regular files, and files whose listing lacked size or time."""
    replies = yield from _look_at([*folder.links], scope)
    for (path, is_link), reply in zip(folder.links.items(), replies, strict=True):
        if isinstance(reply, Attributes):
            folder.add(path, reply)
        elif isinstance(reply, Status):
            leads_nowhere = is_link and reply.code == wire.NO_SUCH_FILE
            what = "a link that leads nowhere" if leads_nowhere else "it can't be looked at"
            folder.reject(path, f"{what}: {describe(reply)}")


def _look_at(found: Sequence[bytes], scope: ListingScope) -> Conversation[list[Reply]]:
    """STAT paths, many at once; those refused again, one by one."""
    requests = [wire.stat(paths.join(scope.root, path)) for path in found]
    replies = yield from ask_each(requests, READ_AHEADS)
    refused = [at for at, reply in enumerate(replies) if is_refusal(reply)]
    for at in refused:
        replies[at] = yield from ask(requests[at])
    return replies
