"""Deleting and archiving only what was loaded, though another file bears its size and its time."""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from saft_pipeline.sftp import wire
from saft_pipeline.sftp.client import Loaded, Quirks, RemoteFile, Sftp
from saft_pipeline.sftp.errors import (
    FileChanged,
    FileGone,
    FileStays,
    PermanentSftpError,
    SftpError,
    TransientSftpError,
)
from saft_pipeline_tests.sftp.fake import status
from saft_pipeline_tests.sftp.quirks.connecting import quirky
from saft_pipeline_tests.sftp.quirks.server import ANSWERS, Server

TIME = 1_600_000_000
OLD, NEW = b"what was loaded", b"what came since"
BOTH = pytest.mark.parametrize("how", ["archive", "remove"])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def put(root: Path, content: bytes = OLD, when: float = TIME) -> Loaded:
    """Put a.xml there; what of it was loaded are the old bytes, whatever lies there."""
    path = root / "a.xml"
    path.write_bytes(content)
    os.utime(path, (when, when))
    file = RemoteFile(b"a.xml", len(content), int(when))
    return Loaded(file, hashlib.sha256(OLD).hexdigest(), racy=True)


def do(sftp: Sftp, root: Path, loaded: Loaded, how: str) -> SftpError | None:
    if how == "remove":
        ((_, error),) = sftp.remove_all(str(root), [loaded])
    else:
        ((_, error),) = sftp.archive_all(str(root), [loaded], "archive")
    return error


def contents(root: Path) -> list[bytes]:
    return [path.read_bytes() for path in root.rglob("*") if path.is_file()]


