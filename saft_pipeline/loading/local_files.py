"""Opening files of this machine: a regular file or nothing, and no other than was allowed.

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
from pathlib import Path

from saft_pipeline.settings import Settings

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
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegularError(errno.EINVAL, "not a regular file")
    return descriptor
