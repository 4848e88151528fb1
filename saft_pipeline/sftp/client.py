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

from saft_pipeline.sftp import connection, fetching, listing, paths, removal, wire
from saft_pipeline.sftp.errors import PermanentSftpError
from saft_pipeline.sftp.faults import describe
from saft_pipeline.sftp.model import (
    Fetched,
    FetchFailed,
    Listing,
    Problem,
    RemoteFile,
    SftpConfig,
)
from saft_pipeline.sftp.session import Session, ask

__all__ = [
    "FetchFailed",
    "Fetched",
    "Listing",
    "Problem",
    "RemoteFile",
    "Sftp",
    "SftpConfig",
    "connect",
]


def connect(config: SftpConfig) -> "Sftp":
    """Log in to a server whose key is trusted.

    Raises TransientSftpError if trying again may help, else PermanentSftpError (HostKeyError for a
    key that isn't trusted).
    """
    return Sftp(*connection.open_session(config))


class Sftp:
    """An open session; a context manager that ends it.

    Every method raises TransientSftpError if the connection is lost, naming what was under way.
    """

    def __init__(self, transport: paramiko.Transport, session: Session) -> None:
        self._transport = transport
        self._session = session

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
        root = self._real_path(remote_dir)
        excluded = _below(root, exclude) if exclude else None
        if excluded == root:
            raise PermanentSftpError(
                f"The archive folder is {remote_dir} itself: set SFTP_ARCHIVE_DIR to another."
            )
        selection = listing.Selection(root, paths.name_pattern(pattern), recursive, excluded)
        return listing.find(self._session, selection)

    def fetch(
        self, remote_dir: str, files: Sequence[RemoteFile], spill: Path
    ) -> Iterator[Fetched | FetchFailed]:
        """Read files, many at once and in any order; those over 1 MB into files in `spill`.

        Other methods may be called between two results. Memory stays under about 20 MB, whatever
        the number and size of the files.
        """
        return fetching.fetch(self._session, paths.setting_path(remote_dir), files, spill)

    def archive(self, remote_dir: str, file: RemoteFile, archive_dir: str) -> str:
        """Move a file that is still as it was loaded into `archive_dir`, made if missing.

        Gives its new path as text. Raises FileChanged (FileGone if it isn't there), or SftpError.
        """
        moving = removal.archive(
            paths.setting_path(remote_dir),
            file,
            paths.setting_path(archive_dir),
            can_replace=wire.POSIX_RENAME in self._session.extensions,
        )
        return paths.text_path(self._session.do(moving, f"archiving {file.text}"))

    def remove(self, remote_dir: str, file: RemoteFile) -> None:
        """Delete a file that is still as it was loaded.

        Raises FileChanged (FileGone if it isn't there), or SftpError.
        """
        removing = removal.remove(paths.setting_path(remote_dir), file)
        self._session.do(removing, f"deleting {file.text}")

    def _real_path(self, remote_dir: str) -> bytes:
        request = wire.real_path(paths.setting_path(remote_dir))
        reply = self._session.do(ask(request), f"looking for {remote_dir}")
        if isinstance(reply, wire.Names) and reply.entries:
            return reply.entries[0].name
        status = reply if isinstance(reply, wire.Status) else wire.Status(wire.FAILURE, "")
        raise PermanentSftpError(
            f"The folder {remote_dir} can't be found: {describe(status)}. Check SFTP_REMOTE_DIR."
        )


def _below(root: bytes, folder: str) -> bytes:
    """Give the absolute path of a folder named relative to `root`, without `.` and `..`."""
    return posixpath.normpath(paths.join(root, paths.setting_path(folder)))
