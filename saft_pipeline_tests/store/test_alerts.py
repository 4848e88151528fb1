"""What is worth telling, told once; and what is still in use, by the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from saft_pipeline.store.alerts import AlertLimits, Condition, Watch
from saft_pipeline.store.model import file_key
from saft_pipeline.store.postgres import PostgresTransport
from saft_pipeline_tests.store.building import SOURCE
from saft_pipeline_tests.store.looking import execute

HOUR = timedelta(hours=1)
LIMITS = AlertLimits([SOURCE], pending=6 * HOUR, incomplete=24 * HOUR, silent=72 * HOUR)
LONG_AGO = timedelta(days=10)


@pytest.fixture
def watch(url: str) -> Iterator[Watch]:
    execute(url, "truncate saft.alerts")
    watch = Watch(PostgresTransport(url))
    yield watch
    watch.close()


def known(
    url: str, path: str, status: str, *, age: timedelta = timedelta(0), **columns: object
) -> int:
    """Put a file into the ledger that was first seen and last changed so long ago; its id."""
    when = datetime.now(UTC) - age
    values: dict[str, object] = {
        "source": SOURCE, "path": path, "filename": path, "size": 1, "modified_at": when,
        "first_seen_at": when, "status": status,
        "loaded_at": when if status == "loaded" else None,
        "claimed_by": "claim-1" if status == "running" else None,
        **columns,
    }  # fmt: skip
    insert = sql.SQL("insert into invoice_files ({}) values ({}) returning id").format(
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(sql.Placeholder() * len(values)),
    )
    with psycopg.connect(url) as connection:
        row = connection.execute(insert, list(values.values())).fetchone()
    assert row
    return int(row[0])


def change(url: str, ledger_id: int, **columns: object) -> None:
    sets = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(c)) for c in columns)
    with psycopg.connect(url) as connection:
        update = sql.SQL("update invoice_files set {} where id = %s").format(sets)
        connection.execute(update, [*columns.values(), ledger_id])


def alert_keys(watch: Watch, *others: str, channel: str = "webhook") -> list[str]:
    return [c.alert_key for c in watch.unsent(channel, LIMITS, others)]


def test_an_empty_ledger_is_nothing_to_tell_of(watch: Watch) -> None:
    assert alert_keys(watch) == []


@pytest.mark.parametrize("status", ["failed", "gone", "unreadable"])
def test_a_file_that_will_not_be_loaded_is_told_of(url: str, watch: Watch, status: str) -> None:
    ledger_id = known(url, "a.xml", status, error="line 3 is broken")
    (found,) = watch.unsent("webhook", LIMITS, [])
    assert found == Condition(f"file {ledger_id}", status, "a.xml", "line 3 is broken", 0)


@pytest.mark.parametrize("status", ["pending", "running", "loaded", "incomplete"])
def test_a_file_on_its_way_is_not_told_of(url: str, watch: Watch, status: str) -> None:
    known(url, "a.xml", status)
    assert alert_keys(watch) == []


def test_a_failed_file_that_is_tried_again_by_itself_is_not_told_of(url: str, watch: Watch) -> None:
    known(url, "a.xml", "failed", next_attempt_at=datetime.now(UTC))
    assert alert_keys(watch) == []


def test_an_older_version_of_a_file_is_not_told_of(url: str, watch: Watch) -> None:
    known(url, "a.xml", "failed", is_current=False)
    assert alert_keys(watch) == []


def test_what_was_told_is_not_told_again(url: str, watch: Watch) -> None:
    known(url, "a.xml", "failed")
    watch.mark_sent("webhook", alert_keys(watch))
    assert alert_keys(watch) == []


def test_files_of_one_age_are_told_of_by_their_paths(url: str, watch: Watch) -> None:
    ids = {path: known(url, path, "gone") for path in ("c.xml", "a.xml", "b.xml")}
    expected = [f"file {ids[path]}" for path in ("a.xml", "b.xml", "c.xml")]
    assert alert_keys(watch) == expected


def test_each_channel_is_told(url: str, watch: Watch) -> None:
    ledger_id = known(url, "a.xml", "failed")
    watch.mark_sent("webhook", alert_keys(watch))
    assert alert_keys(watch, channel="e-mail") == [f"file {ledger_id}"]


def test_a_file_that_fails_again_after_a_retry_is_not_told_of_again(url: str, watch: Watch) -> None:
    ledger_id = known(url, "a.xml", "failed")
    watch.mark_sent("webhook", alert_keys(watch))
    for status in ("pending", "failed"):
        change(url, ledger_id, status=status)
        assert alert_keys(watch) == []


def test_a_new_version_that_fails_is_told_of(url: str, watch: Watch) -> None:
    old = known(url, "a.xml", "failed")
    watch.mark_sent("webhook", alert_keys(watch))
    change(url, old, is_current=False)
    new = known(url, "a.xml", "failed", version=2)
    assert alert_keys(watch) == [f"file {new}"]


def test_a_file_that_stays_incomplete_is_told_of(url: str, watch: Watch) -> None:
    ledger_id = known(url, "a.xml", "incomplete", age=25 * HOUR)
    assert alert_keys(watch) == [f"incomplete {ledger_id}"]


@pytest.mark.parametrize(
    ("status", "next_attempt_at"),
    [("pending", None), ("failed", datetime.now(UTC))],
    ids=["pending", "failed, to be tried again"],
)
def test_the_file_that_waits_longest_stands_for_all_that_wait(
    url: str, watch: Watch, status: str, next_attempt_at: datetime | None
) -> None:
    known(url, "young.xml", status, next_attempt_at=next_attempt_at)
    known(url, "old.xml", status, age=7 * HOUR, next_attempt_at=next_attempt_at)
    (found,) = watch.unsent("webhook", LIMITS, [])
    assert (found.alert_key, found.subject, found.reason) == ("waiting", "old.xml", "2")


def test_a_loaded_file_that_has_just_changed_has_not_waited_long(url: str, watch: Watch) -> None:
    ledger_id = known(url, "a.xml", "loaded", age=LONG_AGO)
    change(url, ledger_id, status="pending", modified_at=datetime.now(UTC))
    known(url, "new.xml", "loaded")
    assert alert_keys(watch) == []


def test_a_file_from_the_servers_future_waits_from_when_it_was_seen(url: str, watch: Watch) -> None:
    tomorrow = datetime.now(UTC) + 24 * HOUR
    known(url, "a.xml", "pending", age=7 * HOUR, modified_at=tomorrow)
    assert alert_keys(watch) == ["waiting"]


def test_a_failed_file_taken_again_by_hand_does_not_count_as_waiting(
    url: str, watch: Watch
) -> None:
    known(url, "a.xml", "pending", age=7 * HOUR, error="line 3 is broken")
    assert alert_keys(watch) == []


def test_silence_is_told_of(url: str, watch: Watch) -> None:
    known(url, "a.xml", "loaded", age=LONG_AGO)
    (found,) = watch.unsent("webhook", LIMITS, [])
    assert (found.alert_key, found.subject) == ("silent", SOURCE)
    assert timedelta(seconds=found.seconds or 0) == LONG_AGO


def test_a_new_file_elsewhere_does_not_end_the_silence(url: str, watch: Watch) -> None:
    known(url, "a.xml", "loaded", age=LONG_AGO)
    known(url, "b.xml", "loaded", source="local")
    assert alert_keys(watch) == ["silent"]


def test_a_condition_that_comes_back_is_told_of_again(url: str, watch: Watch) -> None:
    known(url, "a.xml", "loaded", age=LONG_AGO)
    watch.mark_sent("webhook", alert_keys(watch))
    assert alert_keys(watch) == []
    known(url, "b.xml", "loaded")
    assert alert_keys(watch) == []
    execute(url, "update saft.ledger_counts set newest = newest - interval '1 year'")
    assert alert_keys(watch) == ["silent"]


def test_conditions_that_others_know_of_are_told_once_while_they_hold(watch: Watch) -> None:
    assert alert_keys(watch, "run 1", "run 2") == ["run 1", "run 2"]
    watch.mark_sent("webhook", ["run 1"])
    assert alert_keys(watch, "run 1", "run 2") == ["run 2"]
    assert alert_keys(watch, "run 2") == ["run 2"]
    assert alert_keys(watch, "run 1", "run 2") == ["run 1", "run 2"]


def test_telling_twice_is_telling_once(url: str, watch: Watch) -> None:
    known(url, "a.xml", "failed")
    told = alert_keys(watch)
    watch.mark_sent("webhook", told)
    watch.mark_sent("webhook", told)
    assert alert_keys(watch) == []


def test_open_are_files_that_a_run_has_or_may_have(url: str, watch: Watch) -> None:
    for status in ("pending", "running", "loaded", "failed", "gone", "incomplete"):
        known(url, f"{status}.xml", status)
    known(url, "again.xml", "failed", next_attempt_at=datetime.now(UTC))
    paths = ("pending.xml", "running.xml", "again.xml")
    assert set(watch.open_keys()) == {file_key(SOURCE, path) for path in paths}


def test_recent_are_hashes_of_what_was_seen_or_loaded_since(url: str, watch: Watch) -> None:
    hashes = {name: name * 64 for name in "abcde"}
    known(url, "old", "loaded", age=LONG_AGO, sha256=hashes["a"])
    known(url, "seen", "failed", sha256=hashes["b"])
    known(url, "again", "loaded", age=LONG_AGO, sha256=hashes["c"], loaded_at=datetime.now(UTC))
    known(url, "taken", "running", age=LONG_AGO, sha256=hashes["d"])
    since = datetime.now(UTC) - HOUR
    found = watch.recent_hashes(list(hashes.values()), since)
    assert found == {hashes[name] for name in "bcd"}
