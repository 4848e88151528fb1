"""What is taken of the sources that were looked at, and in which runs; the looks are made up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from saft_pipeline.loading.poll import Poll
from saft_pipeline.loading.racy import LARGE_FILE
from saft_pipeline.loading.rounds import Round
from saft_pipeline.loading.taking import MOST_AHEAD, take
from saft_pipeline.settings import SourceSettings, load
from saft_pipeline.store.model import SeenFile
from saft_pipeline.store.store import Store

EARLY = datetime(2025, 6, 15, tzinfo=UTC)


def told(store: Store, files: int, *, name: str = "a", size: int = 10, **settings: int) -> Poll:
    """A source in which so many files were seen, each a second younger than the one before."""
    seen = [
        SeenFile(f"{n}.xml", f"{n}.xml", None, size, EARLY + timedelta(seconds=n))
        for n in range(files)
    ]
    store.observe(name, seen, whole=False)
    return Poll(SourceSettings.model_validate({**dict(load({})), **settings, "source": name}))


def runs(poll: Poll) -> list[list[str]]:
    return [[f.path for f in claim.files] for claim in poll.claims]


def test_as_many_files_as_may_have_their_own_run_get_it(store: Store) -> None:
    found = told(store, 3, run_per_file_up_to=3)
    take([found], store)
    assert runs(found) == [["0.xml"], ["1.xml"], ["2.xml"]]


def test_one_file_more_and_all_share_a_run(store: Store) -> None:
    found = told(store, 4, run_per_file_up_to=3)
    take([found], store)
    assert runs(found) == [["0.xml", "1.xml", "2.xml", "3.xml"]]


def test_the_files_of_all_sources_together_are_few_or_not(store: Store) -> None:
    found = [told(store, 2, name=name, run_per_file_up_to=3) for name in "ab"]
    take(found, store)
    assert [runs(each) for each in found] == [[["0.xml", "1.xml"]]] * 2


def test_files_share_a_run_while_many_taken_earlier_wait(store: Store) -> None:
    take([told(store, 3, run_per_file_up_to=3)], store)
    found = told(store, 5, run_per_file_up_to=3)
    take([found], store)
    assert runs(found) == [["3.xml", "4.xml"]]


def test_files_share_a_run_while_many_of_other_sources_wait(store: Store) -> None:
    found = told(store, 2, run_per_file_up_to=3)
    take([found], store, elsewhere=2)
    assert runs(found) == [["0.xml", "1.xml"]]


def test_runs_are_launched_of_each_source_in_turn(store: Store) -> None:
    found = [
        told(store, files, name=name, max_files_per_run=1, run_per_file_up_to=0)
        for name, files in (("a", 3), ("b", 1))
    ]
    take(found, store)
    launched = Round(found, found).claims.values()
    assert [file.source for files in launched for file in files] == ["a", "b", "a", "a"]


def test_behind_many_runs_of_a_source_no_more_of_its_files_are_taken(store: Store) -> None:
    found = [told(store, 3, name=name) for name in "ab"]
    take(found, store, ahead={"a": MOST_AHEAD, "b": MOST_AHEAD - 1}.__getitem__)
    assert [each.taken for each in found] == [0, 3]
    assert found[0].counts["pending"] == 3
    assert "8 runs have not ended" in found[0].summary()


def test_a_shared_run_has_no_more_files_than_the_setting_says(store: Store) -> None:
    found = told(store, 5, run_per_file_up_to=0, max_files_per_run=2)
    take([found], store)
    assert runs(found) == [["0.xml", "1.xml"], ["2.xml", "3.xml"], ["4.xml"]]


def test_a_large_file_shares_its_run_with_no_other(store: Store) -> None:
    found = told(store, 2, size=LARGE_FILE, run_per_file_up_to=0)
    take([found], store)
    assert runs(found) == [["0.xml"], ["1.xml"]]


def test_the_oldest_files_are_taken_first(store: Store) -> None:
    found = told(store, 3, max_files_per_batch=2)
    take([found], store)
    assert runs(found) == [["0.xml"], ["1.xml"]]


def test_no_limit_takes_all(store: Store) -> None:
    found = told(store, 60, max_files_per_batch=0)
    take([found], store)
    assert found.taken == 60


def test_without_a_limit_a_tick_takes_no_more_than_it_has_time_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saft_pipeline.loading.taking._MOST_A_TICK", 2)
    found = told(store, 3, max_files_per_batch=0)
    take([found], store)
    assert found.taken == 2


def test_each_claim_is_in_the_ledger_under_its_own_name(store: Store) -> None:
    found = told(store, 2)
    take([found], store)
    held = [[f.path for f in store.claimed(claim.owner)] for claim in found.claims]
    assert held == [["0.xml"], ["1.xml"]]
