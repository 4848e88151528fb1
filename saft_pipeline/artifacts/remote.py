"""Artifacts in a place that several machines reach, by any address that fsspec knows, as s3://…

Small ones of a group of files are sent together: one by one the round trips would cost more than
the work. They appear whole where the place's own uploads do, as they do in every object store.
"""

from __future__ import annotations

import errno
import gzip
import io
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

from saft_pipeline.artifacts.local import (
    KEPT_IN_MEMORY,
    ArtifactKind,
    Artifacts,
    ArtifactWriter,
    Gzipped,
    Kept,
    LocalArtifacts,
    kept_as,
    member,
    name_of,
    pack_name,
)
from saft_pipeline.settings import Settings

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


def artifacts_of(settings: Settings) -> Artifacts:
    """Where the settings say; nothing is opened yet."""
    url = settings.saft_artifacts_url
    if url is None:
        return LocalArtifacts(settings.home / "artifacts")
    if url.startswith("file://"):
        return LocalArtifacts(Path(urlsplit(url).path))
    return RemoteArtifacts(url, settings.home / "spill")


def try_out(artifacts: Artifacts) -> str:
    """Keep something, look for it, and delete it; where it was. Raises OSError."""
    nothing = "0" * 64
    with artifacts.parsed(nothing) as out:
        out.write(b"")
    artifacts.flush()
    where = str(artifacts.place("parsed", nothing))
    if not artifacts.has("parsed", nothing):
        raise OSError(f"{where} was written and is not there: mend SAFT_ARTIFACTS_URL")
    artifacts.remove([Kept(nothing, where, 0)])
    return where


class RemoteArtifacts:
    """Artifacts below an address; large ones are written into `spill` before they are sent."""

    def __init__(self, url: str, spill: Path) -> None:
        self._url = url
        self._spill = spill
        self._pending: dict[str, bytes] = {}

    def __reduce__(self) -> tuple[type[RemoteArtifacts], tuple[str, Path]]:
        """Another process opens the place for itself."""
        return RemoteArtifacts, (self._url, self._spill)

    @cached_property
    def _place(self) -> tuple[AbstractFileSystem, str]:
        import fsspec

        with self._told():
            system, root = fsspec.core.url_to_fs(self._url)
        return system, root.rstrip("/")

    @cached_property
    def _shown(self) -> str:
        """The address without what may be a password."""
        system, root = self._place
        return str(system.unstrip_protocol(root))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Each library behind fsspec has errors of its own."""
        try:
            yield
        except Exception as error:
            cure = "; pip install 'saft_pipeline[scale]'" if isinstance(error, ImportError) else ""
            where = f"SAFT_ARTIFACTS_URL ({urlsplit(self._url).scheme}://…)"
            raise OSError(f"{where}: {type(error).__name__}: {error}{cure}") from error

    def place(self, kind: ArtifactKind, sha256: str, pack: str | None = None) -> str:
        """See Artifacts."""
        return f"{self._shown}/{pack_name(kind, pack) if pack else name_of(kind, sha256)}"

    def has(self, kind: ArtifactKind, sha256: str, pack: str | None = None) -> bool:
        """See Artifacts."""
        system, root = self._place
        name = pack_name(kind, pack) if pack else name_of(kind, sha256)
        with self._told():
            return bool(system.exists(f"{root}/{name}"))

    def open(self, kind: ArtifactKind, sha256: str, pack: str | None = None) -> io.BufferedIOBase:
        """See Artifacts."""
        if not self.has(kind, sha256, pack):
            place = self.place(kind, sha256, pack)
            raise FileNotFoundError(errno.ENOENT, "nothing is kept there", place)
        system, root = self._place
        name = pack_name(kind, pack) if pack else name_of(kind, sha256)
        with self._told():
            stored: BinaryIO = system.open(f"{root}/{name}", "rb")
        if pack is None:
            return gzip.open(stored)
        with stored:
            return member(stored, kind, sha256, self.place(kind, sha256, pack))

    def keep_raw(self, sha256: str, source: BinaryIO) -> None:
        """See Artifacts. Asking whether they are there would cost as much as sending them."""
        with self._sent(name_of("raw", sha256)) as out:
            shutil.copyfileobj(source, out, KEPT_IN_MEMORY)

    @contextmanager
    def parsed(self, sha256: str) -> Iterator[ArtifactWriter]:
        """See Artifacts."""
        with self._sent(name_of("parsed", sha256)) as out:
            yield out

    def keep_pack(self, kind: ArtifactKind, pack: str, archive: bytes) -> None:
        """See Artifacts."""
        with self._sent(pack_name(kind, pack)) as out:
            out.write(archive)

    @contextmanager
    def _sent(self, name: str) -> Iterator[ArtifactWriter]:
        aside = self._spill / f"{uuid.uuid4().hex}.part"
        out = Gzipped(aside)
        try:
            yield out
            data = out.finish()
            if data is None:
                self._put(aside, name)
            else:
                self._pending[name] = data
        finally:
            aside.unlink(missing_ok=True)
            out.abandon()

    def _put(self, file: Path, name: str) -> None:
        system, root = self._place
        with self._told():
            system.put_file(str(file), f"{root}/{name}")

    def flush(self) -> None:
        """See Artifacts."""
        pending, self._pending = self._pending, {}
        if pending:
            system, root = self._place
            with self._told():
                system.pipe({f"{root}/{name}": data for name, data in pending.items()})

    def older(self, kind: ArtifactKind, before: datetime, *, packs: bool) -> Iterator[Kept]:
        """See Artifacts."""
        system, root = self._place
        top = f"{root}/{'packs' if packs else kind}"
        with self._told():
            folders = system.ls(top, detail=False) if system.exists(top) else []
        for folder in folders:
            with self._told():
                found = system.ls(folder, detail=True)
                old = [one for one in found if system.modified(one["name"]) < before]
            for one in old:
                of_kind, name = kept_as(one["name"])
                if of_kind == kind:
                    yield Kept(name, one["name"], one["size"])

    def remove(self, kept: Iterable[Kept]) -> None:
        """See Artifacts."""
        places = [one.place for one in kept]
        if places:
            with self._told():
                self._place[0].rm(places)
