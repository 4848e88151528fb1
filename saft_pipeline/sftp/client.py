"""The client as the rest of the program uses it: connect, list, fetch, archive, remove.

`with connect(config) as sftp:` gives a session for one thread. Folders are text as in the
settings; files are the `RemoteFile`s of a listing, relative to the folder that was listed.
"""

import logging
import posixpath
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from saft_pipeline.sftp import connection, entries, fetching, listing, paths, removal, wire
from saft_pipeline.sftp.connection import host_key
from saft_pipeline.sftp.conversation import Conversation, ask_each
from saft_pipeline.sftp.errors import (
    PermanentSftpError,
    ServerAdaptedError,
    SftpError,
    TransientSftpError,
)
from saft_pipeline.sftp.flight import Bounds
from saft_pipeline.sftp.host_key import HostKey
from saft_pipeline.sftp.model import (
    Fetched,
    FetchFailed,
    Listing,
    ListingProblem,
    Loaded,
    RemoteFile,
    RemoteFiles,
    SftpConfig,
)
from saft_pipeline.sftp.quirks import Quirks
from saft_pipeline.sftp.session import OverdueError, Session, Until
from saft_pipeline.sftp.traffic import CONNECTIONS, REQUESTS, TRAFFIC
from saft_pipeline.sftp.transport import SshTransport

__all__ = [
    "FetchFailed",
    "Fetched",
    "HostKey",
    "Listing",
    "ListingProblem",
    "Loaded",
    "Quirks",
    "RemoteFile",
    "RemoteFiles",
    "Sftp",
    "SftpConfig",
    "connect",
    "host_key",
]

_log = logging.getLogger(__name__)

# So many connections must have been closed one after the other, each at its first requests.
_CUTS_THAT_TELL = 3
_AFTER_LISTING = 5.0  # seconds at least
_SOME = 3  # files that tell of a listing's times
# A little more: times on the wire are whole seconds.
_A_SECOND = 1.1

Item = TypeVar("Item")
Result = TypeVar("Result")


def connect(config: SftpConfig, quirks: Quirks | None = None) -> "Sftp":
    """Log in to a server whose key is trusted, and of which `quirks` are known.

    Raises TransientSftpError if trying again may help, else PermanentSftpError (HostKeyError for a
    key that isn't trusted).
    """
    return Sftp(config, quirks or Quirks())


