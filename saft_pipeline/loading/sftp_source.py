"""The SFTP server as a source: fetched side by side, tried again, cleared when rows are in."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from saft_pipeline.loading.archives import splits
from saft_pipeline.loading.errors import SourceError, TransientSourceError
from saft_pipeline.loading.servers import (
    close_connection,
    note_slow,
    open_connection,
    quirks_of,
    refuse_if_slow,
)
from saft_pipeline.loading.unpacking import Arrival, arrived, failed_as, remote_file, taken_out
from saft_pipeline.retries import tries
from saft_pipeline.settings import SourceSettings
from saft_pipeline.sftp.client import Fetched, FetchFailed, Loaded, RemoteFile, Sftp
from saft_pipeline.sftp.errors import (
    FileGone,
    LoginRefusedError,
    SftpError,
    TooManyConnectionsError,
    TooSlowError,
    TransientSftpError,
)
from saft_pipeline.sftp.open_connections import OPEN_CONNECTIONS
from saft_pipeline.sftp.paths import raw_path
from saft_pipeline.sftp.removal import RACY_SECONDS
from saft_pipeline.sftp.traffic import TRAFFIC
from saft_pipeline.store.errors import StoreError
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.store import Store

_TRIES = 3
_CLOCKS_DIFFER = 86_400.0  # seconds at most, zones included
_NOT_HAD = ("gone", "transient", "unreadable")
_NO_SIZE = 0
"""Of a zip, which the ledger has no row for: the server is asked, or it is read to its end."""


class SftpSource:
    """The SFTP folder of the settings, over one connection, made anew when it is lost.

    When `due` (monotonic time) is past, what was begun is given up. May be used by two threads:
    they take turns. Where the server allows no second connection that of the source `beside` is
    used.
    """

    def __init__(
        self,
        settings: SourceSettings,
        due: float | None = None,
        *,
        beside: SftpSource | None = None,
    ) -> None:
        self._settings = settings
        self._beside = beside
        self._due = due
        self._sftp: Sftp | None = None
        self._zip: Fetched | None = None
        self._turn = threading.Lock()

    @property
    def is_late(self) -> bool:
        """Whether the time is up."""
        return self._due is not None and time.monotonic() > self._due

    @property
    def is_alone(self) -> bool:
        """Whether no second connection may be made."""
        known = self._sftp.quirks if self._sftp else quirks_of(self._settings)
        return 1 in (known.connections, self._settings.sftp_connections)

    @property
    def allows_another(self) -> bool:
        """Whether SFTP_CONNECTIONS leaves one more beside it and the one that clears away."""
        used = 1 if self._settings.after_load == "keep" else 2
        return not self.is_alone and used < self._settings.sftp_connections

    def fetch(self, files: Sequence[LedgerFile], spill: Path) -> Iterator[Arrival]:
        """After the last try with a lost connection what is missing has failed as transient.

        Raises SourceError: login, host key or folder.
        """
        with self._turn, source_errors():
            if self._beside and not self._has_room(self._beside):
                raise TransientSftpError(f"{self._settings.address}: no second connection")
            yield from self._fetch(files, spill)

    def _fetch(self, files: Sequence[LedgerFile], spill: Path) -> Iterator[Arrival]:
        yield from self._fetch_files([f for f in files if not splits(f.path)], spill)
        yield from self._fetch_members([f for f in files if splits(f.path)], spill)

    def _fetch_files(self, files: Sequence[LedgerFile], spill: Path) -> Iterator[Arrival]:
        waiting = {raw_path(f.path): f for f in files}
        for result in self._fetch_remote([remote_file(f) for f in files], spill):
            yield Arrival(waiting[result.file.path], arrived(result, spill))

    def _fetch_members(
        self, files: Sequence[LedgerFile], spill: Path, depth: int = 0
    ) -> Iterator[Arrival]:
        """Files in zips, or in folders that are called so: these can't be read, what is in can."""
        by_zip: dict[str, list[LedgerFile]] = {}
        for file in files:
            by_zip.setdefault(splits(file.path)[depth][0], []).append(file)
        for name, inside in by_zip.items():
            archive = self._archive(name, inside, spill)
            if isinstance(archive, Fetched):
                yield from taken_out(archive, name, inside, spill)
                continue
            for arrival in self._fetch_below(inside, spill, depth):
                result = arrival.result
                if isinstance(result, FetchFailed) and result.kind in _NOT_HAD:
                    arrival.result = failed_as(archive, arrival.file)
                yield arrival

    def _fetch_below(
        self, files: Sequence[LedgerFile], spill: Path, depth: int
    ) -> Iterator[Arrival]:
        """Files in a folder that is called like a zip, as deep in such ones."""
        deeper = [f for f in files if len(splits(f.path)) > depth + 1]
        yield from self._fetch_members(deeper, spill, depth + 1)
        yield from self._fetch_files([f for f in files if f not in deeper], spill)

    def _archive(
        self, name: str, inside: Sequence[LedgerFile], spill: Path
    ) -> Fetched | FetchFailed:
        """A zip, fetched once for all of its members that a run asks for one after the other."""
        if self._zip is None or self._zip.file.text != name:
            self._let_go_of_zip()
            remote = RemoteFile(raw_path(name), _NO_SIZE, int(inside[0].modified_at.timestamp()))
            (result,) = self._fetch_remote([remote], spill)
            if isinstance(result, FetchFailed):
                return result
            self._zip = result
        return self._zip

    def _let_go_of_zip(self) -> None:
        if self._zip is not None:
            self._zip.discard()
        self._zip = None

    def _fetch_remote(
        self, files: Sequence[RemoteFile], spill: Path
    ) -> Iterator[Fetched | FetchFailed]:
        waiting = {file.path: file for file in files}
        try:
            refuse_if_slow(self._settings)
            for attempt in tries(OPEN_CONNECTIONS.may_pass(), attempts=_TRIES):
                with attempt:
                    for result in self._fetch_once(list(waiting.values()), spill):
                        del waiting[result.file.path]
                        yield result
        except TransientSftpError as error:
            for file in waiting.values():
                yield FetchFailed(file, str(error), "transient")

    def _fetch_once(
        self, files: Sequence[RemoteFile], spill: Path
    ) -> Iterator[Fetched | FetchFailed]:
        try:
            if files:
                yield from self._connected().fetch(self._settings.sftp_remote_dir, files, spill)
        except TransientSftpError as error:
            if isinstance(error, TooSlowError):
                note_slow(self._settings, error)
            self._disconnect()
            raise

    def _connected(self) -> Sftp:
        if self._sftp is None:
            self._sftp = open_connection(self._settings, self._left())
        return self._sftp

    def _left(self) -> float | None:
        return None if self._due is None else max(1.0, self._due - time.monotonic())

    def clear_away(self, files: Sequence[LedgerFile]) -> Iterator[tuple[LedgerFile, str | None]]:
        """Many at once; a file that is no longer the one that was read stays.

        Raises SourceError.
        """
        if self._settings.after_load == "keep" or not files:
            return
        with source_errors():
            if self._beside and not self._has_room(self._beside):
                yield from self._beside.clear_away(files)
                return
            with self._turn:
                yield from self._clear_away(files)

    def _has_room(self, beside: SftpSource) -> bool:
        """Whether the server lets a second connection be; if not, one is enough from now on."""
        try:
            self._connected()
        except (TooManyConnectionsError, LoginRefusedError):
            if beside._sftp is None:  # else the same login was let in a moment ago
                raise
            beside._sftp.quirks.connections = 1
            return False
        except SftpError:
            return False
        return True

    def _clear_away(self, files: Sequence[LedgerFile]) -> Iterator[tuple[LedgerFile, str | None]]:
        waiting = {raw_path(f.path): f for f in files}
        try:
            for remote, error in self._clear(_loaded(files)):
                there = error is not None and not isinstance(error, FileGone)
                yield waiting.pop(remote.path), str(error) if there else None
        except TransientSftpError as error:
            self._disconnect()
            for file in waiting.values():
                yield file, str(error)

    def _clear(self, files: Sequence[Loaded]) -> Iterator[tuple[RemoteFile, SftpError | None]]:
        folder, sftp = self._settings.sftp_remote_dir, self._connected()
        if self._settings.after_load == "delete":
            return sftp.remove_all(folder, files, within=self._left())
        archive = self._settings.sftp_archive_dir
        return sftp.archive_all(folder, files, archive, within=self._left())

    def clear_archive(self, archive: RemoteFile, sha256: str) -> str | None:
        """Archive or delete a zip, if it is still as it was listed; why it stays."""
        try:
            with source_errors():
                done = list(self._clear([Loaded(archive, sha256, racy=False)]))
        except SourceError as failed:
            return str(failed)
        if not done:
            return f"{archive.text}: the server took too long"
        error = done[0][1]
        return None if error is None or isinstance(error, FileGone) else str(error)

    def close(self) -> None:
        """End the connection, and let go of what was kept."""
        self._let_go_of_zip()
        self._disconnect()

    def _disconnect(self) -> None:
        if self._sftp is not None:
            close_connection(self._settings, self._sftp)
            self._sftp = None


