"""Claims on files: taken, handed over, renewed, released; what is noted of a claimed file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from saft_pipeline.store.model import CANCELLED, Failure, FetchedContent
from saft_pipeline.store.store import Store
from saft_pipeline_tests.store.building import (
    LEASE,
    SOURCE,
    VERSION,
    File,
    at,
    claim,
    invoice,
    ledger,
    load,
    observe,
    owner,
    publish,
    settle,
    stage,
)
from saft_pipeline_tests.store.looking import rows

FILE = File("a.xml", (invoice("FT 1/1"),), (), at(1))
THREE = [File(f"{n}.xml", (), (), at(9 - n)) for n in range(3)]
ENDED = timedelta(0)


def paths(store: Store, **claim: object) -> list[str]:
    arguments: dict[str, object] = {"lease": LEASE, "source": SOURCE, **claim}
    return [f.path for f in store.claim(owner(), **arguments)]  # type: ignore[arg-type]


def test_pending_files_are_claimed_oldest_first(store: Store) -> None:
    observe(store, *THREE)
    assert paths(store, limit=2) == ["2.xml", "1.xml"]
    assert paths(store) == ["0.xml"]
    assert paths(store) == []


def test_a_claimed_file_says_by_whom_and_until_when(store: Store) -> None:
    observe(store, FILE)
    before = datetime.now(UTC)
    (file,) = store.claim("me", lease=LEASE, source=SOURCE)
    assert (file.status, file.claimed_by, file.attempts) == ("running", "me", 1)
    assert file.lease_expires_at is not None
    assert before + LEASE <= file.lease_expires_at <= datetime.now(UTC) + LEASE


def test_claiming_again_gives_what_is_held_already(store: Store) -> None:
    """As when the first answer was lost."""
    observe(store, *THREE)
    first = store.claim("me", lease=LEASE, source=SOURCE, limit=1)
    assert store.claim("me", lease=LEASE, source=SOURCE, limit=1) == first == store.claimed("me")


def test_another_source_is_left_alone(store: Store) -> None:
    observe(store, FILE)
    assert paths(store, source="elsewhere") == []


@pytest.mark.parametrize("state", ["failed", "incomplete", "gone", "unreadable"])
def test_files_in_other_states_are_not_taken_by_themselves(store: Store, state: str) -> None:
    by = owner()
    (settled,) = claim(store, FILE, by=by)
    store.fail(by, [Failure(settled.ledger_id, "reason", state)])  # type: ignore[arg-type]
    assert paths(store) == []
    assert ledger(store, "a.xml").status == state


def test_files_named_by_id_are_taken_whatever_their_state(store: Store) -> None:
    load(store, FILE)
    (file,) = store.claim("me", lease=LEASE, ids=[ledger(store, "a.xml").id])
    assert file.status == "running"


def test_files_named_by_id_are_not_taken_from_another(store: Store) -> None:
    (known,) = observe(store, FILE)
    store.claim("me", lease=LEASE, ids=[known.id])
    assert store.claim("you", lease=LEASE, ids=[known.id]) == []


def test_no_ids_are_no_files(store: Store) -> None:
    observe(store, FILE)
    assert store.claim("me", lease=LEASE, ids=[]) == []


def test_an_old_version_is_never_claimed(store: Store) -> None:
    load(store, FILE)
    load(store, replace(FILE, bytes_="x", modified_at=at(2)))
    old = store.files(source=SOURCE, path="a.xml")[1]
    assert store.claim("me", lease=LEASE, ids=[old.id]) == []


def test_a_claim_whose_lease_ended_is_taken_over(store: Store) -> None:
    observe(store, FILE)
    store.claim("dead", lease=ENDED, source=SOURCE)
    assert store.expired_owners(SOURCE) == ["dead"]
    (file,) = store.claim("me", lease=LEASE, source=SOURCE)
    assert (file.claimed_by, file.attempts) == ("me", 2)
    assert store.expired_owners(SOURCE) == []


def test_a_file_whose_process_died_six_times_is_given_up(store: Store) -> None:
    observe(store, FILE)
    for _ in range(6):
        store.claim(owner(), lease=ENDED, source=SOURCE)
    assert paths(store) == []
    file = ledger(store, "a.xml")
    assert (file.status, file.attempts, file.claimed_by) == ("failed", 6, None)
    assert "died, 6 times in a row" in (file.error or "")


def test_a_claim_is_handed_over_in_parts(store: Store) -> None:
    ids = [f.id for f in observe(store, *THREE)]
    store.claim("me", lease=LEASE, source=SOURCE)
    parts = {"you": ids[:2], "they": ids[2:]}
    assert store.hand_over("me", parts, LEASE) == 3
    assert [f.path for f in store.claimed("you")] == ["1.xml", "0.xml"]
    assert [f.path for f in store.claimed("they")] == ["2.xml"]
    assert store.claimed("me") == []
    assert store.hand_over("me", parts, LEASE) == 3


def test_only_what_is_held_is_handed_over(store: Store) -> None:
    ids = [f.id for f in observe(store, FILE)]
    store.claim("me", lease=LEASE, source=SOURCE)
    assert store.hand_over("you", {"they": ids}, LEASE) == 0


def test_a_renewed_claim_lasts_longer(store: Store) -> None:
    observe(store, FILE)
    store.claim("me", lease=ENDED, source=SOURCE)
    assert store.renew("me", LEASE) == 1
    assert store.expired_owners(SOURCE) == []
    assert paths(store) == []


@pytest.mark.parametrize("loaded", [False, True])
def test_a_released_claim_leaves_all_as_it_was(store: Store, loaded: bool) -> None:
    if loaded:
        load(store, FILE)
    (before,) = observe(store, FILE)
    store.claim("me", lease=LEASE, ids=[before.id])
    assert store.release("me") == 1
    assert ledger(store, "a.xml") == before


def test_a_claim_taken_over_is_released_to_what_it_was_at_first(store: Store) -> None:
    observe(store, FILE)
    store.claim("dead", lease=ENDED, source=SOURCE)
    store.claim("me", lease=LEASE, source=SOURCE)
    store.release("me")
    assert ledger(store, "a.xml").status == "pending"


def given_up(store: Store) -> tuple[object, ...]:
    """What the ledger says of the file after a run that had claimed it was cancelled."""
    (file,) = store.claim("me", lease=LEASE, ids=[f.id for f in store.files()])
    store.give_up("me", run_id="the run")
    (file,) = store.files()
    assert file.claimed_by is None
    return file.status, file.error, file.next_attempt_at


def test_a_cancelled_file_that_was_never_loaded_has_failed(store: Store) -> None:
    observe(store, FILE)
    assert given_up(store) == ("failed", CANCELLED, None)


def test_a_cancelled_file_that_was_loaded_before_is_loaded_as_if_nothing_was(store: Store) -> None:
    load(store, FILE)
    assert given_up(store) == ("loaded", None, None)


def test_a_cancelled_file_that_was_broken_keeps_its_reason(store: Store) -> None:
    observe(store, FILE)
    (held,) = store.claim("you", lease=LEASE, source=SOURCE)
    store.fail("you", [Failure(held.id, "it is broken")])
    assert given_up(store) == ("failed", "it is broken", None)


def test_a_cancelled_file_is_not_tried_again_by_itself(store: Store) -> None:
    observe(store, FILE)
    (held,) = store.claim("you", lease=LEASE, source=SOURCE)
    soon = timedelta(seconds=1)
    store.fail("you", [Failure(held.id, "the server is down", retry_after=soon)])
    assert given_up(store) == ("failed", CANCELLED, None)


def test_settling_notes_what_the_bytes_are(store: Store) -> None:
    (known,) = observe(store, FILE)
    store.claim("me", lease=LEASE, ids=[known.id])
    (settled,) = store.settle("me", [FetchedContent(known.id, "ab" * 32, 77, at(5))], VERSION)
    file = ledger(store, "a.xml")
    assert (settled.ledger_id, settled.same_as) == (known.id, None)
    assert (file.sha256, file.size, file.modified_at) == ("ab" * 32, 77, at(5))


def test_settling_nothing_is_nothing(store: Store) -> None:
    assert store.settle("me", [], VERSION) == []


def test_answers_of_settling_are_in_the_order_asked(store: Store) -> None:
    by = owner()
    settled = claim(store, *THREE, by=by)
    assert [s.ledger_id for s in settled] == [ledger(store, f.path).id for f in THREE]


def test_other_bytes_are_a_new_version_that_the_claim_moves_on_to(store: Store) -> None:
    load(store, FILE)
    (settled,) = claim(store, replace(FILE, bytes_="x", modified_at=at(2)), by="me")
    new, old = store.files(source=SOURCE, path="a.xml")
    assert (new.id, new.version, new.status, new.claimed_by) == (
        *(settled.ledger_id, 2, "running", "me"),
    )
    assert (old.status, old.is_current, old.claimed_by, old.error) == ("loaded", False, None, None)


def test_other_bytes_of_a_failed_file_leave_its_reason_with_the_old_version(store: Store) -> None:
    (settled,) = claim(store, FILE, by="first")
    store.fail("first", [Failure(settled.ledger_id, "broken")])
    store.claim("me", lease=LEASE, ids=[settled.ledger_id])
    settle(store, (settled.ledger_id, replace(FILE, bytes_="x")), by="me")
    _, old = store.files(source=SOURCE, path="a.xml")
    assert (old.status, old.error) == ("failed", "broken")


def test_an_upload_that_goes_on_is_one_version(store: Store, url: str) -> None:
    """What was fetched of it before its end was there is no version, nor the first sight of it."""
    half, whole = replace(FILE, bytes_="half"), replace(FILE, bytes_="whole", modified_at=at(2))
    first = claim(store, half, by="me")[0].ledger_id
    store.fail("me", [Failure(first, "it ends before </AuditFile>", "incomplete")])
    assert load(store, whole)[0].status == "loaded"
    assert rows(
        url, "select id, version, status, sha256, bytes_modified_at from invoice_files"
    ) == [(first, 1, "loaded", whole.sha256, whole.modified_at)]


def test_settling_twice_makes_one_version(store: Store) -> None:
    """As when the first answer was lost."""
    load(store, FILE)
    changed = replace(FILE, bytes_="x", modified_at=at(2))
    (known,) = observe(store, changed)
    (first,) = claim(store, changed, by="me")
    assert settle(store, (known.id, changed), by="me") == [first]
    assert len(store.files(source=SOURCE, path="a.xml")) == 2


def test_bytes_that_are_loaded_are_told(store: Store) -> None:
    load(store, FILE)
    same = ledger(store, "a.xml").id
    by = owner()
    settled = claim(store, FILE, replace(FILE, path="b.xml"), THREE[0], by=by)
    assert [s.same_as for s in settled] == [same, same, None]


def test_nothing_is_settled_of_a_file_that_another_holds(store: Store) -> None:
    (known,) = observe(store, FILE)
    store.claim("you", lease=LEASE, ids=[known.id])
    (settled,) = store.settle("me", [FetchedContent(known.id, "ab" * 32, 77, at(5))], VERSION)
    assert settled.ledger_id == known.id
    assert ledger(store, "a.xml").sha256 is None


def test_a_failure_is_noted_with_its_reason_and_run(store: Store) -> None:
    (settled,) = claim(store, FILE, by="me")
    store.fail("me", [Failure(settled.ledger_id, "a.xml:3:1: broken")], run_id="run-7")
    file = ledger(store, "a.xml")
    assert (file.status, file.error, file.run_id, file.claimed_by, file.next_attempt_at) == (
        *("failed", "a.xml:3:1: broken", "run-7", None, None),
    )


def test_a_failure_that_passes_is_tried_again_when_it_is_due(store: Store) -> None:
    (settled,) = claim(store, FILE, by="me")
    store.fail("me", [Failure(settled.ledger_id, "lost", retry_after=timedelta(hours=1))])
    assert paths(store) == []
    store.retry(paths=None)
    (again,) = store.claim("me", lease=LEASE, source=SOURCE)
    store.fail("me", [Failure(again.id, "lost", retry_after=ENDED)])
    assert paths(store) == ["a.xml"]


def test_a_loaded_file_that_is_taken_again_and_fails_stays_loaded(store: Store) -> None:
    load(store, FILE)
    known = ledger(store, "a.xml")
    store.claim("me", lease=LEASE, ids=[known.id])
    store.fail("me", [Failure(known.id, "no such file", "gone")])
    file = ledger(store, "a.xml")
    assert (file.status, file.error) == ("loaded", "no such file")


def test_a_change_of_a_loaded_file_that_cant_be_fetched_is_not_forgotten(store: Store) -> None:
    load(store, FILE)
    (known,) = observe(store, replace(FILE, modified_at=at(2)))
    store.claim("me", lease=LEASE, ids=[known.id])
    store.fail("me", [Failure(known.id, "connection lost", retry_after=ENDED)])
    assert ledger(store, "a.xml").status == "failed"
    assert paths(store) == ["a.xml"]


def test_publishing_clears_what_failed_before(store: Store) -> None:
    (settled,) = claim(store, FILE, by="me")
    store.fail("me", [Failure(settled.ledger_id, "lost", retry_after=ENDED)])
    load(store, FILE)
    file = ledger(store, "a.xml")
    assert (file.status, file.error, file.next_attempt_at) == ("loaded", None, None)


def test_retry_takes_all_that_failed(store: Store) -> None:
    settled = claim(store, *THREE, by="me")
    states = ("failed", "failed", "incomplete")
    told = [Failure(s.ledger_id, "x", state) for s, state in zip(settled, states, strict=True)]  # type: ignore[arg-type]
    store.fail("me", told)
    assert [f.path for f in store.retry(paths=None)] == ["1.xml", "0.xml"]
    assert {f.path: (f.status, f.attempts) for f in store.files(source=SOURCE)} == {
        "0.xml": ("pending", 0),
        "1.xml": ("pending", 0),
        "2.xml": ("incomplete", 1),
    }


def test_retry_takes_named_files_that_are_not_loaded(store: Store) -> None:
    load(store, FILE)
    settled = claim(store, *THREE[:2], by="me")
    store.fail("me", [Failure(settled[0].ledger_id, "x", "incomplete")])
    again = store.retry(paths=["a.xml", "0.xml", "1.xml", "none.xml"])
    assert [f.path for f in again] == ["0.xml"]


def test_counts_are_of_the_newest_versions(store: Store) -> None:
    load(store, FILE)
    load(store, replace(FILE, bytes_="x", modified_at=at(2)))
    observe(store, *THREE)
    store.observe("elsewhere", [FILE.seen], whole=True)
    assert store.counts(SOURCE) == {"loaded": 1, "pending": 3}
    assert store.counts() == {"loaded": 1, "pending": 4}


def test_files_are_found_by_what_is_asked(store: Store) -> None:
    load(store, FILE)
    load(store, replace(FILE, bytes_="x", modified_at=at(2)))
    waiting = observe(store, *THREE)
    new, old = store.files(source=SOURCE, path="a.xml")
    assert store.files(state="pending", limit=2) == waiting[:2]
    assert store.files(ids=[old.id]) == [old]
    assert store.files(run_id="run-1") == [new, old]
    assert store.files(keys=[new.key]) == [new]
    assert store.files(source="elsewhere") == []


def test_an_empty_group_is_published_as_nothing(store: Store) -> None:
    assert publish(store, stage(store), owner()) == []
