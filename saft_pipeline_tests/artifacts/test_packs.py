"""Small files' artifacts share two archives, which any tar can open."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saft_pipeline.artifacts.local import (
    ENDINGS,
    KINDS,
    ArtifactKind,
    Artifacts,
    LocalArtifacts,
)
from saft_pipeline.artifacts.packs import Pack, archive
from saft_pipeline.artifacts.remote import RemoteArtifacts

FILES = {"ab" * 32: b"<AuditFile/>", "cd" * 32: b""}
PACK = "0123" * 8


@pytest.fixture(params=["here", "memory"])
def artifacts(tmp_path: Path, request: pytest.FixtureRequest) -> Artifacts:
    if request.param == "here":
        return LocalArtifacts(tmp_path)
    return RemoteArtifacts(f"memory://{tmp_path}", tmp_path)


@pytest.fixture
def packed(artifacts: Artifacts) -> Artifacts:
    pack = Pack(PACK, artifacts)
    for sha256, data in FILES.items():
        pack.keep_raw(sha256, io.BytesIO(data))
        with pack.parsed(sha256) as sink:
            sink.write(b"read: " + data)
    pack.flush()
    artifacts.flush()
    return artifacts


def test_what_was_packed_comes_back(packed: Artifacts) -> None:
    for sha256, data in FILES.items():
        assert packed.open("raw", sha256, PACK).read() == data
        assert packed.open("parsed", sha256, PACK).read() == b"read: " + data


def test_what_is_not_in_a_pack_is_not_found(packed: Artifacts) -> None:
    with pytest.raises(FileNotFoundError, match="ee" * 32):
        packed.open("raw", "ee" * 32, PACK)


def test_a_pack_that_is_gone_is_named(packed: Artifacts) -> None:
    with pytest.raises(FileNotFoundError, match="f" * 32):
        packed.open("raw", next(iter(FILES)), "f" * 32)


def test_a_file_that_breaks_off_is_not_in_the_pack(artifacts: Artifacts) -> None:
    pack = Pack(PACK, artifacts)
    with suppress(ZeroDivisionError), pack.parsed("ab" * 32) as sink:
        sink.write(b"half")
        raise ZeroDivisionError
    pack.flush()
    assert not artifacts.has("parsed", "ab" * 32, PACK)


def test_packs_are_found_by_age_and_apart_from_single_files(packed: Artifacts) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    assert [one.name for one in packed.older("raw", later, packs=True)] == [PACK]
    assert list(packed.older("raw", later, packs=False)) == []
    packed.remove(packed.older("raw", later, packs=True))
    assert not packed.has("raw", next(iter(FILES)), PACK)
    assert packed.has("parsed", next(iter(FILES)), PACK)


def test_tar_lists_a_pack(tmp_path: Path) -> None:
    local = LocalArtifacts(tmp_path)
    pack = Pack(PACK, local)
    pack.keep_raw("ab" * 32, io.BytesIO(b"x"))
    pack.flush()
    listed = subprocess.run(
        ["tar", "tzf", local.place("raw", "", PACK)], capture_output=True, text=True, check=True
    )
    assert listed.stdout.split() == [f"{'ab' * 32}.xml"]


@given(st.lists(st.binary(max_size=1100), max_size=5), st.sampled_from(KINDS))
def test_a_pack_is_what_tarfile_makes(contents: list[bytes], kind: ArtifactKind) -> None:
    members = {hashlib.sha256(data).hexdigest(): data for data in contents}
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for sha256, data in members.items():
            member = tarfile.TarInfo(f"{sha256}.{ENDINGS[kind]}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    # tarfile goes on with zeros, to a multiple of 10,240 bytes
    assert archive(kind, members).ljust(len(made.getvalue()), b"\0") == made.getvalue()
