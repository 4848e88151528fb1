"""The client as the rest of the program uses it: connect, list, fetch, archive, remove.

`with connect(config) as sftp:` gives a session for one thread. Folders are text as in the
settings; files are the `RemoteFile`s of a listing, relative to the folder that was listed.
"""

import posixpath
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import paramiko

from saft_pipeline.sftp import connection, entries, fetching, listing, paths, removal, wire
from saft_pipeline.sftp.connection import host_key
from saft_pipeline.sftp.conversation import Conversation, ask_each
from saft_pipeline.sftp.errors import PermanentSftpError, SftpError
from saft_pipeline.sftp.host_key import HostKey
from saft_pipeline.sftp.model import (
    Fetched,
    FetchFailed,
    Listing,
    Problem,
    RemoteFile,
    SftpConfig,
)
from saft_pipeline.sftp.session import Session
from saft_pipeline.sftp.traffic import CONNECTIONS, REQUESTS, TRAFFIC

__all__ = [
    "FetchFailed",
    "Fetched",
    "HostKey",
    "Listing",
    "Problem",
    "RemoteFile",
    "Sftp",
    "SftpConfig",
    "connect",
    "host_key",
]


def connect(config: SftpConfig) -> "Sftp":
    """Log in to a server whose key is trusted.

    Raises TransientSftpError if trying again may help, else PermanentSftpError (HostKeyError for a
    key that isn't trusted).
    """
    opened = Sftp(*connection.open_session(config))
    TRAFFIC.add(CONNECTIONS)
    return opened


class Sftp:
    """An open session; a context manager that ends it.

    Every method raises TransientSftpError if the connection is lost, naming what was under way.
    """

    def __init__(self, transport: paramiko.Transport, session: Session) -> None:
        self._transport = transport
        self._session = session
        self._counted = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the session and the connection."""
        self._transport.close()
        TRAFFIC.add(REQUESTS, self._session.requests - self._counted)
        self._counted = self._session.requests

    def list(
        self,
        remote_dir: str,
        *,
        pattern: str = "*.xml",
        recursive: bool = True,
        exclude: str | None = None,
    ) -> Listing:
        """List the regular files whose names fit `pattern` (case-insensitive), oldest first.

        `exclude`, absolute or relative to `remote_dir`, is a folder that is never visited. Raises
        PermanentSftpError if `remote_dir` itself can't be listed.
        """
        root = paths.setting_path(remote_dir)
        excluded = self._relative(root, paths.setting_path(exclude)) if exclude else None
        if excluded == b".":
            raise PermanentSftpError(
                f"the archive folder is {remote_dir} itself: set SFTP_ARCHIVE_DIR to another"
            )
        selection = entries.Selection(root, paths.name_pattern(pattern), recursive, excluded)
        return listing.find(self._session, selection)

    def fetch(
        self, remote_dir: str, files: Sequence[RemoteFile], spill: Path
    ) -> Iterator[Fetched | FetchFailed]:
        """Read files, many at once and in any order; those over 1 MB into files in `spill`.

        Other methods may be called between two results. Memory stays under about 20 MB, whatever
        the number and size of the files.
        """
        return fetching.fetch(self._session, paths.setting_path(remote_dir), files, spill)

    def archive_all(
        self, remote_dir: str, files: Sequence[RemoteFile], archive_dir: str
    ) -> Iterator[tuple[RemoteFile, SftpError | None]]:
        """Move files that are still as they were loaded into `archive_dir`, made if missing.

        Many at once and in any order, each under a name of its own. Gives each file with None, or
        why it stays: FileChanged, FileGone (moved before, if not by another), or SftpError.
        """
        root, folder = paths.setting_path(remote_dir), paths.setting_path(archive_dir)
        can_replace = wire.POSIX_RENAME in self._session.extensions

        def work(file: RemoteFile) -> Conversation[bytes]:
            return removal.archive(root, file, folder, can_replace=can_replace)

        return removal.clear(self._session, files, work, "archiving")

    def remove_all(
        self, remote_dir: str, files: Sequence[RemoteFile]
    ) -> Iterator[tuple[RemoteFile, SftpError | None]]:
        """Delete files that are still as they were loaded, many at once and in any order.

        Gives each file with None, or why it stays: FileChanged, FileGone (deleted before, if not
        by another), or SftpError. SFTP has no way to delete only what didn't change: a file
        replaced within the round trip between look and deletion is lost; archiving puts it back.
        """
        root = paths.setting_path(remote_dir)
        return removal.clear(
            self._session, files, lambda file: removal.remove(root, file), "deleting"
        )

    def _relative(self, root: bytes, folder: bytes) -> bytes:
        """Give the path of a folder relative to `root`, which names it so or absolutely."""
        if not folder.startswith(b"/"):
            return posixpath.normpath(folder)
        questions = [wire.real_path(root), wire.real_path(folder)]
        replies = self._session.do(ask_each(questions, 2), f"looking for {paths.text_path(folder)}")
        start, end = map(_absolute, (root, folder), replies)
        return posixpath.relpath(end, start)


def _absolute(path: bytes, reply: wire.Reply) -> bytes:
    """Give what the server answered to REALPATH; some know no folder that isn't there yet."""
    named = reply.entries[0].name if isinstance(reply, wire.Names) and reply.entries else path
    return posixpath.join(b"/", named)
