"""Archiving and deleting: only the file that was loaded, never onto another, safe to repeat."""

import contextlib
import dataclasses
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from saft_pipeline.sftp import fetching, removal, wire
from saft_pipeline.sftp.client import Loaded, Quirks, RemoteFile, Sftp, connect
from saft_pipeline.sftp.conversation import Conversation
from saft_pipeline.sftp.errors import (
    FileChanged,
    FileGone,
    PermanentSftpError,
    SftpError,
    TransientSftpError,
)
from saft_pipeline.sftp.session import Session
from saft_pipeline_tests.fixtures.sshd import Sshd
from saft_pipeline_tests.sftp.conftest import config_of
from saft_pipeline_tests.sftp.fake import FakeFile, FakeServer, attributes, status
from saft_pipeline_tests.sftp.servers import Proxy

WHEN = datetime(2025, 7, 5, 10, 11, 12, tzinfo=UTC)
TIME = 1_700_000_000
DAY = 24 * 60 * 60
BOTH = pytest.mark.parametrize("how", ["archive", "remove"])


def test_an_archived_file_is_in_the_archive_and_nowhere_else(sftp: Sftp, sshd: Sshd) -> None:
    file = _put(sftp, sshd, "Lisboa/a.xml", b"content")
    assert _archive(sftp, sshd, [file], "archive/deep") == {"Lisboa/a.xml": None}
    (moved,) = _files(sshd.root)
    assert moved.parent == sshd.root / "archive" / "deep" / "Lisboa"
    assert moved.read_bytes() == b"content"


def test_an_absolute_archive_folder_is_taken_as_it_is(
    sftp: Sftp, sshd: Sshd, tmp_path: Path
) -> None:
    file = _put(sftp, sshd, "a.xml", b"content")
    _archive(sftp, sshd, [file], str(tmp_path / "elsewhere"))
    (moved,) = _files(tmp_path / "elsewhere")
    assert moved.read_bytes() == b"content"


def test_files_of_one_name_are_archived_side_by_side(sftp: Sftp, sshd: Sshd) -> None:
    for content in (b"1", b"2", b"3"):
        _archive(sftp, sshd, [_put(sftp, sshd, "a.xml", content)])
    assert {path.read_bytes() for path in _files(sshd.root / "archive")} == {b"1", b"2", b"3"}


def test_a_name_of_255_bytes_is_archived(sftp: Sftp, sshd: Sshd) -> None:
    _archive(sftp, sshd, [_put(sftp, sshd, "x" * 251 + ".xml", b"")])
    (moved,) = _files(sshd.root / "archive")
    assert moved.suffix == ".xml"


def test_an_archived_name_is_dated_and_keeps_its_folder() -> None:
    name = removal.archived_name(b"sub/a.xml", WHEN, "a1b2c3")
    assert name == b"sub/20250705T101112Z-a1b2c3-a.xml"


def test_a_long_name_is_cut_between_characters() -> None:
    name = removal.archived_name("é".encode() * 125 + b"x.xml", WHEN, "a1b2c3")
    assert name.decode().startswith("20250705T101112Z-a1b2c3-éé")
    assert len(name) <= 255


@pytest.mark.parametrize("posix", [(), (wire.POSIX_RENAME,)])
def test_a_name_that_the_archive_has_already_is_not_used(posix: tuple[bytes, ...]) -> None:
    server = FakeServer({b"/in/a": FakeFile(b"old", TIME)}, extensions=posix)
    server.before = lambda kind, count: (
        _attributes(FakeFile()) if (kind, count) == (wire.LSTAT, 1) else None
    )
    _archive_in(server)
    assert server.counts[wire.LSTAT] == 2
    assert len(server.files) == 1


def test_an_archive_that_seems_to_have_every_name_replaces_none() -> None:
    server = FakeServer({b"/in/a": FakeFile(b"old", TIME)})
    server.before = lambda kind, _: _attributes(FakeFile()) if kind == wire.LSTAT else None
    with pytest.raises(TransientSftpError, match="taken"):
        _archive_in(server)
    assert list(server.files) == [b"/in/a"]


def test_a_deleted_file_is_gone(sftp: Sftp, sshd: Sshd) -> None:
    _remove(sftp, sshd, [_put(sftp, sshd, "a.xml", b"")])
    assert not _files(sshd.root)


