"""Where bytes come from: a real server, whose connection may be lost, and this machine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina

from saft_pipeline.loading import servers, sftp_source
from saft_pipeline.loading.sftp_source import SftpSource, count_traffic
from saft_pipeline.loading.sources import (
    LOCAL,
    LocalSource,
    enter_local,
    source_of,
)
from saft_pipeline.loading.unpacking import Arrival
from saft_pipeline.settings import load
from saft_pipeline.sftp.client import Fetched, FetchFailed, Sftp
from saft_pipeline.sftp.errors import TooSlowError, TransientSftpError
from saft_pipeline.store.errors import StoreError
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Project, ledger_file
from saft_pipeline_tests.fixtures.sshd import free_port

EARLY = 1_750_000_000
NAME = "FR202Y2025_7-Gramido.xml"


@pytest.fixture
def spill(tmp_path: Path) -> Path:
    folder = tmp_path / "spill"
    folder.mkdir()
    return folder


@pytest.fixture
def files(project: Project) -> list[LedgerFile]:
    """Three files of the server, as the ledger knows them."""
    names = ("a.xml", "b.xml", "sub/c.xml")
    paths = [project.put(name, name.encode(), modified_at=EARLY) for name in names]
    return [
        ledger_file(name, path.stat().st_size, EARLY)
        for name, path in zip(names, paths, strict=True)
    ]


@pytest.fixture
def source(project: Project) -> Iterator[SftpSource]:
    source = SftpSource(project.settings.sources[0])
    yield source
    source.close()


@pytest.fixture
def impatient() -> Iterator[None]:
    """Three tries, without a pause."""
    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)


def contents(arrivals: list[Arrival]) -> dict[str, bytes]:
    found = {}
    for arrival in arrivals:
        assert isinstance(arrival.result, Fetched)
        with arrival.result.open() as stream:
            found[arrival.file.path] = stream.read()
    return found


def kinds(arrivals: list[Arrival]) -> dict[str, str]:
    """Why files did not come."""
    return {
        arrival.file.path: arrival.result.kind
        for arrival in arrivals
        if isinstance(arrival.result, FetchFailed)
    }


def losing(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """The connection is lost after the first file, so often."""
    real = Sftp.fetch
    left = [times]

    def fetch(sftp: Sftp, *args: Any) -> Iterator[Fetched | FetchFailed]:
        arrived = real(sftp, *args)
        if not left[0]:
            yield from arrived
            return
        left[0] -= 1
        yield next(arrived)
        raise TransientSftpError("the connection was lost")

    monkeypatch.setattr(Sftp, "fetch", fetch)


def test_a_name_of_the_ledger_finds_its_source(project: Project) -> None:
    assert isinstance(source_of(LOCAL, project.settings), LocalSource)
    assert isinstance(source_of(project.settings.sources[0].source, project.settings), SftpSource)


def test_every_file_arrives_with_its_bytes(
    source: SftpSource, files: list[LedgerFile], spill: Path
) -> None:
    assert contents(list(source.fetch(files, spill))) == {
        file.path: file.path.encode() for file in files
    }


def test_a_server_that_drips_is_waited_for_once_and_not_by_each_run(
    project: Project, files: list[LedgerFile], spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "_slow", {})
    monkeypatch.setattr(Sftp, "fetch", _drip)
    first, second = (SftpSource(project.settings.sources[0]) for _ in range(2))
    assert set(kinds(list(first.fetch(files, spill))).values()) == {"transient"}
    monkeypatch.setattr(sftp_source, "open_connection", pytest.fail)
    assert set(kinds(list(second.fetch(files, spill))).values()) == {"transient"}
    first.close()


def _drip(*_: Any) -> Iterator[Fetched | FetchFailed]:
    raise TooSlowError("it gave only 3 bytes")


def test_a_large_file_arrives_in_the_spill_folder(
    source: SftpSource, project: Project, spill: Path
) -> None:
    project.put("large.xml", bytes(2 << 20), modified_at=EARLY)
    (arrival,) = source.fetch([ledger_file("large.xml", 2 << 20, EARLY)], spill)
    assert isinstance(arrival.result, Fetched)
    assert isinstance(arrival.result.content, Path)
    assert arrival.result.content.parent == spill


def test_a_file_that_is_gone_keeps_no_other_from_arriving(
    source: SftpSource, files: list[LedgerFile], spill: Path, project: Project
) -> None:
    (project.folder / "b.xml").unlink()
    arrivals = list(source.fetch(files, spill))
    assert (len(arrivals), kinds(arrivals)) == (3, {"b.xml": "gone"})


@pytest.mark.usefixtures("impatient")
def test_what_was_missing_when_the_connection_was_lost_comes_over_another(
    source: SftpSource, files: list[LedgerFile], spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losing(monkeypatch, times=2)
    assert len(contents(list(source.fetch(files, spill)))) == 3


@pytest.mark.usefixtures("impatient")
def test_what_is_missing_after_the_last_try_has_failed_for_now(
    source: SftpSource, files: list[LedgerFile], spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = [*files, *(ledger_file(f"{n}.xml", 0, EARLY) for n in range(3))]
    losing(monkeypatch, times=3)
    arrivals = list(source.fetch(more, spill))
    assert len(arrivals) == 6
    assert list(kinds(arrivals).values()).count("transient") == 3


@pytest.mark.usefixtures("no_waiting")
def test_a_server_that_is_down_fails_every_file_for_now(
    project: Project, files: list[LedgerFile], spill: Path
) -> None:
    down = SftpSource(load({**project.env, "SFTP_PORT": str(free_port())}).sources[0])
    arrivals = list(down.fetch(files, spill))
    assert kinds(arrivals) == {file.path: "transient" for file in files}


def test_a_file_that_somebody_else_removed_is_cleared_away(
    project: Project, files: list[LedgerFile]
) -> None:
    (project.folder / "a.xml").unlink()
    source = SftpSource(load({**project.env, "AFTER_LOAD": "delete"}).sources[0])
    assert list(source.clear_away(files[:1])) == [(files[0], None)]
    source.close()


@pytest.mark.usefixtures("no_waiting")
def test_files_that_could_not_be_cleared_away_have_the_reason(
    project: Project, files: list[LedgerFile]
) -> None:
    settings = load({**project.env, "AFTER_LOAD": "delete", "SFTP_PORT": str(free_port())})
    reasons = [reason for _, reason in SftpSource(settings.sources[0]).clear_away(files)]
    assert len(reasons) == 3
    assert all(reason and "can't be reached" in reason for reason in reasons)


def local(path: Path, folder: Path | None = None) -> Arrival:
    """A local file that comes; `folder`: one that clients may name files in."""
    source = LocalSource([folder] if folder else [])
    (arrival,) = source.fetch([ledger_file(str(path), source=LOCAL)], path.parent)
    return arrival


def test_a_local_file_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "f.xml"
    path.write_bytes(b"<AuditFile/>")
    os.utime(path, (EARLY, EARLY))
    arrival = local(path)
    assert isinstance(arrival.result, Fetched)
    assert arrival.result.content == b"<AuditFile/>"
    assert arrival.result.sha256 == hashlib.sha256(b"<AuditFile/>").hexdigest()
    assert (arrival.result.file.size, arrival.result.file.modified_at) == (12, EARLY)


def test_a_local_file_that_is_gone_says_so(tmp_path: Path) -> None:
    assert kinds([local(tmp_path / "f.xml")]) == {f"{tmp_path}/f.xml": "gone"}


def test_a_large_local_file_is_copied_and_the_copy_is_what_was_hashed(tmp_path: Path) -> None:
    path = tmp_path / "f.xml"
    path.write_bytes(data := os.urandom(1 << 20) + b"end")
    result = local(path).result
    assert isinstance(result, Fetched)
    assert isinstance(result.content, Path)
    assert (result.content != path, result.content.read_bytes() == data) == (True, True)
    assert result.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("changed", ["file", "folder", "fifo"])
def test_what_took_the_place_of_a_judged_file_is_not_read(tmp_path: Path, changed: str) -> None:
    secret = tmp_path / "outside"
    secret.mkdir()
    (secret / "f.xml").write_text("secret")
    inner = tmp_path / "inbox" / "sub"
    inner.mkdir(parents=True)
    if changed == "file":
        (inner / "f.xml").symlink_to(secret / "f.xml")
    elif changed == "folder":
        inner.rmdir()
        inner.symlink_to(secret)
    else:
        os.mkfifo(inner / "f.xml")
    result = local(tmp_path / "inbox" / "sub" / "f.xml", tmp_path / "inbox").result
    assert isinstance(result, FetchFailed)
    assert (result.kind, "secret" in result.reason) == ("unreadable", False)


def test_a_fifo_that_a_person_names_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f.xml")
    assert kinds([local(tmp_path / "f.xml")]) == {f"{tmp_path}/f.xml": "unreadable"}


def test_a_local_path_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    assert kinds([local(tmp_path)]) == {str(tmp_path): "unreadable"}


def test_local_files_are_never_cleared_away(tmp_path: Path) -> None:
    path = tmp_path / "f.xml"
    path.touch()
    assert list(LocalSource([]).clear_away([ledger_file(str(path), source=LOCAL)])) == []
    assert path.exists()


def test_figures_that_can_not_be_added_up_harm_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object) -> None:
        raise StoreError("no database")

    monkeypatch.setattr(store, "count", unreachable)
    count_traffic(store, ticks=1)


def test_a_file_is_known_by_its_path(store: Store, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("x")
    file = enter_local(store, tmp_path / NAME)
    assert (file.source, file.path, file.filename) == ("file", str(tmp_path / NAME), NAME)
    assert (file.branch, file.size, file.status) == ("Gramido", 1, "pending")


def test_the_same_file_is_entered_once(store: Store, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("x")
    assert enter_local(store, tmp_path / NAME).id == enter_local(store, tmp_path / NAME).id


def test_a_file_that_is_not_there_is_told(store: Store, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        enter_local(store, tmp_path / NAME)
