"""Where the bytes of a claimed file come from: the SFTP folder, or this machine (`saft ingest`)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Protocol

from saft_pipeline.loading.archives import splits
from saft_pipeline.loading.errors import SourceError
from saft_pipeline.loading.local_files import client_folders, local_file, read_local
from saft_pipeline.loading.sftp_source import SftpSource
from saft_pipeline.loading.unpacking import Arrival, arrived, failed_as, taken_out
from saft_pipeline.settings import Settings
from saft_pipeline.sftp.client import FetchFailed
from saft_pipeline.sftp.paths import raw_path
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.store import Store

LOCAL = "file"


class Source(Protocol):
    """One place that files are fetched from."""

    @property
    def allows_another(self) -> bool:
        """Whether files may be fetched beside it at the same time."""
        ...

    def fetch(self, files: Sequence[LedgerFile], spill: Path) -> Iterator[Arrival]:
        """Each file once, in any order; files over 1 MB are written into `spill`."""
        ...

    def clear_away(self, files: Sequence[LedgerFile]) -> Iterator[tuple[LedgerFile, str | None]]:
        """Archive or delete loaded files as `AFTER_LOAD` says.

        Yields each file that was to leave its place, with the reason if it could not.
        """
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


def source_of(name: str, settings: Settings, beside: Source | None = None) -> Source:
    """The source that the ledger calls `name`; `beside` is one of it that is in use already.

    Without SOURCES_FILE every address is that of the one server, which may have moved. Raises
    SourceError if the settings know none of this name.
    """
    if name == LOCAL:
        return LocalSource(client_folders(settings))
    source = settings.source_named(name)
    if source is None and "://" in name and settings.sources_file is None:
        (source,) = settings.sources
    if source is None:
        known = ", ".join(each.source for each in settings.sources)
        raise SourceError(f"{name} is none of the sources in use ({known}): see SOURCES_FILE")
    if isinstance(beside, SftpSource) and beside.is_alone:
        return beside
    return SftpSource(source, beside=beside if isinstance(beside, SftpSource) else None)


class LocalSource:
    """Files of this machine, never removed; `path` is absolute.

    Each is read once, into memory or a copy: what is hashed is what is loaded.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        """`folders`: those that clients of the API may name files in."""
        self._folders = folders

    @property
    def allows_another(self) -> bool:
        """A local file is read by whoever likes."""
        return True

    def fetch(self, files: Sequence[LedgerFile], spill: Path) -> Iterator[Arrival]:
        """Each file as it is now, judged anew; a zip once for its members."""
        for zipped, group in groupby(files, _local_zip):
            if zipped is not None:
                yield from self._members(zipped, list(group), spill)
                continue
            for file in group:
                path = Path(os.fsdecode(raw_path(file.path)))
                yield Arrival(file, arrived(read_local(path, self._folders, spill), spill))

    def _members(self, zipped: Path, files: Sequence[LedgerFile], spill: Path) -> Iterator[Arrival]:
        archive = read_local(zipped, self._folders, spill)
        if isinstance(archive, FetchFailed):
            yield from (Arrival(file, failed_as(archive, file)) for file in files)
            return
        try:
            yield from taken_out(archive, archive.file.text, files, spill)
        finally:
            archive.discard()

    def clear_away(self, files: Sequence[LedgerFile]) -> Iterator[tuple[LedgerFile, str | None]]:
        """`AFTER_LOAD` is about the server; a local file stays."""
        return iter(())

    def close(self) -> None:
        """Nothing is held open."""


def _local_zip(file: LedgerFile) -> Path | None:
    """The zip that a local file is in, if it is in one and not in a folder of such a name."""
    named = [Path(os.fsdecode(raw_path(name))) for name, _ in splits(file.path)]
    return next((path for path in named if path.is_file()), None)


def enter_local(store: Store, path: Path, folders: Sequence[Path] = ()) -> LedgerFile:
    """Note a local file in the ledger, if it is new or has changed; its row. Raises OSError."""
    seen = local_file(path, folders)
    store.observe(LOCAL, [seen], whole=False)
    return store.files(source=LOCAL, path=seen.path)[0]
