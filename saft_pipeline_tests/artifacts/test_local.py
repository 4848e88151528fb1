"""What is kept of a file: whole or not at all, once, readable by zcat."""

from __future__ import annotations

import gzip
import io
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from saft_pipeline.artifacts import local as module
from saft_pipeline.artifacts.local import LocalArtifacts
from saft_pipeline_tests.fixtures.full_disk import room_for

HASH = "ab" + "12" * 31
LARGE = random.Random(1).randbytes(module.KEPT_IN_MEMORY) * 3
SIZES = [b"", b"<AuditFile/>", LARGE[: module.KEPT_IN_MEMORY], LARGE]


@pytest.fixture
def artifacts(tmp_path: Path) -> LocalArtifacts:
    return LocalArtifacts(tmp_path / "artifacts")


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


class Broken(io.BytesIO):
    """A source that ends in an error after its bytes."""

    def read(self, size: int | None = -1, /) -> bytes:
        if data := super().read(size):
            return data
        raise OSError("the disk is gone")


def break_off(artifacts: LocalArtifacts, data: bytes) -> None:
    """Begin to keep what is read of a file that turns out to be broken."""
    with artifacts.parsed(HASH) as sink:
        sink.write(data)
        raise ZeroDivisionError


@pytest.mark.parametrize("content", SIZES, ids=len)
def test_the_bytes_come_back(artifacts: LocalArtifacts, content: bytes) -> None:
    artifacts.keep_raw(HASH, io.BytesIO(content))
    assert gzip.decompress(artifacts.place("raw", HASH).read_bytes()) == content


@pytest.mark.parametrize("size", [1, 4096, module.KEPT_IN_MEMORY + 1])
def test_what_was_read_comes_back_whatever_the_pieces(artifacts: LocalArtifacts, size: int) -> None:
    pieces = [LARGE[start : start + size] for start in range(0, len(LARGE), size * 64)]
    with artifacts.parsed(HASH) as sink:
        for piece in pieces:
            sink.write(piece)
    assert gzip.decompress(artifacts.place("parsed", HASH).read_bytes()) == b"".join(pieces)


def test_artifacts_lie_in_folders_by_the_start_of_the_hash(
    artifacts: LocalArtifacts, tmp_path: Path
) -> None:
    assert artifacts.place("raw", HASH) == tmp_path / "artifacts" / "raw" / "ab" / f"{HASH}.xml.gz"


def test_the_same_bytes_make_the_same_artifact(tmp_path: Path) -> None:
    here, there = LocalArtifacts(tmp_path / "here"), LocalArtifacts(tmp_path / "there")
    for place in (here, there):
        place.keep_raw(HASH, io.BytesIO(LARGE))
    assert here.place("raw", HASH).read_bytes() == there.place("raw", HASH).read_bytes()


def test_bytes_that_are_kept_are_not_read_again(artifacts: LocalArtifacts) -> None:
    artifacts.keep_raw(HASH, io.BytesIO(b"<AuditFile/>"))
    again = io.BytesIO(b"<AuditFile/>")
    artifacts.keep_raw(HASH, again)
    assert again.tell() == 0


@pytest.mark.parametrize("size", [10, len(LARGE)])
def test_nothing_is_left_of_bytes_that_could_not_be_read(
    artifacts: LocalArtifacts, tmp_path: Path, size: int
) -> None:
    with pytest.raises(OSError, match="the disk is gone"):
        artifacts.keep_raw(HASH, Broken(LARGE[:size]))
    assert list(files(tmp_path)) == []


@pytest.mark.parametrize("size", [10, len(LARGE)])
def test_nothing_is_left_of_a_file_that_turned_out_broken(
    artifacts: LocalArtifacts, tmp_path: Path, size: int
) -> None:
    with pytest.raises(ZeroDivisionError):
        break_off(artifacts, LARGE[:size])
    assert list(files(tmp_path)) == []


def test_an_artifact_that_is_there_stays_when_its_successor_breaks(
    artifacts: LocalArtifacts,
) -> None:
    with artifacts.parsed(HASH) as sink:
        sink.write(b"before")
    with pytest.raises(ZeroDivisionError):
        break_off(artifacts, b"after")
    assert gzip.decompress(artifacts.place("parsed", HASH).read_bytes()) == b"before"


def test_nothing_lies_beside_a_finished_artifact(artifacts: LocalArtifacts, tmp_path: Path) -> None:
    with artifacts.parsed(HASH) as sink:
        sink.write(LARGE)
    assert list(files(tmp_path)) == [artifacts.place("parsed", HASH)]


@pytest.mark.parametrize("room", [0, module.KEPT_IN_MEMORY])
def test_of_what_a_full_disk_does_not_hold_nothing_stays_and_its_place_is_named(
    artifacts: LocalArtifacts, tmp_path: Path, room: int
) -> None:
    with pytest.raises(OSError, match=re.escape(str(artifacts.place("raw", HASH)))), room_for(room):
        artifacts.keep_raw(HASH, io.BytesIO(LARGE))
    assert not list(files(tmp_path))