@BOTH
@pytest.mark.parametrize("skew", [-DAY, DAY])
def test_a_servers_clock_that_is_a_day_off_changes_nothing(
    sftp: Sftp, sshd: Sshd, how: str, skew: int
) -> None:
    now = int(datetime.now(UTC).timestamp())
    file = _put(sftp, sshd, "a.xml", b"", when=now + skew)
    assert _do(sftp, sshd, [file], how) == {"a.xml": None}


@BOTH
def test_a_file_that_changed_since_stays(sftp: Sftp, sshd: Sshd, how: str) -> None:
    file = _put(sftp, sshd, "a.xml", b"old")
    (sshd.root / "a.xml").write_bytes(b"new content")
    assert _kinds(_do(sftp, sshd, [file], how)) == {"a.xml": FileChanged}
    assert (sshd.root / "a.xml").read_bytes() == b"new content"


def test_a_file_that_changed_since_is_not_moved_even_for_a_moment() -> None:
    server = FakeServer({b"/in/a": FakeFile(b"newer", TIME)})
    with pytest.raises(FileChanged):
        _archive_in(server)
    assert not server.counts[wire.RENAME]


@BOTH
def test_doing_it_again_says_that_the_file_is_gone(sftp: Sftp, sshd: Sshd, how: str) -> None:
    file = _put(sftp, sshd, "a.xml", b"")
    _do(sftp, sshd, [file], how)
    assert _kinds(_do(sftp, sshd, [file], how)) == {"a.xml": FileGone}


@BOTH
def test_one_that_cannot_be_taken_away_does_not_keep_the_others(
    sftp: Sftp, sshd: Sshd, how: str
) -> None:
    files = [_put(sftp, sshd, f"{name}.xml", b"") for name in ("changed", "gone", "a", "b")]
    (sshd.root / "changed.xml").write_bytes(b"new")
    (sshd.root / "gone.xml").unlink()
    assert _kinds(_do(sftp, sshd, files, how)) == {
        "changed.xml": FileChanged,
        "gone.xml": FileGone,
        "a.xml": None,
        "b.xml": None,
    }


@BOTH
def test_after_a_lost_connection_the_same_files_can_be_given_again(sshd: Sshd, how: str) -> None:
    for number in range(1000):
        (sshd.root / f"{number}.xml").write_bytes(b"%d" % number)
    proxy = Proxy(sshd.port)
    with contextlib.closing(proxy), connect(config_of(sshd, proxy.port)) as sftp:
        files = list(sftp.list(str(sshd.root)).files)
        proxy.fail("RST", after=60_000)
        with pytest.raises(TransientSftpError, match="lost while"):
            _do(sftp, sshd, files, how)
    with connect(config_of(sshd)) as sftp:
        again = _kinds(_do(sftp, sshd, files, how))
    assert set(again.values()) == {None, FileGone}
    left = sorted(int(path.read_bytes()) for path in _files(sshd.root))
    assert left == (list(range(1000)) if how == "archive" else [])
    assert not list(sshd.root.glob("*.xml"))


@BOTH
def test_many_files_take_few_round_trips(how: str) -> None:
    files = {b"/in/%d" % number: FakeFile(b"", TIME) for number in range(200)}
    server = FakeServer(files)
    session = Session(server, "test:22")
    wanted = [RemoteFile(path[4:], 0, TIME) for path in files]
    results = removal.clear(session, _loaded(wanted), lambda one: _work(one, how), "clearing")
    assert {error for _, error in results} == {None}
    assert server.round_trips < 40


@BOTH
def test_no_right_to_take_files_away_is_permanent_and_has_a_cure(
    unprivileged: Sshd, how: str
) -> None:
    folder = unprivileged.root / f"locked-{how}"
    folder.mkdir()
    (folder / "a.xml").touch()
    folder.chmod(0o555)
    with connect(config_of(unprivileged)) as sftp:
        files = sftp.list(str(folder)).files
        error = _do(sftp, dataclasses.replace(unprivileged, root=folder), files, how)["a.xml"]
    assert isinstance(error, PermanentSftpError)
    assert "AFTER_LOAD=keep" in str(error)


