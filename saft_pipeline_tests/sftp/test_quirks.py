"""Every quirk that servers are known to have: the right files, or the right words."""

import contextlib
import hashlib
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from saft_pipeline.sftp import entries, wire
from saft_pipeline.sftp.client import (
    Fetched,
    FetchFailed,
    Listing,
    Loaded,
    Quirks,
    RemoteFile,
    Sftp,
)
from saft_pipeline.sftp.errors import PermanentSftpError, TooSlowError, TransientSftpError
from saft_pipeline.sftp.session import AT_ONCE
from saft_pipeline_tests.sftp.quirks import connecting
from saft_pipeline_tests.sftp.quirks.connecting import CONFIG, quirky
from saft_pipeline_tests.sftp.quirks.server import ANSWERS, Server

TIME = 1_600_000_000
LARGE = 2_500_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """71 files, two of them large, in five folders."""
    root = tmp_path / "in"
    for number in range(69):
        sub = ("", "a/", "b/", "a/deep/")[number % 4]
        write(root / f"{sub}{number}.xml", f"<{number}>".encode() * (number + 1))
    write(root / "a" / "large.xml", os.urandom(LARGE))
    write(root / "c" / "mid.xml", os.urandom(300_000))
    return root


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (TIME, TIME))


def hashes(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*.xml")
    }


def fetched(sftp: Sftp, root: Path, spill: Path, found: Listing) -> Iterator[Fetched | FetchFailed]:
    return sftp.fetch(str(root), found.files, spill)


def all_of(sftp: Sftp, root: Path, spill: Path) -> dict[str, str]:
    """The hash of what came as each file; none failed, and nothing was missed."""
    found = sftp.list(str(root))
    assert found.whole, found.problems
    came = list(fetched(sftp, root, spill, found))
    assert not [failed for failed in came if isinstance(failed, FetchFailed)]
    for one in came:
        assert isinstance(one, Fetched)
        with one.open() as file:
            assert hashlib.sha256(file.read()).hexdigest() == one.sha256
    return {one.file.text: one.sha256 for one in came if isinstance(one, Fetched)}


RIGHT = [
    "one handle for several",
    "type in the long name",
    "type by stat",
    "no attributes",
    "no types at all",
    "fstat refused",
    "fstat unsupported",
    "fstat says zero",
    "no times",
    "no sizes",
    "what is missing is a failure",
    "no words in a status",
    "gone once read",
    "1 open file",
    "1 open file denied",
    "8 open files",
    "10 open files",
    "64 open files",
    "1 request",
    "8 requests",
    "10 requests",
    "listing and stat disagree",
    "times an hour later",
    "sizes are zero",
    "sizes are 16 too many",
    "ends without a name",
    "a folder in one answer",
    "silent at the end",
    "answers backwards",
    "lstat unsupported",
    "never answers a close",
    "closes after 150 answers",
    "no types and 1 open file",
    "flags of version 4",
    "attributes of its own",
    "a flag after data",
    "more bytes than asked",
    "less than its limits say",
    "reads in order only",
    "no read over the end",
    "no types, opens anything",
    "a failure at the end",
    "a failure at the end, sizes zero",
    "a failure at the end, sizes more",
]


