"""A group of files on its way to the tables: fetched, read, published, cleared away."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from saft_pipeline.artifacts.remote import artifacts_of
from saft_pipeline.demo.generator import write_large
from saft_pipeline.loading.errors import SourceError
from saft_pipeline.loading.file_load import Load
from saft_pipeline.loading.loader import MAX_ATTEMPTS
from saft_pipeline.saft import reader
from saft_pipeline.settings import load
from saft_pipeline.store.model import Failure
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import (
    Project,
    broken,
    half,
    one_invoice,
    poll_once,
)
from saft_pipeline_tests.fixtures.sshd import free_port
from saft_pipeline_tests.loading.without_dagster import loader_of, through

EARLY = 1_750_000_000
LEASE = timedelta(minutes=2)


Loading = Callable[..., Sequence[Load]]


@pytest.fixture
def load_all(project: Project, store: Store) -> Iterator[Loading]:
    """Polls and loads all that lies in the folder as one group, as a run does."""
    loaders = []

    def load_all(**env: str) -> Sequence[Load]:
        settings = load({**project.env, "RUN_PER_FILE_UP_TO": "0", **env})
        (claim,) = poll_once(settings, store, turn_of=lambda _: "came").claims
        loaders.append(loader_of(settings, store, claim.owner))
        return through(loaders[-1], store, claim)

    yield load_all
    for loader in loaders:
        loader.close()


def by_path(loads: Sequence[Load]) -> dict[str, Load]:
    return {load.file.path: load for load in loads}


def test_nothing_of_a_large_file_goes_where_temporary_files_do(
    project: Project, load_all: Loading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (project.folder / "large.xml").open("wb") as file:
        write_large(file, 5)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "is not there"))
    (loaded,) = load_all()
    assert loaded.reading
    assert loaded.reading.rows.spools["invoice_lines"].is_in_file
    assert loaded.rejection is None


def test_a_good_file_is_loaded_with_its_rows(project: Project, load_all: Loading) -> None:
    project.put("f.xml", one_invoice("FT E/1"))
    (done,) = load_all()
    assert done.outcome
    assert done.outcome.rows["invoices"] == done.outcome.rows["invoice_lines"] == 1


def test_both_artifacts_of_a_loaded_file_are_kept(
    project: Project, load_all: Loading, saft_home: Path
) -> None:
    project.put("f.xml", one_invoice("FT E/artifacts"))
    (done,) = load_all()
    assert done.fetched
    kept = {path.name for path in (saft_home / "artifacts").rglob(f"{done.fetched.sha256}*")}
    assert kept == {f"{done.fetched.sha256}.xml.gz", f"{done.fetched.sha256}.ndjson.gz"}


def test_small_files_of_a_group_share_a_pack(
    project: Project, store: Store, load_all: Loading, saft_home: Path
) -> None:
    project.put("1.xml", one_invoice("FT E/p1"))
    project.put("2.xml", one_invoice("FT E/p2"))
    load_all()
    first, second = store.files()
    assert first.artifact_pack == second.artifact_pack is not None
    artifacts = artifacts_of(load(project.env))
    assert b"FT E/p1" in artifacts.open("raw", first.sha256 or "", first.artifact_pack).read() + (
        artifacts.open("raw", second.sha256 or "", first.artifact_pack).read()
    )


def test_bytes_that_come_again_are_looked_up_in_the_pack_they_are_in(
    project: Project, store: Store, load_all: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("1.xml", "2.xml"):
        project.put(name, one_invoice(f"FT E/again {name}"))
    load_all()
    packs = {f.artifact_pack for f in store.files()}
    for name in ("3.xml", "4.xml"):
        project.put(name, one_invoice(f"FT E/again {int(name[0]) - 2}.xml"))
    monkeypatch.setattr("saft_pipeline.loading.read.read_document", None)
    assert [load.loaded for load in load_all()] == [True, True]
    assert {f.artifact_pack for f in store.files()} == packs


def test_bytes_whose_pack_was_pruned_are_kept_again(
    project: Project, store: Store, load_all: Loading, saft_home: Path
) -> None:
    for name in ("1.xml", "2.xml"):
        project.put(name, one_invoice(f"FT E/pruned {name}"))
    load_all()
    (pack,) = {f.artifact_pack for f in store.files()}
    for archive in (saft_home / "artifacts" / "packs").rglob(f"{pack}.*"):
        archive.unlink()
    project.put("3.xml", one_invoice("FT E/pruned 1.xml"))
    (done,) = load_all()
    assert done.fetched
    assert artifacts_of(load(project.env)).has("raw", done.fetched.sha256)


def test_a_broken_file_leaves_no_artifact_of_what_it_says(
    project: Project, load_all: Loading, saft_home: Path
) -> None:
    project.put("f.xml", broken("FT E/broken"))
    (done,) = load_all()
    assert done.fetched
    kept = {path.name for path in (saft_home / "artifacts").rglob(f"{done.fetched.sha256}*")}
    assert kept == {f"{done.fetched.sha256}.xml.gz"}


def test_bytes_that_were_loaded_before_are_not_read_again(
    project: Project, load_all: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.put("f.xml", one_invoice("FT E/1"))
    load_all()
    project.put("again.xml", one_invoice("FT E/1"))
    monkeypatch.setattr("saft_pipeline.loading.read.read_document", None)
    (done,) = load_all()
    assert (done.loaded, done.reading) == (True, None)


UNLIKELY = {
    "a date that no calendar has": ("<DateCreated>2026-01-05", "<DateCreated>2026-02-30"),
    "a date with a time zone": ("<DateCreated>2026-01-05", "<DateCreated>2026-01-05Z"),
    "a year before Christ": ("<DateCreated>2026-01-05", "<DateCreated>-0044-03-15"),
    "a year with five digits": ("<DateCreated>2026-01-05", "<DateCreated>12026-01-05"),
    "a long amount": ("<GrossTotal>12.30", "<GrossTotal>1" + "0" * 4000),
    "a long name": ("<City>Porto", "<City>" + "Porto " * 100_000),
    "a long number of an invoice": ("FT E/1", "FT E/" + "1" * 9000),
    "a line number without end": ("<LineNumber>1", "<LineNumber>" + "9" * 40),
}


@pytest.mark.parametrize("case", UNLIKELY)
def test_what_a_file_says_harms_no_other_of_its_group(
    project: Project, load_all: Loading, case: str
) -> None:
    project.put("good.xml", one_invoice("FT E/2"))
    project.put("odd.xml", one_invoice("FT E/1").replace(*UNLIKELY[case]))
    done = by_path(load_all())
    assert done["good.xml"].loaded
    assert done["odd.xml"].loaded != (done["odd.xml"].error is not None)


def test_a_fault_of_ours_in_one_file_harms_no_other(
    project: Project, load_all: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(source: Any, *, name: str) -> Any:
        if name == "odd.xml":
            raise ZeroDivisionError("a bug")
        return reader.read_document(source, name=name)

    monkeypatch.setattr("saft_pipeline.loading.read.read_document", read)
    for name in ("odd.xml", "good.xml"):
        project.put(name, one_invoice(f"FT {name[:-4]}/1"))
    done = by_path(load_all())
    assert done["good.xml"].loaded
    assert "please report it: ZeroDivisionError('a bug')" in (done["odd.xml"].error or "")


def test_each_file_that_was_not_loaded_has_its_own_state(
    project: Project, load_all: Loading, store: Store
) -> None:
    project.put("broken.xml", broken("FT E/1"))
    project.put("half.xml", half("FT E/2"))
    project.put("empty.xml", "")
    load_all()
    assert {f.path: f.status for f in store.files()} == {
        "broken.xml": "failed",
        "half.xml": "incomplete",
        "empty.xml": "incomplete",
    }


def test_a_file_that_vanished_after_it_was_claimed_is_gone(project: Project, store: Store) -> None:
    path = project.put("f.xml", one_invoice("FT E/1"))
    (claim,) = poll_once(project.settings, store, turn_of=lambda _: "came").claims
    path.unlink()
    loader = loader_of(project.settings, store, claim.owner)
    through(loader, store, claim)
    loader.close()
    assert [f.status for f in store.files()] == ["gone"]


def test_the_ledger_has_the_place_of_the_fault(
    project: Project, load_all: Loading, store: Store
) -> None:
    project.put("broken.xml", broken("FT E/1"))
    load_all()
    assert (store.files()[0].error or "").startswith("broken.xml:45:1: UnitPrice of invoice FT E/1")


def test_what_is_broken_in_the_file_is_not_tried_again_by_itself(
    project: Project, load_all: Loading, store: Store
) -> None:
    project.put("broken.xml", broken("FT E/1"))
    load_all()
    assert store.files()[0].next_attempt_at is None


@pytest.fixture
def failures(monkeypatch: pytest.MonkeyPatch) -> list[Failure]:
    """What the store is told of files that failed."""
    told: list[Failure] = []
    real = Store.fail

    def fail(store: Store, owner: str, failures: Sequence[Failure], **named: Any) -> None:
        told.extend(failures)
        real(store, owner, failures, **named)

    monkeypatch.setattr(Store, "fail", fail)
    return told


def fail_to_fetch(project: Project, store: Store, attempts: int) -> None:
    """Fetch a file, at its nth attempt, from a server that is gone meanwhile."""
    project.put("f.xml", one_invoice("FT E/1"))
    (claim,) = poll_once(project.settings, store, turn_of=lambda _: "came").claims
    for number in range(2, attempts + 1):
        owner = f"again-{number}"
        store.renew(claim.owner, timedelta(seconds=-1))
        files = store.claim(owner, lease=LEASE, ids=[claim.files[0].id])
        claim = type(claim)(owner, files)
    settings = load({**project.env, "SFTP_PORT": str(free_port())})
    loader = loader_of(settings, store, claim.owner)
    through(loader, store, claim)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(("attempt", "minutes"), [(1, 1), (2, 2), (3, 4), (MAX_ATTEMPTS - 1, 16)])
def test_a_fault_that_passes_waits_twice_as_long_each_time(
    project: Project, store: Store, failures: list[Failure], attempt: int, minutes: int
) -> None:
    fail_to_fetch(project, store, attempt)
    assert [f.retry_after for f in failures] == [timedelta(minutes=minutes)]


@pytest.mark.usefixtures("no_waiting")
def test_a_fault_that_passes_is_given_up_after_some_attempts(
    project: Project, store: Store, failures: list[Failure]
) -> None:
    fail_to_fetch(project, store, MAX_ATTEMPTS)
    assert [(f.state, f.retry_after) for f in failures] == [("failed", None)]


@pytest.mark.usefixtures("no_waiting")
def test_a_fault_that_passes_is_told_with_its_reason(project: Project, store: Store) -> None:
    fail_to_fetch(project, store, 1)
    file = store.files()[0]
    assert file.status == "failed"
    assert "can't be reached" in (file.error or "")
    assert file.next_attempt_at


def test_a_login_that_fails_is_no_fault_of_the_files(project: Project, load_all: Loading) -> None:
    project.put("f.xml", one_invoice("FT E/1"))
    with pytest.raises(SourceError):
        load_all(SFTP_PRIVATE_KEY_PATH="/no/such/key")


def names(folder: Path) -> list[str]:
    """What lies below a folder; archived files bear time and digits before their own name."""
    paths = (str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    return sorted(re.sub(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}-", "", path) for path in paths)


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({}, ["bad.xml", "sub/f.xml"]),
        ({"AFTER_LOAD": "delete"}, ["bad.xml"]),
        ({"AFTER_LOAD": "archive"}, ["archive/sub/f.xml", "bad.xml"]),
        ({"AFTER_LOAD": "archive", "SFTP_ARCHIVE_DIR": "done"}, ["bad.xml", "done/sub/f.xml"]),
    ],
    ids=["keep", "delete", "archive", "archive elsewhere"],
)
def test_only_loaded_files_are_cleared_away(
    project: Project, load_all: Loading, settings: dict[str, str], left: list[str]
) -> None:
    project.put("sub/f.xml", one_invoice("FT E/1"))
    project.put("bad.xml", broken("FT E/2"))
    load_all(**settings)
    assert names(project.folder) == left


def test_a_file_that_changed_after_it_was_read_stays(
    project: Project, load_all: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.put("f.xml", one_invoice("FT E/1"))
    real = Store.publish

    def publish(*args: Any, **named: Any) -> Any:
        project.put("f.xml", one_invoice("FT E/1", "11.00") + " ")
        return real(*args, **named)

    monkeypatch.setattr(Store, "publish", publish)
    load_all(AFTER_LOAD="delete")
    assert names(project.folder) == ["f.xml"]


def test_what_bears_size_and_time_of_what_was_read_stays_though_the_server_s_clock_is_behind(
    project: Project, load_all: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = int(time.time()) - 3600
    project.put("f.xml", one_invoice("FT E/1"), modified_at=theirs)
    real = Store.publish

    def publish(*args: Any, **named: Any) -> Any:
        project.put("f.xml", one_invoice("FT E/2"), modified_at=theirs)
        return real(*args, **named)

    monkeypatch.setattr(Store, "publish", publish)
    load_all(AFTER_LOAD="delete")
    assert names(project.folder) == ["f.xml"]


def test_a_path_that_comes_back_after_it_was_deleted_is_a_new_version(
    project: Project, load_all: Loading, store: Store
) -> None:
    for _ in range(2):
        project.put("f.xml", one_invoice("FT E/1"), modified_at=EARLY)
        load_all(AFTER_LOAD="delete")
    assert [(f.version, f.status) for f in store.files(path="f.xml")] == [
        (2, "loaded"),
        (1, "loaded"),
    ]


def test_a_file_that_cannot_be_archived_is_loaded_all_the_same(
    project: Project, load_all: Loading
) -> None:
    project.put("f.xml", one_invoice("FT E/1"))
    (project.folder / "archive").write_text("in the way")
    (done,) = load_all(AFTER_LOAD="archive")
    assert done.loaded
    assert [w["code"] for w in done.warnings] == ["not_cleared"]


def test_nothing_is_left_in_the_spill_folder(
    project: Project, load_all: Loading, saft_home: Path
) -> None:
    project.put("f.xml", one_invoice("FT E/1").replace("<City>Porto", "<City>" + "P" * 3_000_000))
    load_all()
    assert list((saft_home / "spill").iterdir()) == []