class Sftp:
    """An open session; a context manager that ends it.

    A server that shows a new quirk, or closes the connection when much is asked at once, is
    connected to again and the work goes on with fewer requests; `quirks` are what was learnt. Else
    every method raises TransientSftpError if the connection is lost, naming what was under way.
    """

    def __init__(self, config: SftpConfig, quirks: Quirks) -> None:
        self._config = config
        self.quirks = quirks
        self._known = replace(quirks)
        self._cuts = 0
        self._due: float | None = None
        self._transport, self._session = self._open(Bounds.of(config.requests, quirks))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, bounds: Bounds) -> tuple[SshTransport, Session]:
        config = self._config
        if self._due is not None:
            config = replace(config, timeout=max(1.0, min(config.timeout, _left(self._due))))
        opened = connection.open_session(config, self.quirks, bounds)
        TRAFFIC.add(CONNECTIONS)
        return opened

    @property
    def learnt(self) -> dict[str, Any]:
        """The fields of `quirks` that aren't as they were given, with what they are."""
        given, now = asdict(self._known), asdict(self.quirks)
        return {name: value for name, value in now.items() if value != given[name]}

    def close(self) -> None:
        """End the session and the connection."""
        self._transport.close()
        TRAFFIC.add(REQUESTS, self._session.requests)
        self._session.requests = 0

    def list(
        self,
        remote_dir: str,
        *,
        pattern: str = "*.xml",
        recursive: bool = True,
        exclude: str | None = None,
        within: float | None = None,
    ) -> Listing:
        """List the regular files whose names fit `pattern` (case-insensitive), oldest first.

        `exclude`, absolute or relative to `remote_dir`, is a folder that is never visited. After
        `within` seconds the listing is what came by then, and not whole, unless many names come
        (`listing.LEAST_NAMES`). Raises PermanentSftpError if `remote_dir` itself can't be listed.
        """
        self._due = due = _due(within)
        root = paths.setting_path(remote_dir)
        excluded = self._relative(root, paths.setting_path(exclude)) if exclude else None
        if excluded == b".":
            raise PermanentSftpError(
                f"the archive folder is {remote_dir} itself: set SFTP_ARCHIVE_DIR to another"
            )
        wanted = paths.name_pattern(pattern)
        walk = listing.Walk(entries.ListingScope(root, wanted, recursive, excluded))
        while True:
            left, before = None if due is None else _left(due), len(walk.visited)
            try:
                found = walk.go(self._session, left)
            except TransientSftpError as error:
                progressed = len(walk.visited) > before
                self._go_on_after(error, self._session, progressed=progressed)
            else:
                self._learn()
                # A long listing that came quickly enough may have taken all of it.
                self._due = due and max(due, time.monotonic() + _AFTER_LISTING)
                if len(found.files) >= _SOME:
                    self._judge_times(root, found.files, found.files)
                return found if self.quirks.times else listing.without_times(found)

    def _judge_times(self, root: bytes, files: RemoteFiles, now: RemoteFiles) -> None:
        """Find out whether files' times move with each look, where they all are about now.

        Those of a good server are never waited for: they are as they were listed.
        """
        if not (self.quirks.times and listing.all_about_now(now)):
            return
        some = files[:_SOME]
        listed = [wire.Attributes(file.size, None, file.modified_at) for file in some]
        looks = [wire.stat(paths.below(root, file.path)) for file in some]
        about = "looking whether times move by themselves"
        before = self._session.do(ask_each(looks, _SOME), about, self._until())
        if all(map(listing.moved, listed, before)):
            time.sleep(_A_SECOND)
            after = self._session.do(ask_each(looks, _SOME), about, self._until())
            self.quirks.times = not all(map(listing.moved, before, after))

    def fetch(
        self,
        remote_dir: str,
        files: Sequence[RemoteFile],
        spill: Path | None,
        *,
        within: float | None = None,
    ) -> Iterator[Fetched | FetchFailed]:
        """Read files, many at once and in any order; those over 1 MB into files in `spill`.

        Without `spill` they are only hashed, and their content is empty. Other methods may be
        called between two results. What isn't done `within` seconds isn't given. Memory stays
        under about 20 MB, whatever the number and size of the files.
        """
        root = paths.setting_path(remote_dir)
        listed, now = RemoteFiles(files), RemoteFiles()
        for result in self._persist(
            {file.path: file for file in files},
            lambda session, left, until: fetching.fetch(session, root, left, spill, until),
            lambda result: result.file.path,
            within,
        ):
            now.add(result.file)
            yield result
        # Of a listing whose times are all of this second nothing could be told then.
        if len(now.news(listed)) == len(now):
            self._judge_times(root, listed, now)

    def archive_all(
        self,
        remote_dir: str,
        files: Sequence[Loaded],
        archive_dir: str,
        *,
        within: float | None = None,
    ) -> Iterator[removal.Cleared]:
        """Move files that are still as they were loaded into `archive_dir`, made if missing.

        Many at once and in any order, each under a name of its own. Gives each file with None, or
        why it stays: FileChanged, FileGone (moved before, if not by another), FileStays or
        SftpError. What isn't done `within` seconds isn't given.
        """
        folder = paths.setting_path(archive_dir)
        return self._clear(
            remote_dir, files, lambda place, one: removal.archive(place, one, folder), within
        )

    def remove_all(
        self, remote_dir: str, files: Sequence[Loaded], *, within: float | None = None
    ) -> Iterator[removal.Cleared]:
        """Delete files that are still as they were loaded, many at once and in any order.

        Gives each file with None, or why it stays: FileChanged, FileGone (deleted before, if not
        by another), FileStays or SftpError. What isn't done `within` seconds isn't given.
        """
        return self._clear(remote_dir, files, removal.remove, within)

    def try_out(self, remote_dir: str, archive_dir: str) -> None:
        """Make, move and delete an empty hidden folder, as clearing files away needs it.

        Raises PermanentSftpError if the server doesn't let us, or only says so.
        """
        reader = fetching.Reader(lambda: self._session.limits.max_read, self.quirks, None)
        place = removal.RemoteFolder(paths.setting_path(remote_dir), reader)
        self._session.do(
            removal.try_out(place, paths.setting_path(archive_dir)), "trying to move a folder"
        )

    def _clear(
        self,
        remote_dir: str,
        files: Sequence[Loaded],
        work: Callable[[removal.RemoteFolder, Loaded], Conversation[object]],
        within: float | None,
    ) -> Iterator[removal.Cleared]:
        root = paths.setting_path(remote_dir)

        def clear(
            session: Session, left: Sequence[Loaded], until: Until | None
        ) -> Iterator[removal.Cleared]:
            reader = fetching.Reader(lambda: session.limits.max_read, self.quirks, None)
            place = removal.RemoteFolder(root, reader, wire.POSIX_RENAME in session.extensions)
            return removal.clear(session, left, lambda one: work(place, one), "clearing", until)

        by_path = {loaded.file.path: loaded for loaded in files}
        return self._persist(by_path, clear, lambda cleared: cleared[0].path, within)

    def _persist(
        self,
        waiting: dict[bytes, Item],
        work: Callable[[Session, Sequence[Item], Until | None], Iterator[Result]],
        path_of: Callable[[Result], bytes],
        within: float | None,
    ) -> Iterator[Result]:
        """Give what `work` makes of each file, over as many connections as that takes.

        What isn't done `within` seconds isn't given; `work` is told until when, by its session.
        """
        self._due = _due(within)
        while waiting:
            session, until, before = self._session, self._until(), len(waiting)
            try:
                for result in work(session, [*waiting.values()], until):
                    del waiting[path_of(result)]
                    yield result
            except OverdueError:
                return
            except TransientSftpError as error:
                self._go_on_after(error, session, progressed=len(waiting) < before)
        self._learn()

    def _until(self) -> Until | None:
        """When what is under way must be over."""
        if self._due is None:
            return None
        until = self._session.clock() + _left(self._due)
        return lambda: until

    def _go_on_after(
        self, error: TransientSftpError, session: Session, *, progressed: bool = False
    ) -> None:
        """Connect again if that may help, else raise the error.

        Some servers end a session after so many requests: while files are done it goes on.
        """
        if session is not self._session:
            return  # lost and made anew meanwhile
        if self._transport.aborted:
            raise error
        if isinstance(error, ServerAdaptedError):
            bounds = Bounds.of(self._config.requests, self.quirks)
        elif session.was_closed and (
            (progressed and not session.was_cut_early) or session.flight.cut()
        ):
            # One that was at work before it was lost may be the network's.
            self._cuts = self._cuts + 1 if session.was_cut_early else 1
            bounds = session.flight.bounds
        else:
            raise error
        _log.warning("%s", error)
        self.close()
        try:
            self._transport, self._session = self._open(bounds)
        except SftpError as refused:
            raise error from refused

    def _learn(self) -> None:
        """Keep what the work just done went through with; few cuts may be the network's."""
        if self._cuts >= _CUTS_THAT_TELL:
            self.quirks.requests = self._session.flight.bounds.requests
        self._cuts = 0

    def _relative(self, root: bytes, folder: bytes) -> bytes:
        """Give the path of a folder relative to `root`, which names it so or absolutely."""
        if not folder.startswith(b"/"):
            return posixpath.normpath(folder)
        questions = [wire.real_path(root), wire.real_path(folder)]
        about = f"looking for {paths.text_path(folder)}"
        replies = self._session.do(ask_each(questions, 2), about, self._until())
        start, end = map(_absolute, (root, folder), replies)
        return posixpath.relpath(end, start)


def _due(within: float | None) -> float | None:
    return None if within is None else time.monotonic() + within


def _left(due: float) -> float:
    return max(0.0, due - time.monotonic())


def _absolute(path: bytes, reply: wire.Reply) -> bytes:
    """Give what the server answered to REALPATH; some know no folder that isn't there yet."""
    named = reply.entries[0].name if isinstance(reply, wire.Names) and reply.entries else path
    return posixpath.join(b"/", named)
