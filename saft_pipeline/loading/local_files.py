"""Files of this machine: a regular file or nothing, and no other than was allowed; read once.

A name that was judged may be another file when it is opened. So a file below the folders that
clients may name (`API_FOLDERS`) is opened step by step below the folder's descriptor, no link is
followed, and what is judged and read is what was opened. What a person names to `saft ingest` is
that person's affair: links are followed there.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from saft_pipeline.loading.archives import NOT_IN_ZIPS, ArchiveError, Zip, is_xml, is_zip
from saft_pipeline.loading.spill import poured
from saft_pipeline.saft.filename import branch_of
from saft_pipeline.settings import Settings
from saft_pipeline.sftp.client import Fetched, FetchFailed, RemoteFile
from saft_pipeline.sftp.paths import text_path
from saft_pipeline.store.model import SeenFile

# A FIFO is opened at once, and refused, where it would be waited for.
_HOW = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


class NotRegularError(OSError):
    """A folder, a FIFO, a device or a link where a file should be."""


def client_folders(settings: Settings) -> list[Path]:
    """The folders whose files a client of the API may name."""
    return list(settings.api_folders) or [settings.home / "inbox"]


def open_local(path: Path, folders: Sequence[Path]) -> int:
    """The descriptor of a regular file; of one below `folders` without following links.

    Raises:
        OSError: it can't be opened, or is no regular file; `strerror` says why.
    """
    for folder in folders:
        root = folder.resolve()
        if path.is_relative_to(root):
            return _regular(_open_below(root, path.relative_to(root)))
    return _regular(os.open(path, _HOW))


def _open_below(folder: Path, relative: Path) -> int:
    *between, name = relative.parts
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in between:
            inner = _open_at(part, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, at)
            os.close(at)
            at = inner
        return _open_at(name, _HOW, at)
    finally:
        os.close(at)


def _open_at(name: str, how: int, folder: int) -> int:
    try:
        return os.open(name, how | os.O_NOFOLLOW, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise NotRegularError(error.errno, "it is, or lies behind, a link", name) from None
        raise


def _regular(descriptor: int) -> int:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise NotRegularError(errno.EISDIR, "a folder; name the files in it, as FOLDER/*.xml")
    raise NotRegularError(errno.EINVAL, "not a regular file")


def read_local(path: Path, folders: Sequence[Path], spill: Path) -> Fetched | FetchFailed:
    """A file as it is now, hashed as it is read, or why it can't be had."""
    remote = RemoteFile(path=os.fsencode(path), size=0, modified_at=0)
    try:
        descriptor = open_local(path, folders)
    except FileNotFoundError:
        return FetchFailed(remote, f"{path}: no such file", "gone")
    except OSError as error:
        return FetchFailed(remote, f"{path}: {error.strerror}", "unreadable")
    with os.fdopen(descriptor, "rb") as stream:
        found_stat = os.fstat(descriptor)
        content, digest = poured(stream, spill)
    found = RemoteFile(remote.path, found_stat.st_size, int(found_stat.st_mtime))
    return Fetched(file=found, sha256=digest, content=content)


def local_files(path: Path) -> list[SeenFile]:
    """A local file as the ledger knows it; of a zip all XML files in it.

    Raises:
        OSError: it can't be read.
        ArchiveError: the zip can't be taken, or holds none.
    """
    seen = local_file(path)
    if not is_zip(seen.path):
        return [seen]
    with path.open("rb") as archive:
        found = Zip(archive).members(is_xml)
    if not found:
        raise ArchiveError(f"no XML file is in it ({NOT_IN_ZIPS})")
    return [
        replace(
            seen,
            path=f"{seen.path}/{member.path}",
            filename=member.path.rpartition("/")[2],
            branch=branch_of(member.path.rpartition("/")[2]),
            size=member.size,
        )
        for member in found
    ]


def local_file(path: Path, folders: Sequence[Path] = ()) -> SeenFile:
    """A local file as the ledger knows it, by its absolute path. Raises OSError."""
    descriptor = open_local(path.absolute(), folders)
    found = os.fstat(descriptor)
    os.close(descriptor)
    return SeenFile(
        path=text_path(os.fsencode(path.absolute())),
        filename=text_path(os.fsencode(path.name)),
        branch=branch_of(path.name),
        size=found.st_size,
        modified_at=datetime.fromtimestamp(int(found.st_mtime), UTC),
    )
