"""What an SFTP client may do in the demo's folder, and nowhere else.

Every path is walked from the folder down, one open directory after the other, and no link is
followed: neither `..` nor a link, not even one that is put there meanwhile, leads out of it.
"""

from __future__ import annotations

import errno
import functools
import os
import posixpath
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import paramiko
from paramiko import SFTPAttributes, SFTPHandle
from paramiko.sftp import (
    SFTP_EOF,
    SFTP_FAILURE,
    SFTP_NO_SUCH_FILE,
    SFTP_OK,
    SFTP_PERMISSION_DENIED,
)

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK a FIFO would hold the session until someone writes into it.
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MOST_READ = 256 * 1024
_CODES = {
    errno.ENOENT: SFTP_NO_SUCH_FILE,
    errno.ENOTDIR: SFTP_NO_SUCH_FILE,
    errno.EACCES: SFTP_PERMISSION_DENIED,
    errno.EPERM: SFTP_PERMISSION_DENIED,
    errno.ELOOP: SFTP_PERMISSION_DENIED,  # a link, where none is followed
}

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _answered(method: Callable[_P, _R]) -> Callable[_P, _R | int]:
    """Turn the faults of a method into the status codes that the client is sent."""

    @functools.wraps(method)
    def answer(*args: _P.args, **kwargs: _P.kwargs) -> _R | int:
        try:
            return method(*args, **kwargs)
        except OSError as error:
            return _CODES.get(error.errno or 0, SFTP_FAILURE)
        except ValueError:  # a NUL in the name
            return SFTP_FAILURE

    return answer


class ConfinedFolder(paramiko.SFTPServerInterface):
    """The operations of one session; `/` is the folder. Links are shown, not followed."""

    def __init__(self, server: paramiko.ServerInterface, folder: Path) -> None:
        super().__init__(server)
        self._folder = folder

    def canonicalize(self, path: str) -> str:
        """The absolute form of a path; above `/` is `/`."""
        return "/" + posixpath.normpath("/" + path).lstrip("/")

    @contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, str]]:
        """The open directory that the last name of a path is in, and that name (`.` for `/`)."""
        *above, name = self.canonicalize(path).split("/")[1:]
        number = os.open(self._folder, _FOLDER)
        try:
            for part in above:
                inner = os.open(part, _FOLDER, dir_fd=number)
                os.close(number)
                number = inner
            yield number, name or "."
        finally:
            os.close(number)

    def _open(self, path: str, flags: int) -> int:
        with self._parent(path) as (parent, name):
            return os.open(name, flags, 0o666, dir_fd=parent)

    @_answered
    def open(self, path: str, flags: int, _attr: SFTPAttributes) -> SFTPHandle:
        """Open a regular file, which is made if the flags say so."""
        number = self._open(path, flags | _FILE)
        if stat.S_ISREG(os.fstat(number).st_mode):
            return _OpenFile(number)
        os.close(number)
        raise OSError(errno.EPERM, "not a regular file")

    @_answered
    def list_folder(self, path: str) -> list[SFTPAttributes]:
        """What a folder holds."""
        number = self._open(path, _FOLDER)
        try:
            with os.scandir(number) as entries:
                return [found for entry in entries if (found := _listed(entry))]
        finally:
            os.close(number)

    @_answered
    def lstat(self, path: str) -> SFTPAttributes:
        """The attributes of a file, folder or link."""
        with self._parent(path) as (parent, name):
            return SFTPAttributes.from_stat(os.stat(name, dir_fd=parent, follow_symlinks=False))

    def stat(self, path: str) -> SFTPAttributes | int:
        """The attributes of a file or folder; a link leads nowhere."""
        found = self.lstat(path)
        if isinstance(found, SFTPAttributes) and stat.S_ISLNK(found.st_mode or 0):
            return SFTP_PERMISSION_DENIED
        return found

    @_answered
    def remove(self, path: str) -> int:
        """Delete a file."""
        with self._parent(path) as (parent, name):
            os.unlink(name, dir_fd=parent)
        return SFTP_OK

    @_answered
    def rename(self, oldpath: str, newpath: str) -> int:
        """Move a file or folder; a file never takes the place of another."""
        with self._parent(oldpath) as (old, name), self._parent(newpath) as (new, new_name):
            if stat.S_ISDIR(os.stat(name, dir_fd=old, follow_symlinks=False).st_mode):
                os.rename(name, new_name, src_dir_fd=old, dst_dir_fd=new)
            else:
                os.link(name, new_name, src_dir_fd=old, dst_dir_fd=new, follow_symlinks=False)
                os.unlink(name, dir_fd=old)
        return SFTP_OK

    @_answered
    def mkdir(self, path: str, _attr: SFTPAttributes) -> int:
        """Make a folder."""
        with self._parent(path) as (parent, name):
            os.mkdir(name, dir_fd=parent)
        return SFTP_OK

    @_answered
    def rmdir(self, path: str) -> int:
        """Delete an empty folder."""
        with self._parent(path) as (parent, name):
            os.rmdir(name, dir_fd=parent)
        return SFTP_OK

    @_answered
    def chattr(self, path: str, attr: SFTPAttributes) -> int:
        """Set size and times, as uploads do; owner and mode stay."""
        number = self._open(path, os.O_WRONLY | _FILE)
        try:
            return _change(number, attr)
        finally:
            os.close(number)


class _OpenFile(SFTPHandle):
    """An open file."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    @_answered
    def read(self, offset: int, length: int) -> bytes | int:
        """Some bytes, fewer than asked for if that is very much."""
        # At the end not b"", of which paramiko's check-file would ask for more, for ever.
        return os.pread(self._number, min(length, _MOST_READ), offset) or SFTP_EOF

    @_answered
    def write(self, offset: int, data: ReadableBuffer) -> int:
        """Write all of the bytes."""
        left = memoryview(data)
        while left:
            written = os.pwrite(self._number, left, offset)
            left, offset = left[written:], offset + written
        return SFTP_OK

    @_answered
    def stat(self) -> SFTPAttributes:
        """The attributes now."""
        return SFTPAttributes.from_stat(os.fstat(self._number))

    @_answered
    def chattr(self, attr: SFTPAttributes) -> int:
        """As ConfinedFolder.chattr."""
        return _change(self._number, attr)

    def close(self) -> None:
        """Close the file."""
        os.close(self._number)


def _listed(entry: os.DirEntry[str]) -> SFTPAttributes | None:
    """The attributes and name of an entry; None if it vanished meanwhile."""
    try:
        found = SFTPAttributes.from_stat(entry.stat(follow_symlinks=False))
    except FileNotFoundError:
        return None
    raw = os.fsencode(entry.name)
    is_text = raw.decode(errors="replace") == entry.name
    # paramiko sends either: text looks better in `ls -l`, but can't hold every name.
    found.filename = entry.name if is_text else raw  # type: ignore[assignment]
    return found


def _change(number: int, attr: SFTPAttributes) -> int:
    if attr.st_size is not None:
        os.ftruncate(number, attr.st_size)
    if attr.st_atime is not None and attr.st_mtime is not None:
        os.utime(number, (attr.st_atime, attr.st_mtime))
    return SFTP_OK
