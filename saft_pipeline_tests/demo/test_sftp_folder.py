"""The demo's folder against a client that wants out of it, or wants to harm what is in it."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paramiko
import pytest
from paramiko.sftp import CMD_DATA, CMD_READ, int64

from saft_pipeline.sftp.client import Sftp

SECRET = "what nobody may see"
Client = paramiko.SFTPClient

# How a hostile path looks once `outside` is the folder's neighbour, and links to it are inside.
WAYS_OUT = [
    "../outside",
    "/../outside",
    "a/../../outside",
    "a/../../../../../../../../../..{outside}",
    "{outside}",
    "//{outside}",
    "./..//../outside",
    "link",
    "a/link",
    "link/../../outside",
]


@pytest.fixture
def outside(inbox: Path) -> Path:
    """A folder beside the inbox with a file, and links to it inside."""
    folder = inbox.parent / "outside"
    folder.mkdir()
    (folder / "secret.xml").write_text(SECRET)
    (inbox / "a").mkdir()
    (inbox / "link").symlink_to(folder)
    (inbox / "a" / "link").symlink_to("../../outside")
    (inbox / "link.xml").symlink_to(folder / "secret.xml")
    return folder


@pytest.fixture(params=WAYS_OUT)
def way_out(request: pytest.FixtureRequest, outside: Path) -> str:
    return str(request.param).format(outside=outside)


def contents(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in folder.iterdir()}


def refused(act: Callable[..., object], *args: Any) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on the way
        act(*args)


def test_no_file_outside_is_read(other: Client, way_out: str) -> None:
    refused(lambda: other.open(f"{way_out}/secret.xml").read())


def test_no_file_outside_is_written(other: Client, way_out: str, outside: Path) -> None:
    for mode in ("w", "a", "r+", "x"):
        refused(other.open, f"{way_out}/secret.xml", mode)
        refused(other.open, f"{way_out}/new.xml", mode)
    assert contents(outside) == {"secret.xml": SECRET}


def test_nothing_outside_is_looked_at(other: Client, way_out: str) -> None:
    refused(other.listdir, way_out)
    refused(other.stat, f"{way_out}/secret.xml")
    refused(other.lstat, f"{way_out}/secret.xml")


def test_nothing_outside_is_changed(other: Client, way_out: str, outside: Path) -> None:
    refused(other.remove, f"{way_out}/secret.xml")
    refused(other.truncate, f"{way_out}/secret.xml", 0)
    refused(other.utime, f"{way_out}/secret.xml", (0, 0))
    refused(other.mkdir, f"{way_out}/new")
    refused(other.rmdir, way_out)
    assert contents(outside) == {"secret.xml": SECRET}


def test_nothing_is_moved_out_or_in(
    other: Client, way_out: str, outside: Path, inbox: Path
) -> None:
    (inbox / "mine.xml").write_text("mine")
    refused(other.rename, "mine.xml", f"{way_out}/mine.xml")
    refused(other.rename, f"{way_out}/secret.xml", "secret.xml")
    assert contents(outside) == {"secret.xml": SECRET}
    assert (inbox / "mine.xml").read_text() == "mine"


def test_a_link_to_a_file_is_not_followed(other: Client, outside: Path) -> None:
    refused(lambda: other.open("link.xml").read())
    refused(other.open, "link.xml", "w")
    refused(other.truncate, "link.xml", 0)
    refused(other.stat, "link.xml")
    assert contents(outside) == {"secret.xml": SECRET}


def test_a_link_that_is_moved_leads_nowhere_either(other: Client, outside: Path) -> None:
    other.rename("link.xml", "a/moved.xml")
    refused(lambda: other.open("a/moved.xml").read())


def test_deleting_a_link_deletes_the_link(other: Client, outside: Path, inbox: Path) -> None:
    other.remove("link.xml")
    assert not (inbox / "link.xml").is_symlink()
    assert contents(outside) == {"secret.xml": SECRET}


def test_no_link_is_made(other: Client, outside: Path, inbox: Path) -> None:
    refused(other.symlink, str(outside), "mine")
    refused(other.readlink, "link")
    assert not (inbox / "mine").is_symlink()


def test_the_true_path_is_not_told(other: Client, inbox: Path) -> None:
    (inbox / "a").mkdir()
    for path in (".", "..", "/", "a/../../..", "//", "/../.."):
        assert other.normalize(path) == "/"
    assert other.normalize("a//b/../c") == "/a/c"


def test_the_folder_itself_stays(other: Client, inbox: Path) -> None:
    for path in ("/", ".", "a/.."):
        refused(other.rmdir, path)
        refused(other.remove, path)
        refused(other.rename, path, "moved")
        refused(other.mkdir, path)
    assert inbox.is_dir()


def test_a_name_with_a_nul_is_refused(other: Client) -> None:
    refused(other.open, "a\0.xml", "w")


def test_a_file_never_takes_the_place_of_another(other: Client, inbox: Path) -> None:
    (inbox / "a.xml").write_text("a")
    (inbox / "b.xml").write_text("b")
    refused(other.rename, "a.xml", "b.xml")
    assert contents(inbox) == {"a.xml": "a", "b.xml": "b"}


def test_a_folder_is_moved_with_all_in_it(other: Client, inbox: Path) -> None:
    (inbox / "a").mkdir()
    (inbox / "a" / "x.xml").write_text("x")
    other.rename("a", "b")
    assert contents(inbox / "b") == {"x.xml": "x"}


def test_a_fifo_does_not_hold_the_session(other: Client, inbox: Path) -> None:
    os.mkfifo(inbox / "pipe.xml")
    refused(lambda: other.open("pipe.xml").read())
    refused(other.open, "pipe.xml", "w")
    assert other.listdir() == ["pipe.xml"]


def test_a_folder_is_not_opened_as_a_file(other: Client, inbox: Path) -> None:
    (inbox / "x.xml").mkdir()
    refused(lambda: other.open("x.xml").read())


def test_no_upload_makes_a_program_of_other_rights(other: Client, inbox: Path) -> None:
    with other.open("a.xml", "w") as file:
        file.write(b"a")
    refused_or_ignored = stat.S_ISUID | stat.S_IXUSR
    other.chmod("a.xml", 0o4755)
    assert not (inbox / "a.xml").stat().st_mode & refused_or_ignored


def test_a_read_of_everything_at_once_is_answered_in_part(other: Client, inbox: Path) -> None:
    (inbox / "a.xml").write_bytes(b"a" * 1_000_000)
    with other.open("a.xml") as file:
        request = (CMD_READ, file.handle, int64(0), 0xFFFFFFFF)
        kind, reply = other._request(*request)  # type: ignore[attr-defined]
    assert kind == CMD_DATA
    assert 0 < len(reply.get_binary()) < 1_000_000


def test_a_checksum_beyond_the_end_comes_to_an_end(other: Client, inbox: Path) -> None:
    (inbox / "a.xml").write_bytes(b"a" * 1000)
    with other.open("a.xml") as file, pytest.raises(EOFError):
        file.check("md5", 0, 5000, 5000)
    assert other.listdir() == ["a.xml"]


def test_appending_adds_at_the_end_and_a_position_is_kept(other: Client, inbox: Path) -> None:
    with other.open("a.xml", "w") as file:
        file.write(b"0123456789")
        file.seek(3)
        file.write(b"xyz")
    with other.open("a.xml", "a") as file:
        file.write(b"end")
    assert (inbox / "a.xml").read_bytes() == b"012xyz6789end"


def test_an_open_file_tells_its_size_and_takes_a_time(other: Client, inbox: Path) -> None:
    with other.open("a.xml", "w") as file:
        file.write(b"abc")
        file.utime((1_700_000_000, 1_700_000_000))
        assert file.stat().st_size == 3
    assert (inbox / "a.xml").stat().st_mtime == 1_700_000_000


def test_a_name_that_is_not_utf_8_hides_no_other(sftp: Sftp, inbox: Path) -> None:
    (inbox / os.fsdecode(b"\xe9.xml")).write_text("a")
    (inbox / "b.xml").write_text("b")
    assert {f.path for f in sftp.list(".").files} == {b"\xe9.xml", b"b.xml"}


def test_a_link_put_there_while_others_read_is_never_followed(
    other: Client, outside: Path, inbox: Path
) -> None:
    """A folder takes turns with a link to the outside while it is read through."""
    (inbox / "real").mkdir()
    (inbox / "real" / "secret.xml").write_text("mine")
    (inbox / "to-outside").symlink_to(outside)
    stop = threading.Event()

    def turn() -> None:
        while not stop.is_set():
            (inbox / "real").rename(inbox / "way")
            (inbox / "way").rename(inbox / "real")
            (inbox / "to-outside").rename(inbox / "way")
            (inbox / "way").rename(inbox / "to-outside")

    turning = threading.Thread(target=turn)
    turning.start()
    seen = set()
    for _ in range(300):
        try:
            seen.add(other.open("way/secret.xml").read())
        except OSError:
            continue
    stop.set()
    turning.join()
    assert SECRET.encode() not in seen
