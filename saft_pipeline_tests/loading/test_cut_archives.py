"""What is packed and comes cut, once or for good; folders that have a zip's name."""

from __future__ import annotations

import gzip
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from saft_pipeline.loading import archive_looks
from saft_pipeline.loading.file_load import Load
from saft_pipeline.loading.last_listing import LastListing
from saft_pipeline.loading.looks import Look
from saft_pipeline.loading.looks import look as look_at
from saft_pipeline.loading.poll import Claim, Poll, tell
from saft_pipeline.loading.taking import take
from saft_pipeline.settings import load
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Command, Project, one_invoice
from saft_pipeline_tests.fixtures.sshd import Sshd
from saft_pipeline_tests.loading.test_archive_looks import GOOD, OTHER, states, zip_of
from saft_pipeline_tests.loading.test_loader import EARLY
from saft_pipeline_tests.loading.test_servers import server_with
from saft_pipeline_tests.loading.without_dagster import loader_of, through

WHOLE = zip_of(good=GOOD)
PACKED = {"zip": WHOLE, "xml.gz": gzip.compress(GOOD.encode())}
HALF = 200
_times = itertools.count(EARLY, 10)  # what is known of a zip is known by its time


class Looker:
    """Looks at the one source again and again, and takes what is there."""

    def __init__(self, project: Project, store: Store) -> None:
        self._settings = load({**project.env, "RUN_PER_FILE_UP_TO": "0"})
        self._store, self._last = store, LastListing()

    def look(self) -> Poll:
        (source,) = self._settings.sources
        listing = look_at(source)
        found = tell(Look(source, time.monotonic(), listing), self._store, last=self._last)
        take([found], self._store, turn_of=lambda _: "came")
        return found

    def load(self, found: Poll) -> Sequence[Load]:
        (claim,) = found.claims
        loader = loader_of(self._settings, self._store, claim.owner)
        done = through(loader, self._store, claim)
        loader.close()
        return done


@pytest.fixture
def looker(project: Project, store: Store) -> Looker:
    return Looker(project, store)


@pytest.fixture
def again(project: Project) -> Iterator[psycopg.Connection]:
    """What waits for its next try has waited long enough once this was asked."""
    with psycopg.connect(project.env["SUPABASE_DB_URL"], autocommit=True) as connection:
        yield connection


def wait(connection: psycopg.Connection) -> None:
    connection.execute("update invoice_files set next_attempt_at = now()")


def cut(path: Path) -> None:
    """Half of it, of the same time."""
    put_back(path, path.read_bytes()[:HALF])


def put_back(path: Path, content: bytes) -> None:
    """Other bytes of the same time."""
    when = path.stat().st_mtime
    path.write_bytes(content)
    os.utime(path, (when, when))


@pytest.mark.parametrize("kind", [*PACKED, "xml"])
def test_what_comes_cut_once_is_incomplete_and_comes_again_by_itself(
    project: Project, store: Store, looker: Looker, again: psycopg.Connection, kind: str
) -> None:
    content = PACKED.get(kind, GOOD.encode())
    path = project.put(f"a.{kind}", content, modified_at=next(_times))
    found = looker.look()
    cut(path)
    (done,) = looker.load(found)
    assert done.rejection
    assert done.rejection.state == "incomplete"
    (file,) = store.files()
    assert file.status == "incomplete"
    assert file.next_attempt_at
    put_back(path, content)
    wait(again)
    (done,) = looker.load(looker.look())
    assert done.loaded
    assert [f.status for f in store.files()] == ["loaded"]


@pytest.mark.parametrize("kind", PACKED)
def test_what_is_as_broken_at_a_second_look_has_failed(
    project: Project, store: Store, looker: Looker, again: psycopg.Connection, kind: str
) -> None:
    path = project.put(f"b.{kind}", PACKED[kind], modified_at=next(_times))
    found = looker.look()
    cut(path)
    looker.load(found)
    put_back(path, PACKED[kind])
    wait(again)
    found = looker.look()
    cut(path)
    (one,) = looker.load(found)
    assert one.rejection
    assert (one.rejection.state, one.rejection.transient) == ("failed", False)
    (file,) = store.files()
    assert (file.status, file.next_attempt_at) == ("failed", None)


def test_a_zip_that_comes_without_a_byte_is_never_given_up(
    project: Project, store: Store, looker: Looker, again: psycopg.Connection
) -> None:
    path = project.put("empty.zip", WHOLE, modified_at=next(_times))
    found = looker.look()
    put_back(path, b"")
    looker.load(found)
    settings = load(project.env)
    for owner in ("second", "third"):
        wait(again)
        held = store.claim(owner, lease=settings.lease)
        loader = loader_of(settings, store, owner)
        through(loader, store, Claim(owner, held))
        loader.close()
    (file,) = store.files()
    assert (file.status, file.error) == (
        "incomplete", "empty.zip/in/good.xml: its zip is empty as yet",
    )  # fmt: skip
    assert file.next_attempt_at


