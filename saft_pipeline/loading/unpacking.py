"""Files on their way in, taken out of what they were packed in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from saft_pipeline.loading.archives import (
    ArchiveError,
    BrokenArchiveError,
    MemberGoneError,
    Zip,
    unpacked,
)
from saft_pipeline.sftp.client import Fetched, FetchFailed, RemoteFile
from saft_pipeline.sftp.paths import raw_path
from saft_pipeline.store.model import LedgerFile


@dataclass
class Arrival:
    """A file's bytes, or why they could not be had."""

    file: LedgerFile
    result: Fetched | FetchFailed


def remote_file(file: LedgerFile) -> RemoteFile:
    """A ledger's file as the client knows it."""
    return RemoteFile(raw_path(file.path), file.size, int(file.modified_at.timestamp()))


def arrived(result: Fetched | FetchFailed, spill: Path) -> Fetched | FetchFailed:
    """The same, unpacked if its name says that it is packed by itself."""
    try:
        return unpacked(result, spill) if isinstance(result, Fetched) else result
    except ArchiveError as error:
        return _refused(result.file, error)


def _refused(file: RemoteFile, error: ArchiveError) -> FetchFailed:
    kind: Literal["broken", "unfit"]
    kind = "broken" if isinstance(error, BrokenArchiveError) else "unfit"
    return FetchFailed(file, f"{file.text}: {error}", kind)


def failed_as(failed: FetchFailed, file: LedgerFile) -> FetchFailed:
    """What became of a zip, as what became of a file in it."""
    return FetchFailed(remote_file(file), failed.reason, failed.kind)


def taken_out(
    archive: Fetched, name: str, files: Iterable[LedgerFile], spill: Path
) -> Iterator[Arrival]:
    """Members of a zip, as it is now; of one that came without a byte, that they may come yet."""
    with archive.open() as opened:
        packed = Zip(opened)
        for file in files:
            yield Arrival(file, _member(archive, packed, file, file.path[len(name) + 1 :], spill))


def _member(
    archive: Fetched, packed: Zip, file: LedgerFile, path: str, spill: Path
) -> Fetched | FetchFailed:
    remote = RemoteFile(raw_path(file.path), file.size, archive.file.modified_at)
    if archive.content == b"":
        return FetchFailed(remote, f"{file.path}: its zip is empty as yet", "cut")
    try:
        return packed.taken_out(path, remote, spill)
    except MemberGoneError as error:
        return FetchFailed(remote, f"{file.path}: {error}", "changed")
    except ArchiveError as error:
        return _refused(remote, error)
