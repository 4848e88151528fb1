"""Listing what a server tells only in part, denies, or ends too early."""

from pathlib import Path

import pytest

from saft_pipeline.sftp import wire
from saft_pipeline.sftp.client import RemoteFile
from saft_pipeline_tests.sftp.fake import FakeFile, attributes, status
from saft_pipeline_tests.sftp.quirks.connecting import quirky
from saft_pipeline_tests.sftp.quirks.server import ANSWERS, Server
from saft_pipeline_tests.sftp.test_listing import paths_of, write_file


def test_a_listing_goes_on_where_the_server_ended_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(100):
        write_file(tmp_path / str(number) / "a.xml")
    with quirky(monkeypatch, "closes after 150 answers") as (sftp, server):
        found = sftp.list(str(tmp_path))
    assert found.whole
    assert paths_of(found) == {b"%d/a.xml" % number for number in range(100)}
    assert 2 < len(server.connections) < 20


def test_a_path_that_is_too_long_for_the_ledger_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_file(tmp_path.joinpath(*["f" * 240] * 8, "a" * 90 + ".xml"))
    with quirky(monkeypatch) as (sftp, _):
        found = sftp.list(str(tmp_path))
    assert not found.files
    assert "its path has 2,022 bytes" in found.problems[0].reason


def test_what_a_listing_leaves_out_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_file(tmp_path / "a.xml", b"abc", when=1_600_000_000)
    whole = bytes([wire.ATTRS]) + attributes(FakeFile(b"abc", 1_600_000_000))
    monkeypatch.setitem(ANSWERS, wire.STAT, lambda _server, _body: whole)
    with quirky(monkeypatch, "no sizes") as (sftp, _):
        assert sftp.list(str(tmp_path)).files[:] == [RemoteFile(b"a.xml", 3, 1_600_000_000)]


def test_a_link_to_a_folder_is_not_followed_where_only_stat_tells_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_file(tmp_path / "sub" / "a.xml")
    (tmp_path / "link").symlink_to(tmp_path / "sub")
    with quirky(monkeypatch, "type by stat") as (sftp, _):
        assert paths_of(sftp.list(str(tmp_path))) == {b"sub/a.xml"}


def test_looks_that_were_too_many_at_once_are_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        write_file(tmp_path / f"{number}.xml")
    with quirky(monkeypatch, "no sizes", "8 requests") as (sftp, _):
        found = sftp.list(str(tmp_path))
    assert len(found.files) == 50
    assert not found.problems


def test_what_may_be_a_folder_that_is_closed_to_us_leaves_the_listing_not_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    opens = ANSWERS[wire.OPENDIR]

    def open_folder(server: Server, body: bytes) -> bytes:
        denied = body.endswith(b"sub")
        return status(wire.PERMISSION_DENIED) if denied else opens(server, body)

    monkeypatch.setitem(ANSWERS, wire.OPENDIR, open_folder)
    with quirky(monkeypatch, "no types at all") as (sftp, _):
        found = sftp.list(str(tmp_path))
    assert not found.whole
    assert "whether it is a folder or a file can't be told" in found.problems[0].reason


def test_no_file_is_opened_as_a_folder_whose_long_name_tells_its_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_file(tmp_path / "sub" / "a.xml")
    opens, opened = ANSWERS[wire.OPENDIR], []

    def open_folder(server: Server, body: bytes) -> bytes:
        opened.append(body[4:])
        return opens(server, body)

    monkeypatch.setitem(ANSWERS, wire.OPENDIR, open_folder)
    with quirky(monkeypatch, "type in the long name") as (sftp, _):
        assert paths_of(sftp.list(str(tmp_path))) == {b"sub/a.xml"}
    assert opened == [bytes(tmp_path), bytes(tmp_path / "sub")]


def test_a_file_that_may_not_be_looked_at_is_not_called_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_file(tmp_path / "a.xml")
    monkeypatch.setitem(ANSWERS, wire.STAT, lambda _server, _body: status(wire.PERMISSION_DENIED))
    with quirky(monkeypatch, "no sizes") as (sftp, _):
        (problem,) = sftp.list(str(tmp_path)).problems
    assert problem.reason == "it can't be looked at: the server denies the permission"