def test_what_is_packed_and_broken_on_this_machine_has_failed_at_once(
    store: Store, saft: Command, tmp_path: Path
) -> None:
    path = tmp_path / "here.xml.gz"
    path.write_bytes(PACKED["xml.gz"][:HALF])
    done = saft("ingest", str(path), "--json")
    assert (done.status, done.json["failed"]) == (1, 1)
    assert [file.status for file in store.files()] == ["failed"]


@pytest.mark.parametrize("kind", ["xml", "xml.gz"])
def test_an_upload_that_has_no_byte_yet_is_incomplete(
    project: Project, store: Store, looker: Looker, kind: str
) -> None:
    project.put(f"new.{kind}", b"", modified_at=next(_times))
    looker.load(looker.look())
    (file,) = store.files()
    assert (file.status, file.error) == ("incomplete", f"new.{kind}: it is empty as yet")
    assert file.next_attempt_at is None  # its size tells when to look again


def test_a_zip_whose_upload_is_under_way_is_incomplete_and_history_once_it_is_whole(
    project: Project, store: Store, looker: Looker
) -> None:
    project.put("up.zip", WHOLE[:HALF], modified_at=next(_times))
    assert any("no whole zip" in problem for problem in looker.look().problems)
    (file,) = store.files()
    assert (file.path, file.status) == ("up.zip", "incomplete")
    assert "no whole zip" in str(file.error)
    project.put("up.zip", WHOLE, modified_at=next(_times))
    (done,) = looker.load(looker.look())
    assert done.loaded
    assert states(store) == {"up.zip/in/good.xml": "loaded"}


def test_an_archive_that_is_whole_and_broken_at_two_looks_has_failed_and_is_left(
    project: Project, store: Store, looker: Looker
) -> None:
    path = project.put("bad.zip", WHOLE[:HALF], modified_at=next(_times))
    seen = []
    for _ in range(3):
        looker.look()
        seen += [file.status for file in store.files()]
    assert seen == ["incomplete", "failed", "failed"]
    path.chmod(0)  # nobody reads it any more
    assert all("denied" not in problem for problem in looker.look().problems)


def test_a_zip_that_the_server_gives_in_part_is_looked_into_again_and_again(
    project: Project,
    store: Store,
    quirky_sshd: tuple[Sshd, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with server_with(project, quirky_sshd, "sizes are zero") as other:
        looker = Looker(other, store)
        other.put("part.zip", WHOLE[:HALF], modified_at=next(_times))
        looker.look()
        now = [time.time()]
        with monkeypatch.context() as patch:
            patch.setattr(archive_looks, "_found", lambda *_: pytest.fail("too soon"))
            looker.look()
        clock = SimpleNamespace(monotonic=time.monotonic, time=lambda: now[0])
        monkeypatch.setattr(archive_looks, "time", clock)
        seen = []
        for _ in range(5):
            now[0] += 1000
            looker.look()
            seen += [file.status for file in store.files()]
    assert seen == ["incomplete"] * 4 + ["failed"]


@pytest.mark.parametrize("after_load", ["keep", "archive"])
def test_zips_come_and_go_though_listing_and_stat_tell_other_times(
    project: Project, store: Store, quirky_sshd: tuple[Sshd, Path], after_load: str
) -> None:
    with server_with(project, quirky_sshd, "listing and stat disagree") as other:
        env = {**other.env, "AFTER_LOAD": after_load}
        looker = Looker(Project(other.folder, env), store)
        path = other.put("times.zip", zip_of(good=GOOD, other=OTHER), modified_at=next(_times))
        assert [done.loaded for done in looker.load(looker.look())] == [True, True]
        looker.look()
        assert path.exists() is (after_load == "keep")


@pytest.mark.parametrize("after_load", ["keep", "archive", "delete"])
def test_files_in_a_folder_with_a_zip_s_name_are_files(
    project: Project,
    store: Store,
    saft: Command,
    again: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    after_load: str,
) -> None:
    monkeypatch.setenv("AFTER_LOAD", after_load)
    path = project.put("x.zip/in/f.xml", GOOD, modified_at=EARLY)
    project.put("x.zip/g.xml.gz", gzip.compress(OTHER.encode()), modified_at=EARLY)
    third = one_invoice("FT Z/9")
    project.put("x.zip/y.zip", zip_of(third=third), modified_at=next(_times))
    done = saft("poll", "--json").json
    assert (done["loaded"], done["failed"]) == (3, 0)
    paths = ["x.zip/g.xml.gz", "x.zip/in/f.xml", "x.zip/y.zip/in/third.xml"]
    assert states(store) == dict.fromkeys(paths, "loaded")
    again.execute("update invoice_files set loaded_at = now() - interval '1 hour'")
    said = saft("poll").err
    assert path.exists() is (after_load == "keep"), said
    assert (project.folder / "x.zip/y.zip").exists() is (after_load == "keep")
    assert states(store) == dict.fromkeys(paths, "loaded")
