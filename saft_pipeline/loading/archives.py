"""Packed files: `.xml.gz`, and zips whose members are files of their own; unpacked as streams."""

from __future__ import annotations

import gzip
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, NamedTuple

from saft_pipeline.loading.spill import poured
from saft_pipeline.sftp.model import Fetched, RemoteFile
from saft_pipeline.sftp.paths import is_left_alone, text_path

MOST_RATIO = 200
"""Bytes that one packed byte may become; XML packs to a fiftieth at best."""
MOST_UNPACKED = 32 << 30
"""Of one unpacked file."""
MOST_MEMBERS = 100_000
NOT_IN_ZIPS = "zips in zips aren't read"
_ANY_RATIO = 64 << 20  # bytes up to which the ratio is nobody's business
_ENCRYPTED = 1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    UnicodeError,
)
_IN_A_ZIP = re.compile(r"\.zip/(?=.)", re.IGNORECASE | re.DOTALL)


class ArchiveError(Exception):
    """A packed file that can't be taken; the message says why and what to do."""


class BrokenArchiveError(ArchiveError):
    """Its bytes are no whole archive: they may be those of an upload under way."""


class MemberGoneError(ArchiveError):
    """It was in the archive when that was looked into."""


class Member(NamedTuple):
    """A file in a zip: its path there, as the ledger writes it, and its size unpacked in bytes."""

    path: str
    size: int


def is_zip(path: str) -> bool:
    """Whether a file is packed with others, by its name."""
    return path.lower().endswith(".zip")


def is_gzipped(path: str) -> bool:
    """Whether a file is packed by itself, by its name."""
    return path.lower().endswith(".gz")


def splits(path: str) -> list[tuple[str, str]]:
    """The zips that a path of the ledger may be in, the outermost first, and its path there.

    A folder may have a zip's name, too: only the server knows.
    """
    return [(path[: found.end() - 1], path[found.end() :]) for found in _IN_A_ZIP.finditer(path)]


class Zip:
    """A zip whose directory is read once, at the first of its members that is asked for."""

    def __init__(self, archive: BinaryIO) -> None:
        """`archive` stays the caller's to close."""
        self._archive = archive

    @cached_property
    def _opened(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self._archive)
        except UnicodeError:
            raise ArchiveError(
                "a name in it is no UTF-8, though it says so: have it packed again"
            ) from None
        except _BROKEN as error:
            raise BrokenArchiveError(
                f"it is no whole zip ({error}): still being uploaded, or to be sent again"
            ) from None

    @cached_property
    def _infos(self) -> dict[str, zipfile.ZipInfo]:
        """What is in it, by path; of two of one path the later, as programs that unpack have it."""
        return dict(_files_in(self._opened))

    def __len__(self) -> int:
        return len(self._infos)

    @cached_property
    def overwritten(self) -> list[str]:
        """The paths that files of different bytes have, of which only the last is in `members`."""
        infos = _files_in(self._opened)
        return sorted({name for name, info in infos if info.CRC != self._infos[name].CRC})

    def members(self, wants: Callable[[str], bool]) -> list[Member]:
        """The members whose file names are wanted.

        Raises:
            ArchiveError: it is broken or not there to its end, encrypted, packed in another way
                than stored or deflated, or has too many members.
        """
        wanted = {n: info for n, info in self._infos.items() if wants(n.rpartition("/")[2])}
        for name, info in wanted.items():
            _require_readable(name, info)
        return [Member(name, info.file_size) for name, info in wanted.items()]

    def taken_out(self, path: str, file: RemoteFile, spill: Path) -> Fetched:
        """A member, as if it had been fetched as `file`. Raises ArchiveError."""
        if path not in self._infos:
            raise MemberGoneError("it is not in the zip any more")
        info = self._infos[path]
        _require_readable(path, info)
        try:
            with self._opened.open(info) as stream:
                content, sha256 = _unpacked(stream, info.compress_size, spill)  # type: ignore[arg-type]
        except _BROKEN as error:
            raise _broken(error) from None
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        member = RemoteFile(file.path, size, file.modified_at)
        return unpacked(Fetched(member, sha256, content), spill)


