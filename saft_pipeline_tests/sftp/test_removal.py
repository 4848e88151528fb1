"""Archiving and deleting: only the file that was loaded, never onto another."""

import dataclasses
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from saft_pipeline.sftp import removal, wire
from saft_pipeline.sftp.client import RemoteFile, Sftp, connect
from saft_pipeline.sftp.errors import (
    FileChanged,
    FileGone,
    PermanentSftpError,
    TransientSftpError,
)
from saft_pipeline.sftp.session import Session
from saft_pipeline_tests.fixtures.sshd import Sshd
from saft_pipeline_tests.sftp.conftest import config_of
from saft_pipeline_tests.sftp.fake import FakeFile, FakeServer, status

WHEN = datetime(2025, 7, 5, 10, 11, 12, tzinfo=UTC)
TIME = 1_700_000_000


def test_an_archived_file_is_where_the_answer_says_and_nowhere_else(sftp: Sftp, sshd: Sshd) -> None:
    file = _put(sftp, sshd, "Lisboa/a.xml", b"content")
    moved = sftp.archive(str(sshd.root), file, "archive/deep")
    assert moved.startswith("archive/deep/Lisboa/")
    assert (sshd.root / moved).read_bytes() == b"content"
    assert not (sshd.root / "Lisboa" / "a.xml").exists()


def test_an_absolute_archive_folder_is_taken_as_it_is(
    sftp: Sftp, sshd: Sshd, tmp_path: Path
) -> None:
    file = _put(sftp, sshd, "a.xml", b"content")
    moved = sftp.archive(str(sshd.root), file, str(tmp_path / "elsewhere"))
    assert Path(moved).read_bytes() == b"content"
    assert Path(moved).parent == tmp_path / "elsewhere"


def test_files_of_one_name_are_archived_side_by_side(sftp: Sftp, sshd: Sshd) -> None:
    moved = {
        sftp.archive(str(sshd.root), _put(sftp, sshd, "a.xml", b"%d" % n), "archive")
        for n in range(3)
    }
    assert len(moved) == len(list((sshd.root / "archive").iterdir())) == 3


def test_a_name_of_255_bytes_is_archived(sftp: Sftp, sshd: Sshd) -> None:
    file = _put(sftp, sshd, "x" * 251 + ".xml", b"")
    assert sftp.archive(str(sshd.root), file, "archive").endswith(".xml")


def test_an_archived_name_is_dated_and_keeps_its_folder() -> None:
    name = removal.archived_name(b"sub/a.xml", WHEN, "a1b2c3")
    assert name == b"sub/20250705T101112Z-a1b2c3-a.xml"


def test_a_deleted_file_is_gone(sftp: Sftp, sshd: Sshd) -> None:
    sftp.remove(str(sshd.root), _put(sftp, sshd, "a.xml", b""))
    assert not list(sshd.root.iterdir())


@pytest.mark.parametrize("how", ["archive", "remove"])
def test_a_file_that_changed_since_stays(sftp: Sftp, sshd: Sshd, how: str) -> None:
    file = _put(sftp, sshd, "a.xml", b"old")
    (sshd.root / "a.xml").write_bytes(b"new content")
    with pytest.raises(FileChanged, match="changed since it was loaded"):
        _do(sftp, sshd, file, how)
    assert (sshd.root / "a.xml").read_bytes() == b"new content"


@pytest.mark.parametrize("how", ["archive", "remove"])
def test_doing_it_again_says_that_the_file_is_gone(sftp: Sftp, sshd: Sshd, how: str) -> None:
    file = _put(sftp, sshd, "a.xml", b"")
    _do(sftp, sshd, file, how)
    with pytest.raises(FileGone):
        _do(sftp, sshd, file, how)


@pytest.mark.parametrize("how", ["archive", "remove"])
def test_no_right_to_take_files_away_is_permanent_and_has_a_cure(
    unprivileged: Sshd, how: str
) -> None:
    folder = unprivileged.root / f"locked-{how}"
    folder.mkdir()
    (folder / "a.xml").touch()
    folder.chmod(0o555)
    with connect(config_of(unprivileged)) as sftp:
        (file,) = sftp.list(str(folder)).files
        with pytest.raises(PermanentSftpError, match="AFTER_LOAD=keep"):
            _do(sftp, dataclasses.replace(unprivileged, root=folder), file, how)


def test_a_file_that_is_replaced_while_it_is_moved_is_put_back() -> None:
    server = FakeServer({b"/in/a": FakeFile(b"old", TIME)})

    def replace(kind: int, count: int) -> None:
        if (kind, count) == (wire.RENAME, 1):
            server.files[b"/in/a"] = FakeFile(b"newer", TIME)

    server.before = replace
    moving = removal.archive(b"/in", RemoteFile(b"a", 3, TIME), b"archive", can_replace=False)
    with pytest.raises(FileChanged):
        Session(server, "test:22").do(moving, "archiving")
    assert server.files == {b"/in/a": FakeFile(b"newer", TIME)}


def test_an_archive_folder_that_may_not_be_made_is_permanent(unprivileged: Sshd) -> None:
    folder = unprivileged.root / "no-archive"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub").chmod(0o777)
    (folder / "sub" / "a.xml").touch()
    folder.chmod(0o555)
    with connect(config_of(unprivileged)) as sftp:
        (file,) = sftp.list(str(folder)).files
        with pytest.raises(PermanentSftpError, match=r"archive folder .*archive can't be made"):
            sftp.archive(str(folder), file, "archive")


def test_a_full_disk_may_pass() -> None:
    server = FakeServer({b"/in/a": FakeFile(b"old", TIME)})
    server.before = lambda kind, _: status(wire.FAILURE) if kind == wire.RENAME else None
    moving = removal.archive(b"/in", RemoteFile(b"a", 3, TIME), b"archive", can_replace=False)
    with pytest.raises(TransientSftpError, match="quota"):
        Session(server, "test:22").do(moving, "archiving")


def _put(sftp: Sftp, sshd: Sshd, path: str, content: bytes) -> RemoteFile:
    target = sshd.root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    os.utime(target, (TIME, TIME))
    files = {file.text: file for file in sftp.list(str(sshd.root)).files}
    return files[path]


def _do(sftp: Sftp, sshd: Sshd, file: RemoteFile, how: str) -> None:
    if how == "archive":
        sftp.archive(str(sshd.root), file, "archive")
    else:
        sftp.remove(str(sshd.root), file)
