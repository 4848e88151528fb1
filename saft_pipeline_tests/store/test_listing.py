"""What a listing makes of the ledger, also of files that left the folder by our own hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from saft_pipeline.store import encoding
from saft_pipeline.store.model import Failure, Observation, SeenFile
from saft_pipeline.store.store import Store
from saft_pipeline_tests.store.building import (
    LEASE,
    SOURCE,
    File,
    at,
    claim,
    invoice,
    ledger,
    load,
    observe,
    owner,
)
from saft_pipeline_tests.store.looking import rows

FILE = File("dir/FR202Y2025_7-Gramido.xml", (invoice("FR 1/1"),), (), at(1))
AGO = timedelta(hours=1)
DENIED = replace(FILE.seen, state="unreadable", reason="permission denied")
NOT_WHOLE = replace(FILE.seen, state="incomplete", reason="no whole zip")
OPENED = replace(FILE.seen, state="opened")


def fail(store: Store, file: File, state: str = "failed", **failure: object) -> None:
    by = owner()
    (settled,) = claim(store, file, by=by)
    store.fail(by, [Failure(settled.ledger_id, "broken", state, **failure)])  # type: ignore[arg-type]


def test_a_new_file_is_pending(store: Store) -> None:
    told = replace(FILE.seen, branch="Gramido")
    seen = store.observe(SOURCE, [told], whole=True)
    assert seen == Observation(listed=1, new=1, changed=0, returned=0, gone=0)
    file = ledger(store, FILE.path)
    assert (file.status, file.version, file.is_current, file.attempts) == ("pending", 1, True, 0)
    assert SeenFile(file.path, file.filename, file.branch, file.size, file.modified_at) == told


def test_an_empty_listing_is_one(store: Store) -> None:
    assert store.observe(SOURCE, [], whole=True).listed == 0


def test_a_listing_is_sent_in_parts_and_only_what_it_lacks_is_gone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "PAGE", 2)
    names = ["B.xml", "_.xml", "a.xml", "a/b.xml", "é.xml", "📄.xml", "ﬁ.xml"]
    files = [File(name) for name in names]
    assert store.observe(SOURCE, [f.seen for f in files], whole=True).new == 7
    kept = [f.seen for f in files if f.path not in ("_.xml", "📄.xml")]
    assert store.observe(SOURCE, kept, whole=True) == Observation(5, 0, 0, 0, gone=2)
    assert store.counts() == {"pending": 5, "gone": 2}


def test_the_ledger_is_read_page_by_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    observe(store, *(File(f"{n}.xml", modified_at=at(n)) for n in range(5)))
    monkeypatch.setattr("saft_pipeline.store.store.PAGE", 2)
    newest_first = [f"{n}.xml" for n in reversed(range(5))]
    assert [f.path for f in store.files()] == newest_first
    assert [f.path for f in store.files(limit=3)] == newest_first[:3]
    assert [len(page) for page in store.pages()] == [2, 2, 1]


def test_any_name_is_kept_as_it_is(store: Store) -> None:
    names = ["a\tb.xml", "a\nb\\xFF.xml", "\\N.xml", "ç 'é\".xml", "-x.xml", "\b\x01.xml", " .xml"]
    observe(store, *(File(name) for name in names))
    assert sorted(f.path for f in store.files(source=SOURCE)) == sorted(names)


def test_the_same_listing_again_changes_nothing(store: Store) -> None:
    before = observe(store, FILE)
    assert observe(store, FILE, whole=True) == before


def test_sources_are_apart(store: Store) -> None:
    observe(store, FILE)
    assert store.observe("elsewhere", [FILE.seen], whole=True).new == 1
    assert ledger(store, FILE.path).status == "pending"


@pytest.mark.parametrize("state", ["failed", "incomplete"])
def test_a_file_that_changed_is_pending_again_with_all_its_attempts(
    store: Store, state: str
) -> None:
    fail(store, FILE, state)
    (file,) = observe(store, replace(FILE, modified_at=at(2)))
    assert (file.status, file.attempts, file.error, file.version) == ("pending", 0, None, 1)
    assert file.modified_at == at(2)


def test_a_loaded_file_that_changed_is_pending_until_its_bytes_are_known(store: Store) -> None:
    load(store, FILE)
    (file,) = observe(store, replace(FILE, modified_at=at(2)))
    assert (file.status, file.version, file.total_invoices) == ("pending", 1, 1)


def test_a_failed_file_that_did_not_change_stays_failed(store: Store) -> None:
    fail(store, FILE)
    assert observe(store, FILE)[0].status == "failed"


def test_a_file_being_loaded_is_left_alone(store: Store) -> None:
    by = owner()
    claim(store, FILE, by=by)
    (file,) = observe(store, replace(FILE, modified_at=at(2)))
    assert (file.status, file.claimed_by, file.modified_at) == ("running", by, at(1))


def test_of_files_being_loaded_those_that_changed_must_be_told_again(store: Store) -> None:
    other = replace(FILE, path="other.xml")
    claim(store, FILE, by=owner())
    claim(store, other, by=owner())
    seen = {FILE.path: replace(FILE, modified_at=at(2)).seen, other.path: other.seen}
    parts = store.observe_each(SOURCE, sorted(seen), seen.__getitem__, whole=True, age=timedelta(0))
    assert [found["busy"] for _, found in parts] == [[FILE.path]]


@pytest.mark.parametrize("state", ["pending", "failed", "incomplete", "unreadable"])
def test_what_a_whole_listing_lacks_is_gone(store: Store, state: str) -> None:
    observe(store, FILE)
    if state != "pending":
        fail(store, FILE, state)
    assert store.observe(SOURCE, [], whole=True).gone == 1
    file = ledger(store, FILE.path)
    assert file.status == "gone"
    assert file.error is not None
    assert file.error.startswith("it vanished from the server before it was loaded")
    assert ("broken" in file.error) == (state != "pending")


def test_what_a_part_of_a_listing_lacks_is_not_gone(store: Store) -> None:
    observe(store, FILE)
    observe(store, File("other.xml"))
    assert ledger(store, FILE.path).status == "pending"


def test_what_came_after_the_listing_began_is_not_gone(store: Store) -> None:
    observe(store, FILE)
    assert store.observe(SOURCE, [], whole=True, age=AGO).gone == 0


def test_a_loaded_file_that_vanishes_stays_loaded(store: Store) -> None:
    load(store, FILE)
    store.observe(SOURCE, [], whole=True)
    assert ledger(store, FILE.path).status == "loaded"


def test_a_loaded_file_that_changed_and_vanished_is_what_was_loaded(store: Store) -> None:
    load(store, FILE)
    observe(store, replace(FILE, modified_at=at(2)))
    store.observe(SOURCE, [], whole=True)
    file = ledger(store, FILE.path)
    assert (file.status, file.error) == (
        *("loaded", "it vanished from the server before it was loaded"),
    )


def test_a_file_that_was_gone_and_is_there_again_is_pending(store: Store) -> None:
    observe(store, FILE)
    store.observe(SOURCE, [], whole=True)
    (file,) = observe(store, FILE)
    assert (file.status, file.error, file.version) == ("pending", None, 1)


def test_a_file_that_returns_after_we_archived_it_is_a_new_version(store: Store) -> None:
    load(store, FILE)
    store.mark_removed([ledger(store, FILE.path).id])
    assert store.observe(SOURCE, [FILE.seen], whole=False).returned == 1
    new, old = store.files(source=SOURCE, path=FILE.path)
    assert [(f.version, f.is_current, f.status) for f in (new, old)] == [
        *((2, True, "pending"), (1, False, "loaded")),
    ]


def test_a_listing_from_before_we_archived_a_file_is_no_return(store: Store) -> None:
    load(store, FILE)
    store.mark_removed([ledger(store, FILE.path).id])
    assert store.observe(SOURCE, [FILE.seen], whole=False, age=AGO).returned == 0
    assert ledger(store, FILE.path).status == "loaded"


def test_a_file_that_cant_be_taken_is_unreadable_with_the_reason(store: Store) -> None:
    store.observe(SOURCE, [DENIED], whole=True)
    file = ledger(store, FILE.path)
    assert (file.status, file.error) == ("unreadable", "permission denied")


def test_an_archive_that_can_not_be_opened_yet_is_history_once_it_can(store: Store) -> None:
    for seen, status in ((NOT_WHOLE, "incomplete"), (replace(NOT_WHOLE, state="failed"), "failed")):
        store.observe(SOURCE, [seen], whole=True)
        assert ledger(store, FILE.path).status == status
    for _ in range(2):
        store.observe(SOURCE, [OPENED], whole=True)
        assert store.files() == []
    assert store.counts(SOURCE) == {}
    store.observe(SOURCE, [NOT_WHOLE], whole=True)
    assert (ledger(store, FILE.path).version, store.counts(SOURCE)) == (2, {"incomplete": 1})


def test_an_archive_that_was_loaded_as_a_file_once_stays_so(store: Store) -> None:
    load(store, FILE)
    store.observe(SOURCE, [OPENED], whole=True)
    assert ledger(store, FILE.path).status == "loaded"


def test_a_pending_file_whose_rights_are_taken_away_is_unreadable(store: Store) -> None:
    observe(store, FILE)
    store.observe(SOURCE, [DENIED], whole=True)
    assert ledger(store, FILE.path).status == "unreadable"


def test_a_file_that_can_be_taken_again_is_pending(store: Store) -> None:
    store.observe(SOURCE, [DENIED], whole=True)
    assert observe(store, FILE)[0].status == "pending"


def test_a_loaded_file_that_becomes_unreadable_stays_loaded(store: Store) -> None:
    load(store, FILE)
    store.observe(SOURCE, [DENIED], whole=True)
    assert ledger(store, FILE.path).status == "loaded"


def test_a_file_whose_end_is_missing_waits(store: Store) -> None:
    store.observe(SOURCE, [replace(FILE.seen, state="incomplete")], whole=True)
    assert ledger(store, FILE.path).status == "incomplete"
    assert store.claim(owner(), lease=LEASE, source=SOURCE) == []


def test_the_ledger_finds_a_file_by_the_key_that_python_gives_it(store: Store, url: str) -> None:
    (file,) = observe(store, File("ção, \\x e.xml"))
    assert store.files(keys=[file.key]) == [file]
    plan = "explain select from invoice_files where left(md5(source || ' ' || path), 12) = 'a'"
    assert rows(url, plan)


def test_a_listing_told_in_parts_goes_on_where_it_was_broken_off(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "PAGE", 2)
    files = {name: File(name).seen for name in ["a.xml", "b.xml", "c.xml"]}

    def tell(above: str | None) -> Iterator[str | None]:
        parts = store.observe_each(
            SOURCE, sorted(files), files.__getitem__, whole=True, age=timedelta(0), above=above
        )
        return (until for until, _ in parts)

    assert next(tell(None)) == "b.xml"
    assert store.counts() == {"pending": 2}
    assert list(tell("b.xml")) == [None]
    assert store.counts() == {"pending": 3}
