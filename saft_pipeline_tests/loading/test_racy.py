"""What a file's time can't tell: written while it was read, or another at each look."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from saft_pipeline.loading import racy as module
from saft_pipeline.loading.poll import Claim
from saft_pipeline.loading.unpacking import remote_file
from saft_pipeline.sftp.client import FetchFailed
from saft_pipeline.store.model import Failure, FetchedContent, LedgerFile
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Project
from saft_pipeline_tests.loading.test_archives import zip_of
from saft_pipeline_tests.loading.test_poll import EARLY, loaded_long_ago, look
from saft_pipeline_tests.loading.without_dagster import loader_of, through


@pytest.fixture
def racy(project: Project, store: Store) -> Iterator[Path]:
    """A file that was loaded in the very second in which it was written."""
    path = project.put("a.xml", "<AuditFile/>")
    loaded_at_once(project, store, path)
    yield path
    assert store.racy(source_of(project), timedelta(0)) == []


def loaded_at_once(project: Project, store: Store, path: Path) -> None:
    (claim,) = look(project, store).claims
    modified = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
    found_racy(store, claim, modified, b"<AuditFile/>")


def found_racy(store: Store, claim: Claim, modified: datetime, content: bytes) -> None:
    (file,) = claim.files
    digest = hashlib.sha256(content).hexdigest()
    store.settle(claim.owner, [FetchedContent(file.id, digest, 12, modified, racy=True)], "1")
    store.fail(claim.owner, [Failure(store.claimed(claim.owner)[0].id, "no SAF-T")])


def test_what_is_in_a_racy_zip_is_taken_again(project: Project, store: Store) -> None:
    path = project.folder / "a.zip"
    path.write_bytes(zip_of({"b.xml": b"<AuditFile/>"}).getvalue())
    loaded_at_once(project, store, path)
    when = path.stat().st_mtime - 10
    age(project, when)
    os.utime(path, (when, when))
    (claim,) = look(project, store).claims
    assert [file.path for file in claim.files] == ["a.zip/b.xml"]


@pytest.mark.parametrize("content", [b"<AuditFile/>", b"<OtherFile/>"])
def test_a_racy_zip_s_member_is_taken_again_until_it_was_the_same_twice(
    project: Project, store: Store, content: bytes
) -> None:
    """The only file of its run is the newest there, and so as racy at each."""
    path = project.folder / "once.zip"
    path.write_bytes(zip_of({"b.xml": b"<AuditFile/>"}).getvalue())
    loaded_at_once(project, store, path)
    when = path.stat().st_mtime - 10
    age(project, when)
    os.utime(path, (when, when))
    taken = []
    for _ in range(3):
        claims = look(project, store).claims
        taken.append(len(claims))
        for claim in claims:
            found_racy(store, claim, claim.files[0].modified_at, content)
            age(project, when)
    assert taken == ([1, 0, 0] if content == b"<AuditFile/>" else [1, 1, 0])


def test_a_racy_file_whose_bytes_are_others_is_taken_again(
    project: Project, store: Store, racy: Path
) -> None:
    when = racy.stat().st_mtime - 10
    age(project, when)
    project.put("a.xml", "<OtherFile/>", modified_at=int(when))
    assert look(project, store).taken == 1


def test_a_racy_file_that_is_the_same_is_looked_at_once_and_not_taken_again(
    project: Project, store: Store, racy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    when = racy.stat().st_mtime - 10
    age(project, when)
    os.utime(racy, (when, when))
    assert look(project, store).taken == 0
    asked: list[Sequence[LedgerFile]] = []

    def ask(_: object, files: Sequence[LedgerFile], due: float) -> Iterator[object]:
        asked.append(files)
        return iter(())

    monkeypatch.setattr(module, "hashed", ask)
    assert look(project, store).taken == 0
    assert asked == [[]]


def test_a_racy_file_is_not_looked_at_while_its_time_may_still_deceive(
    project: Project, store: Store, racy: Path
) -> None:
    seconds = timedelta(seconds=1000)
    assert store.racy(source_of(project), seconds) == []
    age(project, racy.stat().st_mtime - 10)
    look(project, store)


def age(project: Project, modified_at: float) -> None:
    """Let the ledger have seen every file at another time."""
    with psycopg.connect(project.env["SUPABASE_DB_URL"]) as connection:
        connection.execute(
            "update invoice_files set modified_at = to_timestamp(%(at)s),"
            " listed_modified_at = to_timestamp(%(at)s), first_seen_at = to_timestamp(%(at)s)",
            {"at": int(modified_at)},
        )


def test_the_server_s_newest_file_is_racy_though_its_clock_is_behind_ours(
    project: Project, store: Store
) -> None:
    theirs = int(time.time()) - 3600
    for name, when in (("new.xml", theirs), ("older.xml", theirs - 60)):
        project.put(name, "<AuditFile/>", modified_at=when)
    (claim,) = look(project, store, RUN_PER_FILE_UP_TO="0").claims
    loader = loader_of(project.settings, store, claim.owner)
    through(loader, store, claim)
    loader.close()
    assert [f.path for f in store.racy(source_of(project), timedelta(0))] == ["new.xml"]
    assert look(project, store).taken == 0
    assert len(store.racy(source_of(project), timedelta(0))) == 1, "looked at before 3 s were over"


def test_a_racy_file_that_can_t_be_read_keeps_no_other_from_being_looked_at(
    project: Project, store: Store, racy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    age(project, racy.stat().st_mtime - 10)
    os.utime(racy, (racy.stat().st_mtime - 10,) * 2)

    def refused(_: object, files: Sequence[LedgerFile], due: float) -> Iterator[FetchFailed]:
        for file in files:
            yield FetchFailed(remote_file(file), "permission denied", "unreadable")

    monkeypatch.setattr(module, "hashed", refused)
    assert look(project, store).taken == 1


def test_a_server_whose_files_are_all_days_old_has_none_that_is_racy(
    project: Project, store: Store
) -> None:
    project.put("old.xml", "<AuditFile/>", modified_at=int(time.time()) - 200_000)
    (claim,) = look(project, store).claims
    loader = loader_of(project.settings, store, claim.owner)
    through(loader, store, claim)
    loader.close()
    assert store.racy(source_of(project), timedelta(0)) == []


def test_files_that_were_never_loaded_go_before_those_that_changed(
    project: Project, store: Store
) -> None:
    loaded_long_ago(project, store, "old.xml")
    project.put("old.xml", "<AuditFile>changed</AuditFile>", modified_at=EARLY)
    project.put("new.xml", "<AuditFile/>", modified_at=EARLY + 1000)
    (claim,) = look(project, store, MAX_FILES_PER_BATCH="1").claims
    assert [file.path for file in claim.files] == ["new.xml"]


def test_what_reading_found_is_not_compared_with_what_listings_say(
    project: Project, store: Store
) -> None:
    project.put("a.xml", "<AuditFile/>", modified_at=EARLY)
    (claim,) = look(project, store).claims
    (file,) = claim.files
    elsewhen = datetime.fromtimestamp(EARLY + 3600, UTC)
    store.settle(claim.owner, [FetchedContent(file.id, "0" * 64, 12, elsewhen)], "1")
    store.fail(claim.owner, [Failure(file.id, "no SAF-T")])
    assert look(project, store).taken == 0
    assert store.files()[0].modified_at == elsewhen


def source_of(project: Project) -> str:
    (source,) = project.settings.sources
    return source.source
