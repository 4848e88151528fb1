"""Listing: on a real sshd what a file system can hold, in memory what only a bad server says."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saft_pipeline.sftp import entries, listing, paths, wire
from saft_pipeline.sftp.client import Listing, Loaded, RemoteFile, Sftp, connect
from saft_pipeline.sftp.errors import PermanentSftpError
from saft_pipeline.sftp.session import Session
from saft_pipeline_tests.fixtures.sshd import Sshd
from saft_pipeline_tests.sftp.conftest import config_of
from saft_pipeline_tests.sftp.fake import FakeFile, FakeServer, status

NAMES = st.binary(min_size=1, max_size=60).filter(lambda name: not set(name) & set(b"/\0"))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sets(NAMES, max_size=8))
def test_every_name_that_a_file_system_can_hold_is_listed(
    sftp: Sftp, sshd: Sshd, stems: set[bytes]
) -> None:
    names = {stem.lstrip(b".") + b".xml" for stem in stems if stem.strip(b".")}
    with _files(sshd.root, names):
        assert paths_of(sftp.list(str(sshd.root))) == names


ODD_NAMES = [
    b"with space.xml",
    b" .xml",
    b"quote'\"`$(id).xml",
    b"new\nline.xml",
    b"tab\tand\rreturn.xml",
    b"-rf.xml",
    b"--.xml",
    b"back\\slash.xml",
    b"Caf\xe9.xml",
    b"\xff\xfe.xml",
    b"*[a]?.xml",
    b"#%&;|<>.xml",
    "ção\u202e\U0001f9fe.xml".encode(),
    b"x" * 251 + b".xml",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_file_of_an_odd_name_is_listed_fetched_archived_and_deleted(
    sftp: Sftp, sshd: Sshd, spill: Path, name: bytes
) -> None:
    root = str(sshd.root)
    for _ in range(2):
        (sshd.root / os.fsdecode(name)).write_bytes(name)
    (file,) = sftp.list(root, exclude="archive").files
    assert paths.raw_path(file.text) == name
    (fetched,) = sftp.fetch(root, [file], spill)
    assert getattr(fetched, "content", None) == name
    digest = hashlib.sha256(name).hexdigest()
    archived = sftp.archive_all(root, [Loaded(file, digest)], "archive")
    assert [error for _, error in archived] == [None]
    in_archive = [Loaded(one, digest) for one in sftp.list(root).files]
    assert [error for _, error in sftp.remove_all(root, in_archive)] == [None]
    assert not sftp.list(root).files


@contextlib.contextmanager
def _files(root: Path, names: set[bytes]) -> Iterator[None]:
    """Have empty files for the length of a block."""
    paths = [root / os.fsdecode(name) for name in names]
    for path in paths:
        path.touch()
    yield
    for path in paths:
        path.unlink()


def test_size_time_and_path_are_those_of_the_file(sftp: Sftp, sshd: Sshd) -> None:
    write_file(sshd.root / "Lisboa" / "a.xml", b"abc", when=1_600_000_000)
    assert sftp.list(str(sshd.root)).files[:] == [RemoteFile(b"Lisboa/a.xml", 3, 1_600_000_000)]


def test_files_come_oldest_first_future_dated_ones_too(sftp: Sftp, sshd: Sshd) -> None:
    for name, when in (("future", 4_000_000_000), ("old", 1), ("new", 1_700_000_000)):
        write_file(sshd.root / f"{name}.xml", when=when)
    assert [file.text for file in sftp.list(str(sshd.root)).files] == [
        "old.xml",
        "new.xml",
        "future.xml",
    ]


@pytest.mark.parametrize("name", [".a.xml", "a.xml.part", "a.xml.tmp", "a.xml.filepart"])
def test_hidden_and_unfinished_files_are_left_alone(sftp: Sftp, sshd: Sshd, name: str) -> None:
    write_file(sshd.root / name)
    assert not sftp.list(str(sshd.root), pattern="*").files


def test_only_names_that_fit_the_pattern_are_listed_in_either_case(sftp: Sftp, sshd: Sshd) -> None:
    for name in ("FR1.XML", "FR2.xml", "other.xml", "FR3.pdf"):
        write_file(sshd.root / name)
    assert paths_of(sftp.list(str(sshd.root), pattern="fr*.Xml")) == {b"FR1.XML", b"FR2.xml"}


def test_a_fifo_is_not_listed(sftp: Sftp, sshd: Sshd) -> None:
    os.mkfifo(sshd.root / "a.xml")
    assert sftp.list(str(sshd.root)).files[:] == []


def test_a_folder_with_a_files_name_is_visited_not_taken(sftp: Sftp, sshd: Sshd) -> None:
    write_file(sshd.root / "x.xml" / "a.xml")
    assert paths_of(sftp.list(str(sshd.root))) == {b"x.xml/a.xml"}


def test_a_hidden_folder_is_left_alone(sftp: Sftp, sshd: Sshd) -> None:
    write_file(sshd.root / ".hidden" / "a.xml")
    assert not sftp.list(str(sshd.root)).files


def test_a_link_to_a_file_is_taken_with_the_files_size(sftp: Sftp, sshd: Sshd) -> None:
    write_file(sshd.root / "kept", b"12345", when=7)
    (sshd.root / "a.xml").symlink_to("kept")
    assert sftp.list(str(sshd.root)).files[:] == [RemoteFile(b"a.xml", 5, 7)]


def test_links_to_folders_are_not_followed_so_loops_end(sftp: Sftp, sshd: Sshd) -> None:
    write_file(sshd.root / "sub" / "a.xml")
    (sshd.root / "sub" / "loop").symlink_to(sshd.root)
    (sshd.root / "sub" / "loop.xml").symlink_to(sshd.root)
    assert paths_of(sftp.list(str(sshd.root))) == {b"sub/a.xml"}


def test_a_link_that_leads_nowhere_is_reported(sftp: Sftp, sshd: Sshd) -> None:
    (sshd.root / "a.xml").symlink_to("missing")
    found = sftp.list(str(sshd.root))
    assert [(problem.text, problem.folder) for problem in found.problems] == [("a.xml", False)]
    assert found.whole


def test_links_that_lead_to_each_other_are_reported(sftp: Sftp, sshd: Sshd) -> None:
    (sshd.root / "a.xml").symlink_to("b.xml")
    (sshd.root / "b.xml").symlink_to("a.xml")
    found = sftp.list(str(sshd.root))
    assert not found.files
    assert {problem.text for problem in found.problems} == {"a.xml", "b.xml"}


def test_not_recursive_looks_at_one_folder_only(sftp: Sftp, sshd: Sshd) -> None:
    write_file(sshd.root / "a.xml")
    write_file(sshd.root / "sub" / "b.xml")
    assert paths_of(sftp.list(str(sshd.root), recursive=False)) == {b"a.xml"}


@pytest.mark.parametrize("exclude", ["archive", "./archive/", "{root}/archive", "sub/../archive"])
def test_the_archive_folder_is_never_listed(sftp: Sftp, sshd: Sshd, exclude: str) -> None:
    write_file(sshd.root / "archive" / "a.xml")
    write_file(sshd.root / "sub" / "archive" / "b.xml")
    found = sftp.list(str(sshd.root), exclude=exclude.format(root=sshd.root))
    assert paths_of(found) == {b"sub/archive/b.xml"}


@pytest.mark.parametrize("made", [True, False])
def test_the_archive_folder_is_known_by_its_absolute_path_behind_a_link(
    sftp: Sftp, sshd: Sshd, tmp_path: Path, made: bool
) -> None:
    (tmp_path / "link").symlink_to(sshd.root)
    write_file(sshd.root / "a.xml")
    if made:
        write_file(sshd.root / "archive" / "b.xml")
    found = sftp.list(str(tmp_path / "link"), exclude=str(sshd.root / "archive"))
    assert paths_of(found) == {b"a.xml"}


def test_an_archive_folder_elsewhere_hides_nothing(sftp: Sftp, sshd: Sshd, tmp_path: Path) -> None:
    write_file(sshd.root / "archive" / "a.xml")
    for elsewhere in (str(tmp_path / "archive"), "../archive"):
        assert paths_of(sftp.list(str(sshd.root), exclude=elsewhere)) == {b"archive/a.xml"}


@pytest.mark.parametrize("itself", [".", "./", "sub/..", "{root}"])
def test_an_archive_folder_that_is_the_folder_itself_is_refused(
    sftp: Sftp, sshd: Sshd, itself: str
) -> None:
    with pytest.raises(PermanentSftpError, match="SFTP_ARCHIVE_DIR"):
        sftp.list(str(sshd.root), exclude=itself.format(root=sshd.root))


@pytest.mark.parametrize("missing", ["missing", "missing/deeper", "file"])
def test_a_missing_folder_is_permanent_and_names_the_setting(
    sftp: Sftp, sshd: Sshd, missing: str
) -> None:
    write_file(sshd.root / "file")
    with pytest.raises(PermanentSftpError, match=rf"{missing} can't .*SFTP_REMOTE_DIR"):
        sftp.list(str(sshd.root / missing))


def test_many_files_in_many_folders_are_all_found(sftp: Sftp, sshd: Sshd) -> None:
    expected = {f"{sub}/deeper/{n}.xml".encode() for sub in range(30) for n in range(sub * 10)}
    for path in expected:
        write_file(sshd.root / path.decode())
    assert paths_of(sftp.list(str(sshd.root))) == expected


def test_a_folder_that_cannot_be_read_is_reported_and_the_others_go_on(
    unprivileged: Sshd,
) -> None:
    write_file(unprivileged.root / "open" / "a.xml")
    write_file(unprivileged.root / "closed" / "b.xml")
    (unprivileged.root / "closed").chmod(0)
    with connect(config_of(unprivileged)) as sftp:
        found = sftp.list(str(unprivileged.root))
    assert paths_of(found) == {b"open/a.xml"}
    assert [(problem.text, problem.folder) for problem in found.problems] == [("closed", True)]
    assert not found.whole


@pytest.mark.parametrize("name", [b"../a.xml", b"/etc/a.xml", b"sub/a.xml", b"a\0.xml", b""])
def test_a_name_that_leads_elsewhere_is_refused_and_reported(name: bytes) -> None:
    found = _fake_listing(FakeServer(folders={b"/in": [name, b"good.xml"]}))
    assert paths_of(found) == {b"good.xml"}
    assert "which is no file name" in found.problems[0].reason


def test_a_nul_in_a_name_is_not_in_the_text_of_its_problem() -> None:
    found = _fake_listing(FakeServer(folders={b"/in": [b"a\0.xml"]}))
    assert [problem.text for problem in found.problems] == [r"a\x00.xml"]


def test_names_that_are_listed_twice_are_kept_once() -> None:
    names = [b"a.xml", b"sub", b"a.xml", b"sub"]
    server = FakeServer(folders={b"/in": names, b"/in/sub": [b"b.xml"]})
    assert [file.path for file in _fake_listing(server).files] == [b"a.xml", b"sub/b.xml"]


def test_a_listing_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "MAX_ENTRIES", 1000)
    server = FakeServer(folders={b"/in": []})

    def another(kind: int, count: int) -> bytes | None:
        server.folders[b"/in"] = [b"%d" % count]
        return server.entries(b"/in") if kind == wire.READDIR else None

    server.before = another
    with pytest.raises(PermanentSftpError, match="never ends"):
        _fake_listing(server)


@pytest.mark.parametrize(
    ("names", "later", "whole"), [(20, 20, True), (1, 1, False), (100, 1, False)]
)
def test_a_listing_goes_on_past_its_time_while_enough_names_come(
    names: int, later: int, whole: bool
) -> None:
    """Ten answers a second, so many names in each of the first hundred and of the others."""
    assert listing.LEAST_NAMES == 200
    server, answers, within = FakeServer(folders={b"/in": []}), 400, 10

    def entries_of(kind: int, count: int) -> bytes | None:
        if kind != wire.READDIR or count > answers:
            return None
        given = range(names if count <= 100 else later)
        server.folders[b"/in"] = [b"%d-%d.xml" % (count, number) for number in given]
        return server.entries(b"/in")

    server.before = entries_of
    session = Session(server, "test:22", clock=lambda: server.counts[wire.READDIR] / 10)
    found = listing.Walk(_selection()).go(session, within)
    assert found.whole == whole
    assert whole == (server.counts[wire.READDIR] > answers)


def test_a_listing_takes_few_round_trips() -> None:
    folders = {b"/in": [b"%d" % number for number in range(15)]}
    folders |= {b"/in/%d" % number: [b"a.xml"] for number in range(15)}
    server = FakeServer(folders=folders)
    assert len(_fake_listing(server).files) == 15
    assert server.round_trips < 10


def test_folders_without_end_are_given_up_and_reported() -> None:
    endless = {b"/in" + b"/d" * depth: [b"d"] for depth in range(200)}
    found = _fake_listing(FakeServer(folders=endless))
    assert "deeper than 50" in found.problems[0].reason


def test_a_listing_that_breaks_off_keeps_what_came_and_says_so() -> None:
    server = FakeServer(folders={b"/in": [b"a.xml"]})
    server.before = lambda kind, count: (
        status(wire.FAILURE, b"disk error") if kind == wire.READDIR and count > 1 else None
    )
    found = _fake_listing(server)
    assert paths_of(found) == {b"a.xml"}
    assert found.problems[0].text == "."
    assert "disk error" in found.problems[0].reason
    assert not found.whole


def test_the_folders_handle_is_closed() -> None:
    server = FakeServer(folders={b"/in": [b"a.xml"]})
    _fake_listing(server)
    assert server.counts[wire.CLOSE] == server.counts[wire.OPENDIR] == 1


def test_an_entry_without_a_type_is_looked_at() -> None:
    server = FakeServer({b"/in/a.xml": FakeFile(b"abc", mode=0)}, {b"/in": [b"a.xml"]})
    assert [file.size for file in _fake_listing(server).files] == [3]
    assert server.counts[wire.STAT] == 1


def _fake_listing(server: FakeServer) -> Listing:
    return listing.Walk(_selection()).go(Session(server, "test:22"))


def _selection() -> entries.ListingScope:
    return entries.ListingScope(b"/in", paths.name_pattern("*.xml"), True, None)


def write_file(path: Path, content: bytes = b"", when: int = 1_700_000_000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (when, when))


def paths_of(found: Listing) -> set[bytes]:
    return {file.path for file in found.files}
