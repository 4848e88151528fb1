"""Fetching: what comes is the file, whole and as it stood; else a failure that harms no other."""

import dataclasses
import hashlib
import itertools
import os
import resource
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saft_pipeline.sftp import fetching, wire
from saft_pipeline.sftp.client import (
    Fetched,
    FetchFailed,
    Loaded,
    Quirks,
    RemoteFile,
    Sftp,
    connect,
)
from saft_pipeline.sftp.conversation import ask
from saft_pipeline.sftp.session import Session
from saft_pipeline_tests.fixtures.sshd import Sshd
from saft_pipeline_tests.sftp.conftest import config_of
from saft_pipeline_tests.sftp.fake import FakeFile, FakeServer, data, status
from saft_pipeline_tests.sftp.quirks.connecting import quirky
from saft_pipeline_tests.sftp.quirks.server import ANSWERS, Server

TIME = 1_700_000_000
LARGE = 3_000_000


@pytest.mark.parametrize("size", [0, 1, 6000, 261_119, 261_120, 1 << 20, (1 << 20) + 1, 9_000_000])
def test_every_byte_of_a_file_comes_whatever_its_size(
    sftp: Sftp, sshd: Sshd, spill: Path, size: int
) -> None:
    content = os.urandom(size)
    (sshd.root / "a.xml").write_bytes(content)
    (fetched,) = sftp.fetch(str(sshd.root), sftp.list(str(sshd.root)).files, spill)
    assert isinstance(fetched, Fetched)
    with fetched.open() as file:
        assert file.read() == content
    assert fetched.sha256 == hashlib.sha256(content).hexdigest()


def test_many_files_come_each_with_its_own_bytes(sftp: Sftp, sshd: Sshd, spill: Path) -> None:
    for number in range(300):
        (sshd.root / f"{number}.xml").write_bytes(b"%d " % number * number)
    results = list(sftp.fetch(str(sshd.root), sftp.list(str(sshd.root)).files, spill))
    assert {fetched.file.text: _content(fetched) for fetched in results} == {
        f"{number}.xml": b"%d " % number * number for number in range(300)
    }


def test_a_name_that_is_not_utf8_is_fetched(sftp: Sftp, sshd: Sshd, spill: Path) -> None:
    (sshd.root / os.fsdecode(b"Caf\xe9.xml")).write_bytes(b"x")
    (fetched,) = sftp.fetch(str(sshd.root), sftp.list(str(sshd.root)).files, spill)
    assert fetched.file.text == r"Caf\xe9.xml"
    assert _content(fetched) == b"x"


def test_only_files_over_one_megabyte_are_spilled(sftp: Sftp, sshd: Sshd, spill: Path) -> None:
    (sshd.root / "large.xml").write_bytes(bytes(LARGE))
    (sshd.root / "small.xml").write_bytes(bytes(1000))
    results = list(sftp.fetch(str(sshd.root), sftp.list(str(sshd.root)).files, spill))
    content = [result.content for result in results if isinstance(result, Fetched)]
    spilled = [path for path in content if isinstance(path, Path)]
    assert spilled == list(spill.iterdir())
    assert len(spilled) == 1


def test_a_vanished_file_is_gone_and_the_others_come(sftp: Sftp, sshd: Sshd, spill: Path) -> None:
    for name in ("a.xml", "b.xml"):
        (sshd.root / name).write_bytes(b"x")
    files = sftp.list(str(sshd.root)).files
    (sshd.root / "a.xml").unlink()
    results = {result.file.text: result for result in sftp.fetch(str(sshd.root), files, spill)}
    assert _kind(results["a.xml"]) == "gone"
    assert _content(results["b.xml"]) == b"x"


@pytest.mark.parametrize("now", [b"", b"shrunk", b"grown" * 100, bytes(LARGE)])
def test_a_file_that_changed_since_it_was_listed_is_taken_as_it_is_now(
    sftp: Sftp, sshd: Sshd, spill: Path, now: bytes
) -> None:
    (sshd.root / "a.xml").write_bytes(b"as it was listed")
    files = sftp.list(str(sshd.root)).files
    (sshd.root / "a.xml").write_bytes(now)
    (fetched,) = sftp.fetch(str(sshd.root), files, spill)
    assert _content(fetched) == now
    assert fetched.file.size == len(now)


