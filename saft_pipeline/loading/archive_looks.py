"""Looking into the zips of a listing: each once, as long as its size and time stay the same.

What is in them is kept in SAFT_HOME, so that a zip is fetched for it once and not at every look.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from saft_pipeline.loading.archives import (
    NOT_IN_ZIPS,
    ArchiveError,
    BrokenArchiveError,
    Member,
    Zip,
    is_zip,
)
from saft_pipeline.loading.spill import spill_folder
from saft_pipeline.settings import SourceSettings
from saft_pipeline.sftp.client import (
    Fetched,
    Listing,
    ListingProblem,
    RemoteFile,
    RemoteFiles,
    Sftp,
)
from saft_pipeline.sftp.entries import too_long
from saft_pipeline.sftp.model import Packed
from saft_pipeline.sftp.paths import name_pattern, raw_path

# A zip that is broken though all of it came is so for good at the second look. One that the server
# gives in part, or of which it tells no size, is looked into a few times more, later and later.
_ENOUGH = 6
_ALL_OF_IT, _PART_OF_IT = 3, 1
_PAUSE = 30.0  # seconds


def looked_into(listing: Listing, source: SourceSettings, sftp: Sftp, due: float) -> Listing:
    """The listing with the members of its zips in the place of these.

    A zip that can't be taken is a problem with its reason, one with members that don't fit is told
    once. What can't be looked into until `due` (monotonic time) is left for the next look, and so
    is one that isn't whole.
    """
    zips = [listing.files.at(path) for path in listing.files.paths if _is_zip(path)]
    if not zips:
        return listing
    index = _Index(source)
    new = [file for file in zips if index.is_open(file)]
    late = _look_into(new, source, sftp, index, due) if new else []
    files = RemoteFiles(listing.files.at(p) for p in listing.files.paths if not _is_zip(p))
    problems = [*listing.problems, *late]
    packed: dict[RemoteFile, Packed] = {}
    archives: dict[str, bool] = {}
    for file in zips:
        found = index.found(file)
        archives[file.text] = found is not None and found.reason is None
        if found is None:
            continue
        paths = [f"{file.text}/{member.path}" for member in found.members]
        if found.is_read_whole or source.after_load != "delete":
            packed[file] = Packed(paths, found.sha256)
        for path, member in zip(paths, found.members, strict=True):
            if reason := too_long(raw_path(path)):
                problems.append(ListingProblem(raw_path(path), reason))
            else:
                files.add(RemoteFile(raw_path(path), member.size, file.modified_at))
        problems += found.problems(file, source)
    index.keep(zips)
    return replace(listing, files=files, problems=problems, archives=archives, packed=packed)


def _look_into(
    zips: Sequence[RemoteFile], source: SourceSettings, sftp: Sftp, index: _Index, due: float
) -> Iterator[ListingProblem]:
    """Fetch zips for their members; those that could not be had in time are problems."""
    spill = spill_folder(source.home)
    waiting = {file.path: file for file in zips}
    for result in sftp.fetch(source.sftp_remote_dir, zips, spill, within=_left(due)):
        file = waiting.pop(result.file.path)
        if isinstance(result, Fetched):
            index.note(file, _found(result, _wants(source), file, index.found(file)))
            result.discard()
        else:
            yield ListingProblem(file.path, result.reason, folder=True)
    for file in waiting.values():
        yield ListingProblem(file.path, "not looked into yet: the next look goes on", folder=True)


def _is_zip(path: bytes) -> bool:
    return path[-4:].lower() == b".zip"


def _left(due: float) -> float:
    return max(1.0, due - time.monotonic())


def _wants(source: SourceSettings) -> Callable[[str], bool]:
    pattern = name_pattern(source.sftp_pattern)
    return lambda name: not is_zip(name) and pattern.match(name) is not None


@dataclass
class _Found:
    """What is in a zip, or why it can't be taken; `noticed` once it was told what isn't read.

    `unread` are how many files in it don't fit the pattern, `overwritten` the paths that more than
    one file of it has, `looks` how much is known of a broken one (see `_ENOUGH`), which is looked
    into again from `again_at` (epoch) on.
    """

    members: Sequence[Member]
    reason: str | None = None
    state: Literal["unreadable", "incomplete", "failed"] = "unreadable"
    looks: int = 0
    again_at: float = 0.0
    unread: int = 0
    noticed: bool = False
    sha256: str = ""
    overwritten: Sequence[str] = ()

    @property
    def is_read_whole(self) -> bool:
        """Whether nothing is lost with it once its members are loaded."""
        return not (self.unread or self.overwritten)

    def problems(self, file: RemoteFile, source: SourceSettings) -> Iterator[ListingProblem]:
        """What there is to tell of it at this look."""
        if self.reason:
            yield ListingProblem(file.path, self.reason, state=self.state)
        elif not self.noticed and (reasons := list(self._notices(source))):
            self.noticed = True
            yield ListingProblem(file.path, "; ".join(reasons), notice=True)

    def _notices(self, source: SourceSettings) -> Iterator[str]:
        if not self.members:
            yield f"no member of it fits SFTP_PATTERN ({NOT_IN_ZIPS}): not ours"
            return
        if self.overwritten:
            names = ", ".join(self.overwritten[:3])
            kept = "; it is not deleted" if source.after_load == "delete" else ""
            yield f"more than one file in it is called {names}: only the last is read{kept}"
        if self.unread and source.after_load != "keep":
            files = "1 file in it does" if self.unread == 1 else f"{self.unread:,} files in it do"
            goes = "not deleted" if source.after_load == "delete" else "archived whole, unread"
            yield f"it is {goes}: {files} not fit SFTP_PATTERN ({NOT_IN_ZIPS})"


def _found(
    fetched: Fetched, wants: Callable[[str], bool], listed: RemoteFile, before: _Found | None
) -> _Found:
    try:
        with fetched.open() as archive:
            packed = Zip(archive)
            members = packed.members(wants)
            unread = len(packed) - len(members)
            return _Found(
                members, unread=unread, sha256=fetched.sha256, overwritten=packed.overwritten
            )
    except BrokenArchiveError as error:
        is_whole = fetched.file.size == listed.size > 0
        looks = (before.looks if before else 0) + (_ALL_OF_IT if is_whole else _PART_OF_IT)
        state: Literal["failed", "incomplete"] = "failed" if looks >= _ENOUGH else "incomplete"
        again_at = 0.0 if is_whole else time.time() + _PAUSE * 2 ** min(looks, 3)
        return _Found([], str(error), state, looks, again_at)
    except ArchiveError as error:
        return _Found([], str(error))


class _Index:
    """What was found in the zips of a source, by path, size and time."""

    def __init__(self, source: SourceSettings) -> None:
        name = hashlib.md5(
            f"{source.address} {source.sftp_pattern}".encode(), usedforsecurity=False
        ).hexdigest()
        self._path = source.home / "archives" / f"{name}.json"
        self._known = dict(_entries(self._path))
        self._before = self._text(self._known)

    def found(self, file: RemoteFile) -> _Found | None:
        """What is known of a zip as it lies there now."""
        return self._known.get(_key(file))

    def is_open(self, file: RemoteFile) -> bool:
        """Whether it is to be looked into, for the first time or once more."""
        found = self.found(file)
        if found is None:
            return True
        waits = found.reason is not None and found.state == "incomplete"
        return waits and found.again_at <= time.time()

    def note(self, file: RemoteFile, found: _Found) -> None:
        """Keep what was found in it."""
        self._known[_key(file)] = found

    def keep(self, there: Sequence[RemoteFile]) -> None:
        """Write what changed, of the zips that are still there."""
        keys = {_key(file) for file in there}
        text = self._text({key: found for key, found in self._known.items() if key in keys})
        if text != self._before:
            with suppress(OSError):  # it is looked into again
                self._path.parent.mkdir(parents=True, exist_ok=True)
                aside = self._path.with_suffix(".part")
                aside.write_text(text, encoding="utf-8")
                aside.replace(self._path)

    @staticmethod
    def _text(known: dict[str, _Found]) -> str:
        return json.dumps({key: vars(found) for key, found in known.items()})


def _entries(path: Path) -> Iterator[tuple[str, _Found]]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for key, found in document.items():
            members = [Member(*each) for each in found["members"]]
            yield key, _Found(**{**found, "members": members})
    except (OSError, ValueError, TypeError, AttributeError):  # it is looked into again
        return


def _key(file: RemoteFile) -> str:
    return f"{file.modified_at} {file.size} {file.text}"