@BOTH
def test_what_was_loaded_goes(root: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with quirky(monkeypatch) as (sftp, _):
        assert do(sftp, root, put(root), how) is None
    assert contents(root) == ([OLD] if how == "archive" else [])
    assert not (root / "a.xml").exists()


@BOTH
@pytest.mark.parametrize("quirk", ["lstat unsupported", "posix-rename in words"])
def test_what_was_loaded_goes_from_a_server_that_lacks_a_request(
    root: Path, how: str, quirk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quirky(monkeypatch, quirk) as (sftp, _):
        assert do(sftp, root, put(root), how) is None
        assert sftp.quirks == Quirks()
    assert contents(root) == ([OLD] if how == "archive" else [])


def test_what_a_server_without_lstat_says_it_deleted_is_looked_for(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quirky(monkeypatch, "lstat unsupported", "removes only in words") as (sftp, _):
        assert isinstance(do(sftp, root, put(root), "remove"), FileStays)
    assert contents(root) == [OLD]


@BOTH
def test_other_bytes_of_the_same_size_and_time_stay_in_their_place(
    root: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = put(root, NEW)
    with quirky(monkeypatch) as (sftp, _):
        assert isinstance(do(sftp, root, loaded, how), FileChanged)
    assert (root / "a.xml").read_bytes() == NEW
    assert contents(root) == [NEW]


@BOTH
def test_one_that_comes_at_the_last_moment_stays(
    root: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes after the first look, with another time: only what lies aside is judged."""
    loaded = put(root)

    def come() -> None:
        put(root, NEW, TIME + 1)

    _first(monkeypatch, wire.RENAME, come)
    with quirky(monkeypatch) as (sftp, _):
        assert isinstance(do(sftp, root, loaded, how), FileChanged)
    assert (root / "a.xml").read_bytes() == NEW


@BOTH
def test_one_that_comes_while_the_loaded_one_is_moved_aside_is_not_touched(
    root: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = put(root)
    renames = ANSWERS[wire.RENAME]

    def then_come(server: Server, body: bytes) -> bytes:
        answer = renames(server, body)
        put(root, NEW)
        return answer

    monkeypatch.setitem(ANSWERS, wire.RENAME, then_come)
    with quirky(monkeypatch) as (sftp, _):
        assert do(sftp, root, loaded, how) is None
    assert (root / "a.xml").read_bytes() == NEW


def test_a_try_that_ended_between_its_two_steps_is_taken_up(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = put(root)
    removes = ANSWERS[wire.REMOVE]
    monkeypatch.setitem(ANSWERS, wire.REMOVE, _hang_up)
    with quirky(monkeypatch) as (sftp, _), pytest.raises(TransientSftpError):
        do(sftp, root, loaded, "remove")
    assert contents(root) == [OLD]
    assert not (root / "a.xml").exists()
    put(root, NEW)
    monkeypatch.setitem(ANSWERS, wire.REMOVE, removes)
    with quirky(monkeypatch) as (sftp, _):
        assert do(sftp, root, loaded, "remove") is None
    assert contents(root) == [NEW]


def test_what_lies_aside_meanwhile_is_not_listed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = put(root)
    monkeypatch.setitem(ANSWERS, wire.REMOVE, _hang_up)
    with quirky(monkeypatch) as (sftp, _), pytest.raises(TransientSftpError):
        do(sftp, root, loaded, "remove")
    with quirky(monkeypatch) as (sftp, _):
        assert not sftp.list(str(root), pattern="*").files


def test_where_files_cannot_be_renamed_a_new_one_is_not_deleted_yet(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = put(root, OLD, time.time())
    with quirky(monkeypatch, "renames unsupported") as (sftp, _):
        assert "too new to be deleted" in str(do(sftp, root, loaded, "remove"))
    assert contents(root) == [OLD]


@pytest.mark.parametrize(("content", "error"), [(OLD, None), (NEW, FileChanged)])
@pytest.mark.parametrize("quirk", ["renames unsupported", "renames only in words"])
def test_where_files_cannot_be_renamed_an_old_one_is_deleted_if_its_bytes_are_the_same(
    root: Path, quirk: str, content: bytes, error: type | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = put(root, content)
    with quirky(monkeypatch, quirk) as (sftp, _):
        assert type(do(sftp, root, loaded, "remove")) is (error or type(None))
    assert contents(root) == ([] if error is None else [NEW])


@BOTH
def test_a_time_that_moves_by_itself_is_settled_by_the_bytes(
    root: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quirky(monkeypatch, "times are now") as (sftp, _):
        assert do(sftp, root, put(root), how) is None
    assert not (root / "a.xml").exists()


@pytest.mark.parametrize(
    ("quirk", "how", "learnt"),
    [
        ("removes only in words", "remove", Quirks(removes=False)),
        ("renames only in words", "archive", Quirks(renames=False)),
        ("renames unsupported", "archive", Quirks(renames=False)),
    ],
)
def test_what_a_server_only_says_it_did_stays_and_is_said_so(
    root: Path, quirk: str, how: str, learnt: Quirks, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quirky(monkeypatch, quirk) as (sftp, _):
        error = do(sftp, root, put(root), how)
        assert isinstance(error, FileStays)
        assert "stays on the server" in str(error)
        assert sftp.quirks == learnt
    assert (root / "a.xml").read_bytes() == OLD


@BOTH
def test_a_read_only_server_is_permanent_and_has_a_cure(
    root: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quirky(monkeypatch, "read-only") as (sftp, _):
        error = do(sftp, root, put(root), how)
    assert isinstance(error, PermanentSftpError)
    assert not isinstance(error, FileGone)
    assert "AFTER_LOAD=keep" in str(error)
    assert contents(root) == [OLD]


@pytest.mark.parametrize("quirk", ["renames only in words", "renames unsupported"])
def test_a_try_of_what_clearing_away_needs_finds_that_nothing_is_renamed(
    root: Path, quirk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quirky(monkeypatch, quirk) as (sftp, _):
        with pytest.raises(PermanentSftpError, match="can't rename"):
            sftp.try_out(str(root), "archive")
        assert sftp.quirks == Quirks(renames=False)
    assert list(root.iterdir()) == []


def test_a_try_on_a_server_that_was_mended_takes_back_what_was_known(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Quirks(renames=False, removes=False)
    with quirky(monkeypatch, quirks=known) as (sftp, _):
        sftp.try_out(str(root), "archive")
        assert sftp.quirks == Quirks()


@BOTH
@pytest.mark.parametrize("quirk", ["no sizes", "no times", ""])
def test_other_bytes_stay_where_neither_size_nor_time_tells_of_them(
    root: Path, how: str, quirk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far from a look as can be; a good server's file has another time."""
    put(root)
    with quirky(monkeypatch, *[quirk] * bool(quirk)) as (sftp, _):
        (file,) = sftp.list(str(root)).files
        put(root, NEW, TIME + (not quirk) * 100)
        loaded = Loaded(file, hashlib.sha256(OLD).hexdigest(), racy=False)
        assert isinstance(do(sftp, root, loaded, how), FileChanged)
    assert contents(root) == [NEW]


def _hang_up(_server: Server, _body: bytes) -> bytes:
    raise EOFError


def _first(patch: pytest.MonkeyPatch, kind: int, do_this: Callable[[], None]) -> None:
    """Let something happen just before the first request of a kind is answered."""
    answers, waiting = ANSWERS[kind], [do_this]

    def answer(server: Server, body: bytes) -> bytes:
        if waiting:
            waiting.pop()()
        return answers(server, body)

    patch.setitem(ANSWERS, kind, answer)


@BOTH
def test_a_look_that_is_answered_with_ok_is_no_look(
    root: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As libssh2 #258 has it of some servers."""
    loaded = put(root, NEW)
    monkeypatch.setitem(ANSWERS, wire.STAT, lambda _server, _body: status(wire.OK))
    with quirky(monkeypatch) as (sftp, _):
        assert isinstance(do(sftp, root, loaded, how), TransientSftpError)
    assert (root / "a.xml").read_bytes() == NEW


@BOTH
@pytest.mark.parametrize("quirk", ["no times", "no sizes", "what is missing is a failure"])
def test_what_was_loaded_goes_though_the_server_says_little(
    root: Path, how: str, quirk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(root)
    with quirky(monkeypatch, quirk) as (sftp, _):
        (file,) = sftp.list(str(root)).files
        loaded = Loaded(file, hashlib.sha256(OLD).hexdigest())
        assert do(sftp, root, loaded, how) is None
    assert not (root / "a.xml").exists()