def racy_from(files: Sequence[LedgerFile], looked: float) -> float:
    """Times from this one on may be borne by other bytes after a look; seconds of the epoch.

    Files are of one source, `looked` is by our clock. The server's may be behind it: then its own
    newest file tells how late it is there, if that is no longer ago than clocks and zones differ.
    """
    newest = max((file.modified_at.timestamp() for file in files), default=looked)
    return (newest if looked - _CLOCKS_DIFFER < newest < looked else looked) - RACY_SECONDS


def _loaded(files: Sequence[LedgerFile]) -> list[Loaded]:
    """What was loaded, as the server must still have it; a later version's first look isn't known.

    Its bytes decide if it was changed shortly before it was first seen, or at any time after.
    """
    since = racy_from(files, max(file.first_seen_at.timestamp() for file in files))
    return [
        Loaded(remote_file(f), f.sha256 or "", f.version > 1 or _changed_late(f, since))
        for f in files
    ]


def _changed_late(file: LedgerFile, since: float) -> bool:
    modified, seen = file.modified_at.timestamp(), file.first_seen_at.timestamp()
    return modified >= since or modified > seen - RACY_SECONDS


@contextmanager
def source_errors() -> Iterator[None]:
    """What goes wrong with the server, in the words of all sources."""
    try:
        yield
    except TransientSftpError as error:
        raise TransientSourceError(str(error)) from error
    except SftpError as error:
        raise SourceError(str(error)) from error


def count_traffic(store: Store, **more: int) -> None:
    """Add what this process asked of the servers to the metrics; a fault costs figures only."""
    with suppress(StoreError):
        store.count({**TRAFFIC.take(), **more})