def test_a_file_that_may_not_be_read_is_unreadable(unprivileged: Sshd, spill: Path) -> None:
    path = unprivileged.root / "secret.xml"
    path.write_bytes(b"x")
    path.chmod(0)
    with connect(config_of(unprivileged)) as sftp:
        (failed,) = sftp.fetch(str(unprivileged.root), [RemoteFile(b"secret.xml", 1, TIME)], spill)
    assert _kind(failed) == "unreadable"


def test_a_folder_in_the_place_of_a_file_is_a_failure(sftp: Sftp, sshd: Sshd, spill: Path) -> None:
    (sshd.root / "a.xml").mkdir()
    (failed,) = sftp.fetch(str(sshd.root), [RemoteFile(b"a.xml", 10, TIME)], spill)
    assert isinstance(failed, FetchFailed)


def test_archiving_may_go_on_between_two_results(sftp: Sftp, sshd: Sshd, spill: Path) -> None:
    for number in range(100):
        (sshd.root / f"{number}.xml").write_bytes(b"%d" % number)
    files = sftp.list(str(sshd.root)).files
    for fetched in sftp.fetch(str(sshd.root), files, spill):
        loaded = Loaded(fetched.file, getattr(fetched, "sha256", ""))
        assert [error for _, error in sftp.remove_all(str(sshd.root), [loaded])] == [None]
    assert not sftp.list(str(sshd.root)).files


def test_an_abandoned_fetch_leaves_no_file_behind(sftp: Sftp, sshd: Sshd, spill: Path) -> None:
    for number in range(5):
        (sshd.root / f"{number}.xml").write_bytes(bytes(LARGE))
    results = sftp.fetch(str(sshd.root), sftp.list(str(sshd.root)).files, spill)
    first = next(results)
    del results
    assert list(spill.iterdir()) == [first.content]  # type: ignore[union-attr]


def test_a_large_file_takes_constant_memory(sftp: Sftp, sshd: Sshd, spill: Path) -> None:
    with (sshd.root / "a.xml").open("wb") as file:
        file.truncate(200 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    list(sftp.fetch(str(sshd.root), sftp.list(str(sshd.root)).files, spill))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60 * 1024


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(1, 40_000), st.integers(0, 200_000), st.integers(0, 200_000))
def test_a_server_that_gives_less_than_asked_for_gives_the_whole_file_in_the_end(
    spill: Path, max_read: int, size: int, listed: int
) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    server = FakeServer({b"/in/a": FakeFile(content[:size], TIME)}, max_read=max(max_read, 500))
    (fetched,) = _fetch(server, listed, spill)
    assert _content(fetched) == content[:size]


@pytest.mark.parametrize(
    "now", [FakeFile(bytes(LARGE + 9), TIME), FakeFile(bytes(LARGE), TIME + 1), FakeFile(b"", TIME)]
)
def test_a_large_file_that_changes_while_it_is_read_has_changed(spill: Path, now: FakeFile) -> None:
    server = FakeServer({b"/in/a": FakeFile(bytes(LARGE), TIME)})
    server.before = lambda kind, count: (
        _replace(server, now) if (kind, count) == (wire.READ, 9) else None
    )
    (failed,) = _fetch(server, LARGE, spill)
    assert _kind(failed) == "changed"
    assert not list(spill.iterdir())


def test_a_small_file_that_keeps_changing_has_changed(spill: Path) -> None:
    server = FakeServer({b"/in/a": FakeFile(b"12345", TIME)})
    server.before = lambda kind, count: (
        _replace(server, FakeFile(b"12345", TIME + count)) if kind == wire.FSTAT else None
    )
    (failed,) = _fetch(server, 5, spill)
    assert _kind(failed) == "changed"