@pytest.mark.parametrize("name", RIGHT)
def test_every_file_comes_right_from_a_server_with(
    name: str, root: Path, spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = hashes(root)
    with quirky(monkeypatch, name) as (sftp, _):
        assert all_of(sftp, root, spill) == expected


SAYINGS = {
    "one handle for several": "one handle for several open files: one is open at a time",
    "8 open files": "allows 8 open files: 8 are used",
    "1 open file": "allows 1 open files: 1 are used",
    "10 open files": "allows 8 requests at once: 8 are used",
    "8 requests": "allows 4 requests at once: 4 are used",
    "fstat refused": "doesn't tell size and time of an open file",
    "silent at the end": "never answers a read at the end",
    "never answers a close": "never says that a file is closed",
    "no types at all": "doesn't tell files from folders",
    "sizes are zero": "wrong sizes",
    "sizes are 16 too many": "wrong sizes",
}


@pytest.mark.parametrize("name", SAYINGS)
def test_what_was_learnt_is_said_and_spares_the_next_connection_the_trouble(
    name: str, root: Path, spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quirks = Quirks()
    with quirky(monkeypatch, name, quirks=quirks) as (sftp, server):
        all_of(sftp, root, spill)
        cost = sum(pipe.server.answered for pipe in server.connections)
    assert any(SAYINGS[name] in saying for saying in quirks.sayings), quirks
    with quirky(monkeypatch, name, quirks=quirks) as (sftp, server):
        all_of(sftp, root, spill)
        assert len(server.connections) == 1
        assert server.connections[0].server.answered <= cost


def test_no_read_over_the_end_is_sent_where_it_would_not_be_answered(
    root: Path, spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Quirks(reads_past_end=False)
    with quirky(monkeypatch, "silent over the end", quirks=known) as (sftp, server):
        assert all_of(sftp, root, spill) == hashes(root)
        assert server.connections[0].now == 0


@pytest.mark.parametrize("name", ["8 open files", "8 requests"])
def test_no_more_is_asked_at_once_than_the_settings_allow(
    name: str, root: Path, spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "CONFIG", replace(CONFIG, requests=4))
    with quirky(monkeypatch, name) as (sftp, server):
        assert all_of(sftp, root, spill) == hashes(root)
        assert sftp.quirks == Quirks()
        assert server.connections[0].server.most_open <= 4


def test_a_good_server_shows_no_quirk(
    root: Path, spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quirks = Quirks()
    with quirky(monkeypatch, quirks=quirks) as (sftp, server):
        all_of(sftp, root, spill)
    assert quirks == Quirks()
    assert 10 < server.connections[0].server.most_open <= AT_ONCE


def test_a_listing_that_ends_with_ok_is_not_whole_and_says_so(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quirky(monkeypatch, "ends with OK") as (sftp, _):
        found = sftp.list(str(root))
    assert {file.text for file in found.files} == set(hashes(root))
    assert not found.whole
    assert len(found.problems) == 5
    assert all("broke off" in problem.reason for problem in found.problems)


def test_a_listing_that_repeats_itself_is_left_at_once_and_not_whole(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quirky(monkeypatch, "never ends") as (sftp, server):
        found = sftp.list(str(root))
    assert {file.text for file in found.files} == set(hashes(root))
    assert not found.whole
    assert "repeats itself" in found.problems[0].reason
    assert server.connections[0].server.answered < 200


@pytest.mark.parametrize(
    ("name", "words", "count"),
    [
        ("a size over 2^63", "holds 9,223,372,036,854,775,809", 5),
        ("names too long", "bytes; no", 10),
    ],
)
def test_an_entry_that_no_ledger_can_hold_is_a_problem_of_its_own(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str, count: int
) -> None:
    with quirky(monkeypatch, name) as (sftp, _):
        found = sftp.list(str(root))
    assert {file.text for file in found.files} == set(hashes(root))
    assert found.whole
    assert len(found.problems) == count
    assert all(words in problem.reason and len(problem.text) < 1000 for problem in found.problems)


def test_a_listing_of_more_bytes_than_memory_is_meant_for_is_given_up(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "MAX_BYTES", 50_000)
    with (
        quirky(monkeypatch, "names too long") as (sftp, _),
        pytest.raises(PermanentSftpError, match="50,000 bytes of names"),
    ):
        sftp.list(str(root))


def test_replies_to_what_was_never_asked_end_the_connection_at_once(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        quirky(monkeypatch, "replies to nothing") as (sftp, server),
        pytest.raises(TransientSftpError, match="was never sent"),
    ):
        sftp.list(str(root))
    assert server.connections[0].now < 5


def test_a_listing_that_drips_byte_by_byte_ends_at_its_deadline(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        quirky(monkeypatch, "a byte at a time") as (sftp, server),
        pytest.raises(TransientSftpError, match="wasn't over after 40 s"),
    ):
        sftp.list(str(root), within=40)
    assert server.connections[0].now < 50


def test_of_a_listing_that_drips_name_by_name_what_came_by_the_deadline_is_taken(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quirky(monkeypatch, "a name at a time") as (sftp, server):
        found = sftp.list(str(root), within=40)
    assert 10 < len(found.files) < 71
    assert not found.whole
    assert "wasn't over after 4" in found.problems[0].reason
    assert server.connections[0].now < 45


@pytest.mark.parametrize("doing", ["open", "close", "stat", "mkdir", "rename"])
def test_all_that_a_poll_asks_of_a_server_that_drips_from_some_request_on_ends_within_60_s(
    doing: str, root: Path, spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look, what is looked at again, and what is cleared away, each with its seconds."""
    with quirky(monkeypatch, f"drips from {doing}") as (sftp, server):
        with contextlib.suppress(TransientSftpError):
            files = sftp.list(str(root), within=40).files
            came = list(sftp.fetch(str(root), files, None, within=10))
            loaded = [Loaded(one.file, one.sha256) for one in came if isinstance(one, Fetched)]
            list(sftp.archive_all(str(root), loaded, "archive", within=10))
        assert server.connections[0].drips
        assert 1 < sum(pipe.now for pipe in server.connections) < 60


@pytest.mark.parametrize("drip", ["a byte at a time", "a byte of a file at a time"])
def test_a_file_that_drips_is_given_up(
    drip: str, root: Path, spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quirky(monkeypatch, drip) as (sftp, server):
        files = [RemoteFile(b"a/large.xml", LARGE, TIME), RemoteFile(b"c/mid.xml", 300_000, TIME)]
        with pytest.raises(TooSlowError, match=r"gave only [0-9,]+ bytes in [0-9]+ s"):
            list(sftp.fetch(str(root), files, spill))
        assert server.connections[0].now < 60
    assert not list(spill.iterdir())


def test_a_file_that_claims_more_than_the_disk_holds_is_not_begun(
    root: Path, spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quirky(monkeypatch, "claims 2^40 bytes") as (sftp, server):
        (failed,) = sftp.fetch(str(root), [RemoteFile(b"0.xml", 1 << 40, TIME)], spill)
        assert isinstance(failed, FetchFailed)
        assert "holds 1,099,511,627,776 bytes" in failed.reason
        assert server.connections[0].server.answered < 10


def test_a_read_that_is_never_answered_costs_that_file_alone(
    root: Path, spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ANSWERS[wire.READ]
    monkeypatch.setitem(ANSWERS, wire.READ, lambda server, body: _but_one(server, body, answers))
    with quirky(monkeypatch) as (sftp, server):
        results = list(fetched(sftp, root, spill, sftp.list(str(root))))
        failed = [result for result in results if isinstance(result, FetchFailed)]
        assert [file.file.text for file in failed] == ["4.xml"]
        assert "never answers it" in failed[0].reason
        assert len(results) == 71
        assert len(server.connections) == 1


def _but_one(server: Server, body: bytes, answers: Callable[[Server, bytes], bytes]) -> bytes:
    opened, _ = server.held(body)
    return b"" if opened.path.endswith(b"/4.xml") else answers(server, body)


def test_files_come_though_sessions_end_again_and_again(
    root: Path, spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More often than the requests at once could be halved, which teaches nothing."""
    for number in range(100, 700):
        write(root / "many" / f"{number}.xml", b"<%d/>" % number)
    with quirky(monkeypatch, "closes after 150 answers") as (sftp, server):
        assert all_of(sftp, root, spill) == hashes(root)
        assert len(server.connections) > 10
        assert sftp.quirks == Quirks()


def test_a_new_connection_has_no_more_time_than_what_it_is_for(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(100):
        write(root / f"{number}" / "a.xml", b"<a/>")
    with quirky(monkeypatch, "closes after 150 answers") as (sftp, server):
        assert len(sftp.list(str(root), within=7).files) == 171
    assert server.seconds[0] == CONFIG.timeout
    assert server.seconds[1:]
    assert max(server.seconds[1:]) <= 7


def test_limits_of_nothing_don_t_make_every_byte_a_request(
    root: Path, spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quirky(monkeypatch, "reads of one byte by its limits") as (sftp, server):
        assert all_of(sftp, root, spill) == hashes(root)
        assert server.connections[0].server.answered < 2000


def test_of_a_megabyte_of_words_some_are_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        quirky(monkeypatch, "a megabyte of words") as (sftp, _),
        pytest.raises(TransientSftpError, match="no no no") as caught,
    ):
        sftp.list(str(root))
    assert len(str(caught.value)) < 1000


def test_a_server_of_another_version_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        pytest.raises(PermanentSftpError, match="answers in version 4, though asked for 3"),
        quirky(monkeypatch, "version 4"),
    ):
        pass


def test_a_network_that_loses_connections_at_work_teaches_nothing_of_the_server(
    root: Path, spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the first connections is lost after some hundred answers."""
    reads, lost = ANSWERS[wire.READ], itertools.count(1)

    def lose(server: Server, body: bytes) -> bytes:
        if server.answered > 120 and next(lost) < 5:
            raise EOFError
        return reads(server, body)

    monkeypatch.setitem(ANSWERS, wire.READ, lose)
    with quirky(monkeypatch) as (sftp, server):
        assert all_of(sftp, root, spill) == hashes(root)
        assert len(server.connections) > 2
        assert sftp.quirks == Quirks()
