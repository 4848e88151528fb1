"""The run that comes next, begun with while another goes on: all of it, some, or nothing lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from threading import Event, Thread

import pytest

from saft_pipeline.loading import ahead as module
from saft_pipeline.loading import sftp_source
from saft_pipeline.loading.ahead import Ahead, Begun
from saft_pipeline.loading.errors import SourceError
from saft_pipeline.loading.file_load import FIRST_GROUP_FILES, Arrived, Group
from saft_pipeline.loading.loader import Loader
from saft_pipeline.loading.poll import Claim
from saft_pipeline.loading.reader_process import SMALL_FILE, FileReader
from saft_pipeline.loading.servers import quirks_of
from saft_pipeline.loading.spill import spill_folder
from saft_pipeline.settings import load
from saft_pipeline.sftp.client import Sftp
from saft_pipeline.sftp.errors import LoginRefusedError, SftpError, TooManyConnectionsError
from saft_pipeline.sftp.pieces import IN_MEMORY
from saft_pipeline.store.errors import StoreError
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Project, one_invoice, poll_once
from saft_pipeline_tests.fixtures.waiting import wait_for
from saft_pipeline_tests.loading.test_loader import EARLY, LEASE
from saft_pipeline_tests.loading.without_dagster import loader_of

_FILES = FIRST_GROUP_FILES + 3  # of the second run: two groups
_TWO_RUNS = {
    "MAX_FILES_PER_BATCH": "0",
    "MAX_FILES_PER_RUN": str(_FILES),
    "RUN_PER_FILE_UP_TO": "0",
}

Claims = Callable[..., tuple[Loader, Claim]]


@pytest.fixture
def two_runs(project: Project, store: Store) -> Iterator[Claims]:
    """A loader that has fetched the one file of a run, and the claim of the run after it."""
    loaders = []

    def claims(last: bytes | str = "<a/>", **env: str) -> tuple[Loader, Claim]:
        for number in range(1, _FILES):
            project.put(f"{number:03}.xml", one_invoice(f"FT A/{number}"), modified_at=EARLY)
        project.put("last.xml", last, modified_at=EARLY + 1)
        project.put("other.xml", one_invoice("FT A/0"), modified_at=EARLY + 2)
        settings = load({**project.env, **_TWO_RUNS, **env})
        poll = poll_once(settings, store, turn_of=lambda _: "came")
        by_size = sorted(poll.claims, key=lambda claim: len(claim.files))
        assert [len(claim.files) for claim in by_size] == [1, _FILES]
        loaders.append(loader := loader_of(settings, store, by_size[0].owner))
        loader.fetch(by_size[0].files)
        return loader, by_size[1]

    yield claims
    for loader in loaders:
        loader.close()


def begun_after(loader: Loader, claim: Claim) -> Begun | None:
    """What is begun of the claim's run once nothing more can be."""
    ahead = Ahead(loader._reader)
    ahead.begin({claim.owner: ()}, loader.next(claim.owner))
    for thread in threads_of(ahead):
        thread.join()
    return ahead.take(claim.owner, "next")


def threads_of(ahead: Ahead) -> list[Thread]:
    return [beginning.thread for beginning in ahead._begun.values()]


def test_all_groups_of_small_files_are_begun(two_runs: Claims) -> None:
    begun = begun_after(*two_runs())
    assert begun
    begun.loader.close()
    sizes = [len(item.loads) if isinstance(item, Group) else 0 for item in begun.items]
    assert sizes == [FIRST_GROUP_FILES, _FILES - FIRST_GROUP_FILES]


def test_what_is_begun_was_read(two_runs: Claims) -> None:
    begun = begun_after(*two_runs())
    assert begun
    read = [load for group in begun.read for load in begun.loader.finish_reading(group)]
    begun.loader.close()
    assert sum(load.rejection is None for load in read) == _FILES - 1
    assert [x.file.path for x in read if x.rejection] == ["last.xml"]


def test_from_a_large_file_on_groups_are_left_to_the_run(two_runs: Claims) -> None:
    begun = begun_after(*two_runs(b"<a>" + bytes(SMALL_FILE)))
    assert begun
    begun.loader.close()
    first, second = begun.items
    assert isinstance(first, Group)
    assert isinstance(second, list)
    assert len(second) == _FILES - FIRST_GROUP_FILES


def test_a_large_file_is_begun_where_its_run_comes_first(two_runs: Claims) -> None:
    loader, claim = two_runs(b"<a>" + bytes(SMALL_FILE))
    ahead = Ahead(loader._reader)
    ahead.begin({claim.owner: claim.files[::-1]}, loader.next(claim.owner))
    begun = ahead.take(claim.owner, "next")
    assert begun
    first, *rest = begun.items
    begun.loader.close()
    assert isinstance(first, Group)
    assert first.loads[0].file.path == "last.xml"
    assert all(isinstance(item, list) for item in rest)