@pytest.mark.parametrize("size", [5, LARGE])
def test_a_fault_of_the_servers_disk_may_pass(spill: Path, size: int) -> None:
    server = FakeServer({b"/in/a": FakeFile(bytes(size), TIME)})
    fault = status(wire.FAILURE, b"I/O error")
    server.before = lambda asked, _: fault if asked == wire.READ else None
    (failed,) = _fetch(server, size, spill)
    assert _kind(failed) == "transient"
    assert "I/O error" in failed.reason  # type: ignore[union-attr]
    assert server.counts[wire.CLOSE] == server.counts[wire.OPEN]


SIZE_ALONE = bytes([wire.ATTRS]) + struct.pack(">IQ", 1, 6)
TIME_ALONE = bytes([wire.ATTRS]) + struct.pack(">III", 8, TIME, TIME)


@pytest.mark.parametrize("told", [SIZE_ALONE, TIME_ALONE])
def test_of_a_file_that_is_open_the_listing_tells_what_the_server_does_not(
    tmp_path: Path, spill: Path, monkeypatch: pytest.MonkeyPatch, told: bytes
) -> None:
    file = _old_file(tmp_path)
    for asked in (wire.FSTAT, wire.STAT):
        monkeypatch.setitem(ANSWERS, asked, lambda _server, _body: told)
    with quirky(monkeypatch) as (sftp, _):
        (fetched,) = sftp.fetch(str(tmp_path), [file], spill)
        assert sftp.quirks == Quirks()
    assert fetched.file == file


