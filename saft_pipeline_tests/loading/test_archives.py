"""Packed files: what is in them, unpacked as a stream; what can't be taken, with the reason."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from saft_pipeline.loading import archives
from saft_pipeline.loading.archives import (
    ArchiveError,
    Member,
    Zip,
    is_xml,
    splits,
    unpacked,
    unpacked_here,
)
from saft_pipeline.sftp.client import Fetched, RemoteFile

FILE = RemoteFile(b"a.zip/b.xml", 0, 1_750_000_000)


def zip_of(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return stream


def content_of(fetched: Fetched) -> bytes:
    with fetched.open() as stream:
        return stream.read()


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("a.zip/b.xml", [("a.zip", "b.xml")]),
        ("x/a.ZIP/in/b.xml", [("x/a.ZIP", "in/b.xml")]),
        ("a.zip/b.zip/c.xml", [("a.zip", "b.zip/c.xml"), ("a.zip/b.zip", "c.xml")]),
        ("a.zip", []),
        ("a.zip/", []),
        ("a.xml", []),
    ],
)
def test_a_member_s_path_names_the_zips_that_it_may_be_in(
    path: str, parts: list[tuple[str, str]]
) -> None:
    assert splits(path) == parts


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_members_that_fit_are_found_in_any_folder(method: int, tmp_path: Path) -> None:
    packed = zip_of({"b.xml": b"<b/>", "in/ç.xml": b"<c/>", "x.txt": b"x", "in/": b""}, method)
    assert Zip(packed).members(is_xml) == [Member("b.xml", 4), Member("in/ç.xml", 4)]
    assert content_of(Zip(packed).taken_out("in/ç.xml", FILE, tmp_path)) == b"<c/>"


def test_names_are_read_in_cp437_where_utf_8_is_not_said(tmp_path: Path) -> None:
    packed = zip_of({"ana.xml": b"<b/>"}).getvalue().replace(b"ana.xml", b"a\x87a.xml")
    assert Zip(io.BytesIO(packed)).members(is_xml) == [Member("aça.xml", 4)]
    assert content_of(Zip(io.BytesIO(packed)).taken_out("aça.xml", FILE, tmp_path)) == b"<b/>"


def test_a_gzipped_file_keeps_the_hash_of_what_lies_on_the_server(tmp_path: Path) -> None:
    file = RemoteFile(b"a.xml.gz", 1, 1)
    done = unpacked(Fetched(file, "hash", gzip.compress(b"<a/>")), tmp_path)
    assert (done.sha256, done.content, done.file) == ("hash", b"<a/>", file)


def test_a_large_member_goes_to_disk_and_not_through_memory(tmp_path: Path) -> None:
    packed = zip_of({"b.xml": b"<Line>0123456789</Line>" * 1_000_000})
    tracemalloc.start()
    done = Zip(packed).taken_out("b.xml", FILE, tmp_path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert done.file.size == 23_000_000
    assert most < 8 << 20


def test_a_large_gzipped_file_goes_to_disk_and_not_through_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.xml.gz"
    path.write_bytes(gzip.compress(b"<Line>0123456789</Line>" * 1_000_000))
    file = RemoteFile(b"a.xml.gz", path.stat().st_size, 1)
    tracemalloc.start()
    done = unpacked(Fetched(file, "hash", path), tmp_path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(done.content, Path)
    assert done.content.stat().st_size == 23_000_000
    assert most < 8 << 20


def damaged(content: bytes, at: int) -> io.BytesIO:
    return io.BytesIO(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])


def encrypted() -> io.BytesIO:
    """The flag of encryption, in both places where a zip says it."""
    content = bytearray(zip_of({"b.xml": b"<b/>"}).getvalue())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return io.BytesIO(bytes(content))


def not_utf_8() -> io.BytesIO:
    return io.BytesIO(zip_of({"bç.xml": b""}).getvalue().replace("ç".encode(), b"\xe7."))


def moved(by: int) -> io.BytesIO:
    """A zip whose end says that its directory lies further on, and so its members before it."""
    content = bytearray(zip_of({"b.xml": b"<b/>"}).getvalue())
    at = content.index(b"PK\x05\x06") + 16
    place = int.from_bytes(content[at : at + 4], "little") + by
    content[at : at + 4] = place.to_bytes(4, "little")
    return io.BytesIO(bytes(content))


@pytest.mark.parametrize(
    ("packed", "says"),
    [
        (io.BytesIO(b"PK nothing"), "no whole zip"),
        (io.BytesIO(zip_of({"b.xml": b"<b/>" * 99}).getvalue()[:-30]), "no whole zip"),
        (zip_of({"b.xml": b"<b/>"}, zipfile.ZIP_LZMA), "method 14"),
        (encrypted(), "without a password"),
        (moved(by=1), "no whole zip"),
        (not_utf_8(), "UTF-8"),
        (zip_of({"b.xml": bytes(70 << 20)}), "refused as a bomb"),
    ],
)
def test_what_can_not_be_taken_is_said_when_it_is_looked_into(
    packed: io.BytesIO, says: str
) -> None:
    with pytest.raises(ArchiveError, match=says):
        Zip(packed).members(is_xml)


def test_a_bomb_that_lies_about_its_size_is_stopped_on_the_way(tmp_path: Path) -> None:
    content = gzip.compress(bytes(70 << 20))
    with pytest.raises(ArchiveError, match="refused as a bomb"):
        unpacked(Fetched(RemoteFile(b"a.xml.gz", len(content), 1), "", content), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("looked", [True, False])
def test_what_unpacks_to_more_than_any_export_is_refused_by_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looked: bool
) -> None:
    monkeypatch.setattr(archives, "MOST_UNPACKED", 99)
    packed = Zip(zip_of({"b.xml": b"<b/>" * 25}, zipfile.ZIP_STORED))
    with pytest.raises(ArchiveError, match="more than 99 bytes: send it in parts"):
        packed.members(is_xml) if looked else packed.taken_out("b.xml", FILE, tmp_path)
    content = gzip.compress(b"<b/>" * 25)
    with pytest.raises(ArchiveError, match="more than 99 bytes: send it in parts"):
        unpacked(Fetched(RemoteFile(b"a.xml.gz", len(content), 1), "", content), tmp_path)


def test_a_large_export_is_no_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_ANY_RATIO", 1000)
    line = b"".join(b"<Line>%d</Line>" % number for number in range(100_000))
    assert content_of(Zip(zip_of({"b.xml": line})).taken_out("b.xml", FILE, tmp_path)) == line


def test_a_member_that_is_broken_is_named_so(tmp_path: Path) -> None:
    packed = damaged(zip_of({"b.xml": b"<b/>" * 99}, zipfile.ZIP_STORED).getvalue(), 60)
    with pytest.raises(ArchiveError, match="it is broken"):
        Zip(packed).taken_out("b.xml", FILE, tmp_path)


def test_local_files_are_given_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zip_of({"b.xml": b"<b/>", "c.xml.gz": gzip.compress(b"<c/>")}).getvalue())
    found = {name: content.read_bytes() for name, content in unpacked_here(path)}
    assert found == {f"{path}/b.xml": b"<b/>", f"{path}/c.xml.gz": b"<c/>"}


def test_a_path_that_is_there_twice_is_one_member_as_it_was_packed_last(tmp_path: Path) -> None:
    stream = zip_of({"b.xml": b"<old/>"})
    with zipfile.ZipFile(stream, "a") as packed, pytest.warns(UserWarning, match="Duplicate"):
        packed.writestr("b.xml", b"<b/>")
    assert Zip(stream).members(is_xml) == [Member("b.xml", 4)]
    assert content_of(Zip(stream).taken_out("b.xml", FILE, tmp_path)) == b"<b/>"


def test_what_is_hidden_in_a_zip_is_left_alone_as_on_the_server() -> None:
    packed = zip_of(dict.fromkeys(["._b.xml", "in/.b.xml", "__MACOSX/b.xml", "./c.xml"], b"<b/>"))
    assert Zip(packed).members(is_xml) == [Member("./c.xml", 4)]


def test_the_directory_of_a_zip_is_read_once_for_all_of_its_members(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, files_in = [], archives._files_in

    def counted(opened: zipfile.ZipFile) -> Iterator[tuple[str, zipfile.ZipInfo]]:
        read.append(opened)
        return files_in(opened)

    monkeypatch.setattr(archives, "_files_in", counted)
    (tmp_path / "a.zip").write_bytes(zip_of({f"{n}.xml": b"<b/>" for n in range(5)}).getvalue())
    assert len([name for name, _ in unpacked_here(tmp_path / "a.zip")]) == 5
    assert len(read) == 1
