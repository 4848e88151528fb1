"""Artifacts at an address: sent together, whole or not at all, named by errors without a secret."""

from __future__ import annotations

import gzip
import io
import os
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pytest

from saft_pipeline.artifacts.local import KEPT_IN_MEMORY, LocalArtifacts
from saft_pipeline.artifacts.remote import RemoteArtifacts, artifacts_of, try_out
from saft_pipeline.settings import load
from saft_pipeline_tests.fixtures.full_disk import room_for

HASH = "ab" + "12" * 31
SIZES = [0, 100, KEPT_IN_MEMORY + 1]
DAY = timedelta(days=1)


@pytest.fixture
def url() -> str:
    """A place of the test's own."""
    return f"memory://{uuid.uuid4().hex}/saft"


@pytest.fixture
def artifacts(url: str, tmp_path: Path) -> RemoteArtifacts:
    return RemoteArtifacts(url, tmp_path)


def content(place: str) -> bytes:
    """What an artifact holds."""
    with fsspec.open(place) as file:
        return gzip.decompress(file.read())


def names(url: str) -> list[str]:
    """What lies there."""
    system, root = fsspec.core.url_to_fs(url)
    return [name.removeprefix(f"{root}/") for name in system.find(root)]


@pytest.mark.parametrize("size", SIZES)
def test_the_bytes_come_back(artifacts: RemoteArtifacts, size: int) -> None:
    artifacts.keep_raw(HASH, io.BytesIO(b"x" * size))
    artifacts.flush()
    assert content(artifacts.place("raw", HASH)) == b"x" * size


@pytest.mark.parametrize("size", SIZES)
def test_what_was_read_comes_back(artifacts: RemoteArtifacts, size: int) -> None:
    with artifacts.parsed(HASH) as sink:
        sink.write(b"x" * size)
    artifacts.flush()
    assert content(artifacts.place("parsed", HASH)) == b"x" * size
    assert artifacts.has("parsed", HASH)


def test_they_lie_as_in_a_folder(artifacts: RemoteArtifacts, url: str) -> None:
    artifacts.keep_raw(HASH, io.BytesIO(b"x"))
    artifacts.flush()
    assert names(url) == [f"raw/ab/{HASH}.xml.gz"]


def break_off(artifacts: RemoteArtifacts, size: int) -> None:
    """Begin to keep what is read of a file that turns out to be broken."""
    with artifacts.parsed(HASH) as sink:
        sink.write(b"x" * size)
        raise ZeroDivisionError


@pytest.mark.parametrize("size", SIZES[1:])
def test_nothing_is_left_of_a_file_that_turned_out_broken(
    artifacts: RemoteArtifacts, url: str, tmp_path: Path, size: int
) -> None:
    with pytest.raises(ZeroDivisionError):
        break_off(artifacts, size)
    artifacts.flush()
    assert [*names(url), *tmp_path.iterdir()] == []


def test_nothing_of_a_large_one_stays_on_this_machine(
    artifacts: RemoteArtifacts, tmp_path: Path
) -> None:
    artifacts.keep_raw(HASH, io.BytesIO(b"x" * (KEPT_IN_MEMORY + 1)))
    assert list(tmp_path.iterdir()) == []


def test_old_ones_are_found_and_go(artifacts: RemoteArtifacts, url: str) -> None:
    artifacts.keep_raw(HASH, io.BytesIO(b"x"))
    artifacts.flush()
    now = datetime.now(UTC)
    assert list(artifacts.older("raw", now - DAY, packs=False)) == []
    found = list(artifacts.older("raw", now + DAY, packs=False))
    assert [(one.name, one.size > 0) for one in found] == [(HASH, True)]
    artifacts.remove(found)
    assert names(url) == []


def test_an_empty_place_has_no_old_ones(artifacts: RemoteArtifacts) -> None:
    assert list(artifacts.older("parsed", datetime.now(UTC), packs=False)) == []


def test_trying_a_place_out_leaves_nothing(artifacts: RemoteArtifacts, url: str) -> None:
    assert try_out(artifacts).startswith("memory://")
    assert names(url) == []


def test_a_shared_folder_is_written_like_one_s_own(tmp_path: Path) -> None:
    shared = artifacts_of(load({"SAFT_ARTIFACTS_URL": f"file://{tmp_path}/shared"}))
    assert isinstance(shared, LocalArtifacts)
    assert str(shared.place("raw", HASH)).startswith(f"{tmp_path}/shared/raw/")


def test_what_can_not_be_opened_is_named_without_its_password(tmp_path: Path) -> None:
    artifacts = RemoteArtifacts("nosuch://user:hunter2@host/path", tmp_path)
    artifacts.keep_raw(HASH, io.BytesIO(b"x"))
    with pytest.raises(OSError, match=r"SAFT_ARTIFACTS_URL \(nosuch://…\)") as raised:
        artifacts.flush()
    assert "hunter2" not in str(raised.value)


def test_of_what_a_full_disk_does_not_hold_nothing_stays_on_this_machine(
    artifacts: RemoteArtifacts, tmp_path: Path
) -> None:
    large = io.BytesIO(os.urandom(3 * KEPT_IN_MEMORY))
    with pytest.raises(OSError), room_for(KEPT_IN_MEMORY):  # noqa: PT011 - what it says is Linux' affair
        artifacts.keep_raw(HASH, large)
    assert not list(tmp_path.glob("*.part"))