def unpacked(fetched: Fetched, spill: Path) -> Fetched:
    """The same file with its bytes unpacked, if its name says that they are gzipped.

    Its hash stays that of the bytes on the server. Raises ArchiveError.
    """
    if not is_gzipped(fetched.file.filename):
        return fetched
    done = _gunzipped(fetched, spill)
    fetched.discard()
    return done


def _gunzipped(fetched: Fetched, spill: Path) -> Fetched:
    with fetched.open() as packed, gzip.GzipFile(fileobj=packed) as stream:
        content, _ = _unpacked(stream, fetched.file.size, spill)  # type: ignore[arg-type]
    return Fetched(fetched.file, fetched.sha256, content)


def unpacked_here(path: Path) -> Iterator[tuple[str, Path]]:
    """The XML files that a local file is or holds, each with its name, until the next is asked for.

    Raises ArchiveError, OSError.
    """
    if not (is_zip(path.name) or is_gzipped(path.name)):
        yield str(path), path
        return
    with tempfile.TemporaryDirectory() as folder, path.open("rb") as archive:
        spill = Path(folder)
        packed = Zip(archive)
        inside: list[str | None] = [None]
        if is_zip(path.name):
            inside = [*(found.path for found in packed.members(is_xml))]
            if not inside:
                raise ArchiveError(f"no XML file is in it ({NOT_IN_ZIPS})")
        for name in inside:
            file = RemoteFile((name or path.name).encode(), path.stat().st_size, 0)
            whole = Fetched(file, "", path)
            fetched = packed.taken_out(name, file, spill) if name else _gunzipped(whole, spill)
            content = spill / "content"
            if isinstance(fetched.content, bytes):
                content.write_bytes(fetched.content)
            else:
                fetched.content.replace(content)
            yield (f"{path}/{name}" if name else str(path)), content


def is_xml(name: str) -> bool:
    """Whether a file in a zip is one to read, by its name."""
    return name.lower().endswith((".xml", ".xml.gz"))


def _unpacked(stream: BinaryIO, packed: int, spill: Path) -> tuple[bytes | Path, str]:
    """What a stream of `packed` bytes unpacks to, many in a file; and the hash of that."""
    try:
        return poured(stream, spill, lambda total: _require_sane(total, packed))
    except _BROKEN as error:
        raise _broken(error) from None


def _require_sane(total: int, packed: int) -> None:
    if total > MOST_UNPACKED:
        raise ArchiveError(f"it unpacks to more than {MOST_UNPACKED:,} bytes: send it in parts")
    if total > _ANY_RATIO and total > MOST_RATIO * packed:
        raise ArchiveError(
            f"it unpacks to more than {MOST_RATIO} times its {packed:,} bytes, as no export does: "
            "refused as a bomb"
        )


def _broken(error: BaseException) -> BrokenArchiveError:
    return BrokenArchiveError(f"it is broken: {error}; have it packed and sent again")


def _files_in(opened: zipfile.ZipFile) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    infos = opened.infolist()
    if len(infos) > MOST_MEMBERS:
        raise ArchiveError(f"it has {len(infos):,} members; at most {MOST_MEMBERS:,} are taken")
    for info in infos:
        # Windows' own packer of old wrote its separator into the names.
        name = info.filename.replace("\\", "/").lstrip("/")
        path = name.encode("utf-8", "surrogateescape")
        alone = name.startswith("__MACOSX/") or is_left_alone(path.rpartition(b"/")[2])
        if not (alone or name.endswith("/")):
            yield text_path(path), info


def _require_readable(name: str, info: zipfile.ZipInfo) -> None:
    if info.header_offset < 0:
        raise BrokenArchiveError(f"it is no whole zip: {name} would lie before its begin")
    if info.flag_bits & _ENCRYPTED:
        raise ArchiveError(f"{name} in it is encrypted: have it packed without a password")
    if info.compress_type not in _METHODS:
        raise ArchiveError(
            f"{name} in it is packed with method {info.compress_type}; only stored and deflated "
            "ones are read: have it packed again as a plain zip"
        )
    _require_sane(info.file_size, info.compress_size)