def test_of_a_file_that_is_open_its_path_tells_what_the_server_does_not(
    tmp_path: Path, spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _old_file(tmp_path)
    monkeypatch.setitem(ANSWERS, wire.FSTAT, lambda _server, _body: SIZE_ALONE)
    with quirky(monkeypatch) as (sftp, _):
        (fetched,) = sftp.fetch(str(tmp_path), [file], spill)
        assert sftp.quirks == Quirks(fstat=False)
    assert fetched.file == file


def test_a_file_of_unknown_size_that_is_another_at_each_read_has_changed(
    tmp_path: Path, spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, contents = _old_file(tmp_path), itertools.count(100_000)

    def read(_server: Server, body: bytes) -> bytes:
        (start,) = struct.unpack_from(">Q", body, 5)
        return status(wire.EOF) if start else data(b"%d" % next(contents))

    monkeypatch.setitem(ANSWERS, wire.READ, read)
    with quirky(monkeypatch, "sizes are zero") as (sftp, _):
        (failed,) = sftp.fetch(str(tmp_path), [dataclasses.replace(file, size=0)], spill)
    assert _kind(failed) == "changed"


def test_a_file_of_unknown_size_whose_time_moves_while_it_is_read_has_changed(
    tmp_path: Path, spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, looks, looked = _old_file(tmp_path), ANSWERS[wire.FSTAT], itertools.count(1)

    def look(server: Server, body: bytes) -> bytes:
        if next(looked) == 4:  # after both reads
            os.utime(tmp_path / "a.xml", (TIME, TIME + 60))
        return looks(server, body)

    monkeypatch.setitem(ANSWERS, wire.FSTAT, look)
    with quirky(monkeypatch, "sizes are zero") as (sftp, _):
        (failed,) = sftp.fetch(str(tmp_path), [dataclasses.replace(file, size=0)], spill)
    assert _kind(failed) == "changed"


def _old_file(folder: Path) -> RemoteFile:
    (folder / "a.xml").write_bytes(b"abcdef")
    os.utime(folder / "a.xml", (TIME, TIME))
    return RemoteFile(b"a.xml", 6, TIME)


def test_a_fault_of_the_servers_disk_is_not_the_end_of_a_file_that_comes_in_short_pieces(
    tmp_path: Path, spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.xml").write_bytes(bytes(LARGE))
    reads, faulty = ANSWERS[wire.READ], range(1_000_000, LARGE)

    def read(server: Server, body: bytes) -> bytes:
        (start,) = struct.unpack_from(">Q", server.held(body)[1])
        return status(wire.FAILURE, b"I/O error") if start in faulty else reads(server, body)

    monkeypatch.setitem(ANSWERS, wire.READ, read)
    with quirky(monkeypatch, "less than its limits say") as (sftp, _):
        (failed,) = sftp.fetch(str(tmp_path), sftp.list(str(tmp_path)).files, spill)
    assert _kind(failed) == "transient"


@pytest.mark.parametrize("path", [b"../a.xml", b"sub/../../a.xml", b"/etc/passwd", b"a\0.xml", b""])
def test_a_path_that_leads_out_of_the_folder_is_never_opened(spill: Path, path: bytes) -> None:
    server = FakeServer()
    (failed,) = fetching.fetch(
        Session(server, "test:22"), b"/in", [RemoteFile(path, 1, TIME)], spill
    )
    assert _kind(failed) == "unreadable"
    assert not server.counts[wire.OPEN]


def test_many_small_files_take_few_round_trips(spill: Path) -> None:
    files = {b"/in/%d" % number: FakeFile(b"x", TIME) for number in range(500)}
    server = FakeServer(files, extensions=(wire.LIMITS,), limits=wire.ServerLimits(32768, 1000))
    wanted = [RemoteFile(path[4:], 1, TIME) for path in files]
    assert len(list(fetching.fetch(Session(server, "test:22"), b"/in", wanted, spill))) == 500
    assert server.round_trips < 40


@pytest.mark.parametrize("handles", [1, 20])
def test_no_more_files_are_open_than_the_server_lets_be(spill: Path, handles: int) -> None:
    files = {b"/in/%d" % number: FakeFile(b"x", TIME) for number in range(100)}
    server = FakeServer(files, extensions=(wire.LIMITS,), limits=wire.ServerLimits(32768, handles))
    session = Session(server, "test:22")
    session.do(ask(wire.stat(b"/in")), "learning its limits")
    open_ones = [0]
    server.before = lambda _kind, _count: open_ones.append(
        server.counts[wire.OPEN] - server.counts[wire.CLOSE]
    )
    wanted = [RemoteFile(path[4:], 1, TIME) for path in files]
    assert len(list(fetching.fetch(session, b"/in", wanted, spill))) == 100
    assert 0 < max(open_ones) <= handles


def test_a_file_that_has_bytes_wherever_they_are_asked_for_is_given_up(
    spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_MOST_UNSIZED", LARGE)
    server = FakeServer({b"/in/a": FakeFile(bytes(LARGE), TIME)})
    server.before = lambda kind, _: data(bytes(40_000)) if kind == wire.READ else None
    (failed,) = _fetch(server, LARGE, spill)
    assert _kind(failed) == "unreadable"
    assert not list(spill.iterdir())


def test_no_more_files_are_under_way_than_memory_is_meant_for(spill: Path) -> None:
    files = {b"/in/%d" % number: FakeFile(bytes(1 << 20), TIME) for number in range(40)}
    server = FakeServer(files)
    wanted = [RemoteFile(path[4:], 1 << 20, TIME) for path in files]
    results = fetching.fetch(Session(server, "test:22"), b"/in", wanted, spill)
    next(results)
    assert server.counts[wire.OPEN] == 16


def test_a_full_local_disk_is_an_error_that_leaves_the_session_usable(tmp_path: Path) -> None:
    server = FakeServer({b"/in/a": FakeFile(bytes(LARGE), TIME)})
    session = Session(server, "test:22")
    file = RemoteFile(b"a", LARGE, TIME)
    with pytest.raises(FileNotFoundError):
        list(fetching.fetch(session, b"/in", [file], tmp_path / "missing"))
    (fetched,) = fetching.fetch(session, b"/in", [file], tmp_path)
    assert isinstance(fetched, Fetched)


def _fetch(server: FakeServer, size: int, spill: Path) -> list[Fetched | FetchFailed]:
    session = Session(server, "test:22")
    return list(fetching.fetch(session, b"/in", [RemoteFile(b"a", size, TIME)], spill))


def _replace(server: FakeServer, file: FakeFile) -> None:
    server.files[b"/in/a"] = file


def _content(result: Fetched | FetchFailed) -> bytes:
    assert isinstance(result, Fetched), result
    with result.open() as file:
        return file.read()


def _kind(result: Fetched | FetchFailed) -> str:
    assert isinstance(result, FetchFailed), result
    return result.kind