def test_an_archive_folder_that_may_not_be_made_is_permanent(unprivileged: Sshd) -> None:
    folder = unprivileged.root / "no-archive"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub").chmod(0o777)
    (folder / "sub" / "a.xml").touch()
    folder.chmod(0o555)
    with connect(config_of(unprivileged)) as sftp:
        ((_, error),) = sftp.archive_all(
            str(folder), _loaded(sftp.list(str(folder)).files), "archive"
        )
    assert isinstance(error, PermanentSftpError)
    assert "archive folder" in str(error)


def test_a_quota_that_leaves_no_room_for_the_archive_folder_may_pass() -> None:
    server = FakeServer({b"/in/a": FakeFile(b"old", TIME)})
    answers = {
        wire.MKDIR: status(wire.FAILURE, b"Disk quota exceeded"),
        wire.RENAME: status(wire.NO_SUCH_FILE),
    }
    server.before = lambda kind, _: answers.get(kind)
    with pytest.raises(TransientSftpError, match=r"can't be made.*Disk quota exceeded"):
        _archive_in(server)


def test_a_full_disk_may_pass() -> None:
    server = FakeServer({b"/in/a": FakeFile(b"old", TIME)})
    server.before = lambda kind, _: status(wire.FAILURE) if kind == wire.RENAME else None
    with pytest.raises(TransientSftpError, match="quota"):
        _archive_in(server)


def test_a_file_that_is_replaced_while_it_is_moved_is_put_back() -> None:
    server = FakeServer({b"/in/a": FakeFile(b"old", TIME)})

    def replace(kind: int, count: int) -> None:
        if (kind, count) == (wire.RENAME, 1):
            server.files[b"/in/a"] = FakeFile(b"newer", TIME)

    server.before = replace
    with pytest.raises(FileChanged):
        _archive_in(server)
    assert server.files == {b"/in/a": FakeFile(b"newer", TIME)}


@BOTH
def test_a_path_that_leads_out_of_the_folder_is_refused(
    sftp: Sftp, sshd: Sshd, tmp_path: Path, how: str
) -> None:
    (tmp_path / "a.xml").touch()
    os.utime(tmp_path / "a.xml", (TIME, TIME))
    file = RemoteFile(b"../a.xml", 0, TIME)
    assert _kinds(_do(sftp, sshd, [file], how)) == {"../a.xml": PermanentSftpError}
    assert (tmp_path / "a.xml").exists()


def _put(sftp: Sftp, sshd: Sshd, path: str, content: bytes, when: int = TIME) -> RemoteFile:
    target = sshd.root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    os.utime(target, (when, when))
    files = {file.text: file for file in sftp.list(str(sshd.root)).files}
    return files[path]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _archive(
    sftp: Sftp, sshd: Sshd, files: Sequence[RemoteFile], folder: str = "archive"
) -> dict[str, SftpError | None]:
    results = sftp.archive_all(str(sshd.root), _loaded(files), folder)
    return {file.text: error for file, error in results}


def _remove(sftp: Sftp, sshd: Sshd, files: Sequence[RemoteFile]) -> dict[str, SftpError | None]:
    return {file.text: error for file, error in sftp.remove_all(str(sshd.root), _loaded(files))}


def _do(
    sftp: Sftp, sshd: Sshd, files: Sequence[RemoteFile], how: str
) -> dict[str, SftpError | None]:
    return _archive(sftp, sshd, files) if how == "archive" else _remove(sftp, sshd, files)


def _kinds(results: dict[str, SftpError | None]) -> dict[str, type[SftpError] | None]:
    return {path: type(error) if error else None for path, error in results.items()}


def _loaded(files: Sequence[RemoteFile]) -> list[Loaded]:
    """Files whose time tells that they are what was loaded."""
    return [Loaded(file, "", racy=False) for file in files]


def _work(loaded: Loaded, how: str) -> Conversation[object]:
    place = removal.RemoteFolder(b"/in", fetching.Reader(lambda: 32768, Quirks(), None))
    if how == "remove":
        return removal.remove(place, loaded)
    return removal.archive(place, loaded, b"archive")


def _archive_in(server: FakeServer) -> None:
    (loaded,) = _loaded([RemoteFile(b"a", 3, TIME)])
    Session(server, "test:22").do(_work(loaded, "archive"), "archiving")


def _attributes(file: FakeFile) -> bytes:
    return bytes([wire.ATTRS]) + attributes(file)