@pytest.mark.parametrize("fails", [False, True])
def test_who_asks_is_told_of_a_large_file_as_long_as_it_is_on_its_way(
    two_runs: Claims, monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    loader, claim = two_runs(b"<a>" + bytes(SMALL_FILE))
    monkeypatch.setattr(module, "BYTES_WORTH_IT", SMALL_FILE)
    ahead, told, fetch = Ahead(loader._reader), [], Loader.fetch

    def look_and_fetch(self: Loader, files: Sequence[LedgerFile]) -> Arrived:
        told.append(ahead.takes_large_file)
        if fails:
            raise SourceError("no")
        return fetch(self, files)

    monkeypatch.setattr(Loader, "fetch", look_and_fetch)
    ahead.begin({claim.owner: claim.files[::-1]}, loader.next(claim.owner))
    (thread,) = threads_of(ahead)
    thread.join(30)
    assert told == ([True] if fails else [True, False])
    assert not ahead.takes_large_file
    ahead.drop()


def test_of_small_files_nobody_is_told(two_runs: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
    loader, claim = two_runs()
    ahead, told, fetch = Ahead(loader._reader), [], Loader.fetch

    def look_and_fetch(self: Loader, files: Sequence[LedgerFile]) -> Arrived:
        told.append(ahead.takes_large_file)
        return fetch(self, files)

    monkeypatch.setattr(Loader, "fetch", look_and_fetch)
    ahead.begin({claim.owner: claim.files}, loader.next(claim.owner))
    (thread,) = threads_of(ahead)
    thread.join(30)
    assert told == [False, False]
    ahead.drop()


def test_no_more_bytes_are_held_than_those_of_a_group(
    two_runs: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GROUP_BYTES", 100)
    assert begun_after(*two_runs()) is None


def test_of_a_run_that_does_not_come_next_nothing_is_used_and_nothing_kept_open(
    two_runs: Claims,
) -> None:
    loader, claim = two_runs()
    ahead = Ahead(loader._reader)
    following = loader.next(claim.owner)
    ahead.begin({claim.owner: ()}, following)
    (thread,) = threads_of(ahead)
    assert ahead.take("another", "next") is None
    thread.join(30)
    assert following
    assert following._sources == {}
    assert ahead.take(claim.owner, "next") is None


def test_what_is_dropped_keeps_nothing_open(two_runs: Claims) -> None:
    loader, claim = two_runs()
    ahead = Ahead(loader._reader)
    following = loader.next(claim.owner)
    ahead.begin({claim.owner: ()}, following)
    (thread,) = threads_of(ahead)
    ahead.drop()
    thread.join(30)
    assert following
    assert (following._sources, ahead.take(claim.owner, "next")) == ({}, None)


def test_what_is_aborted_is_read_no_further_and_leaves_nothing(
    project: Project, two_runs: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saft_pipeline.loading.reader_process.FILES_WORTH_IT", 1)
    loader, claim = two_runs(b"<a>" + bytes(2 * IN_MEMORY))
    ahead = Ahead(loader._reader)
    following = loader.next(claim.owner)
    ahead.begin({claim.owner: claim.files[::-1]}, following)
    wait_for(lambda: bool(ahead._begun[claim.owner]._begun.read))
    process = loader._reader._process
    assert process
    ahead.abort()
    assert process._process.wait(30) is not None
    assert following
    wait_for(lambda: following._sources == {})
    assert list(spill_folder(project.settings.home).iterdir()) == []


def test_what_is_dropped_while_it_is_fetched_is_not_read(
    two_runs: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader, claim = two_runs()
    given, fetch = Event(), Loader.fetch
    read: list[Arrived] = []

    def slow(its: Loader, files: list[LedgerFile]) -> Arrived:
        given.wait(30)
        return fetch(its, files)

    monkeypatch.setattr(Loader, "fetch", slow)
    monkeypatch.setattr(Loader, "read", lambda _, arrived: read.append(arrived))
    ahead = Ahead(loader._reader)
    ahead.begin({claim.owner: claim.files}, loader.next(claim.owner))
    (thread,) = threads_of(ahead)
    ahead.drop()
    given.set()
    thread.join(30)
    assert read == []


def test_what_is_dropped_once_all_was_read_keeps_nothing_open(two_runs: Claims) -> None:
    loader, claim = two_runs()
    ahead = Ahead(loader._reader)
    following = loader.next(claim.owner)
    ahead.begin({claim.owner: ()}, following)
    (thread,) = threads_of(ahead)
    thread.join(30)
    ahead.drop()
    assert following
    assert following._sources == {}


@pytest.mark.parametrize(
    ("after_load", "connections", "begins"),
    [("keep", 1, False), ("keep", 2, True), ("archive", 2, False), ("archive", 3, True)],
)
def test_no_more_connections_are_made_than_the_setting_allows(
    two_runs: Claims, after_load: str, connections: int, begins: bool
) -> None:
    loader, claim = two_runs(AFTER_LOAD=after_load, SFTP_CONNECTIONS=str(connections))
    following = loader.next(claim.owner)
    assert (following is not None) is begins


@pytest.mark.parametrize("error", [TooManyConnectionsError("full"), LoginRefusedError("no")])
def test_a_server_that_lets_only_one_in_is_asked_once(
    project: Project, two_runs: Claims, monkeypatch: pytest.MonkeyPatch, error: SftpError
) -> None:
    loader, claim = two_runs()

    def refuse(*_: object) -> Sftp:
        raise error

    monkeypatch.setattr(sftp_source, "open_connection", refuse)
    assert begun_after(loader, claim) is None
    assert loader.next(claim.owner) is None
    loader.close()
    assert quirks_of(load(project.env)).connections == 1


def test_what_fails_ahead_is_left_to_the_run_and_harms_no_file(
    store: Store,
    two_runs: Claims,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    loader, claim = two_runs()

    def fail(*_: object) -> None:
        raise SourceError("the folder is gone")

    monkeypatch.setattr(Loader, "_arrivals", fail)
    with caplog.at_level("INFO", module.__name__):
        assert begun_after(loader, claim) is None
    assert "the folder is gone" in caplog.text
    assert {f.status for f in store.claimed(claim.owner)} == {"running"}
    assert store.counts(claim.files[0].source) == {"running": _FILES + 1}


def test_what_the_run_under_way_has_to_be_read_goes_first(
    two_runs: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileReader, "wait_until_idle", lambda *_: False)
    loader, claim = two_runs()
    ahead = Ahead(loader._reader)
    ahead.begin({claim.owner: ()}, loader.next(claim.owner))
    wait_for(lambda: len(ahead._begun[claim.owner]._begun.fetched) == 2)
    begun = ahead.take(claim.owner, "next")
    assert begun
    begun.loader.close()
    assert begun.read == []
    assert [type(item) for item in begun.items] == [Arrived, Arrived]


def test_what_another_has_taken_meanwhile_is_not_gone_on_with(
    store: Store, two_runs: Claims
) -> None:
    loader, claim = two_runs()
    ahead = Ahead(loader._reader)
    ahead.begin({claim.owner: ()}, loader.next(claim.owner))
    wait_for(lambda: bool(ahead._begun[claim.owner]._begun.read))
    store.release(claim.owner)
    store.claim("another", lease=load().lease, ids=[claim.files[0].id])
    assert ahead.take(claim.owner, "next") is None


def test_what_was_begun_keeps_nothing_open_if_the_ledger_can_not_be_asked_whose_it_is(
    two_runs: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader, claim = two_runs()

    def fail(_: Loader) -> int:
        raise StoreError("the database is gone")

    ahead = Ahead(loader._reader)
    following = loader.next(claim.owner)
    ahead.begin({claim.owner: claim.files}, following)
    (thread,) = threads_of(ahead)
    thread.join(30)
    monkeypatch.setattr(Loader, "renew", fail)
    with pytest.raises(StoreError, match="the database is gone"):
        ahead.take(claim.owner, "next")
    assert following
    assert following._sources == {}


def test_a_run_goes_on_with_what_was_begun_while_a_group_of_it_is_under_way(
    two_runs: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader, claim = two_runs()
    given, fetch = Event(), Loader.fetch

    def slow(its: Loader, files: list[LedgerFile]) -> Arrived:
        if len(files) < FIRST_GROUP_FILES:  # the second group
            given.wait(30)
        return fetch(its, files)

    monkeypatch.setattr(Loader, "fetch", slow)
    ahead = Ahead(loader._reader)
    ahead.begin({claim.owner: ()}, loader.next(claim.owner))
    wait_for(lambda: bool(ahead._begun[claim.owner]._begun.read))
    begun = ahead.take(claim.owner, "next")
    assert begun
    items = begun.items
    first = next(items)
    given.set()
    rest = [item.loads for item in items if isinstance(item, Group | Arrived)]
    begun.loader.close()
    assert isinstance(first, Group)
    assert [len(first.loads), *map(len, rest)] == [FIRST_GROUP_FILES, _FILES - FIRST_GROUP_FILES]


def test_of_two_claims_the_second_is_begun_beside_the_first(store: Store, two_runs: Claims) -> None:
    loader, claim = two_runs()
    halves = {"half-1": claim.files[::2], "half-2": claim.files[1::2]}
    store.hand_over(claim.owner, {o: [f.id for f in its] for o, its in halves.items()}, LEASE)
    ahead = Ahead(loader._reader)
    ahead.begin(halves, loader.next("half-1"))
    wait_for(lambda: len(ahead._begun) == 2)
    begun = [ahead.take(owner, "next") for owner in halves]
    for each in begun:
        assert each
        each.loader.close()
        assert len(list(each.items)) == 1


def test_a_second_claim_is_not_begun_once_the_first_is_dropped(
    two_runs: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader, claim = two_runs()
    given, fetch = Event(), Loader.fetch

    def slow(its: Loader, files: list[LedgerFile]) -> Arrived:
        given.wait(30)
        return fetch(its, files)

    monkeypatch.setattr(Loader, "fetch", slow)
    ahead = Ahead(loader._reader)
    ahead.begin({claim.owner: (), "second": ()}, loader.next(claim.owner))
    (thread,) = threads_of(ahead)
    ahead.drop()
    given.set()
    thread.join(30)
    assert ahead._begun == {}
