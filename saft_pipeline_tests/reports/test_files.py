"""The ledger by day, branch and state, and the files that need someone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from saft_pipeline.reports.files import files_report
from saft_pipeline.reports.report import Report
from saft_pipeline.reports.selection import Selection
from saft_pipeline.store.model import Failure
from saft_pipeline.store.reports import Reports
from saft_pipeline.store.store import Store
from saft_pipeline_tests.reports.papers import file_of, load, paper, taxed
from saft_pipeline_tests.store.building import LEASE, SOURCE, File, observe, owner

ONE = file_of(paper("FT A/1", taxed("1"), taxed("2")))


def fail(store: Store, path: str, reason: str) -> None:
    by, (known,) = owner(), observe(store, File(path))
    store.claim(by, lease=LEASE, ids=[known.id])
    store.fail(by, [Failure(known.id, reason)])


def cells(report: Report, *columns: str) -> list[tuple[object, ...]]:
    return [tuple(record[c] for c in columns) for record in report.table.records()]


def test_a_loaded_file_is_counted_with_its_rows(source: Reports, store: Store) -> None:
    load(store, ONE, "FR202Y2025_7-Gramido.xml")
    report = files_report(source, Selection())
    assert cells(report, "branch", "status", "files", "invoices", "lines", "size") == [
        ("Gramido", "loaded", 1, 1, 2, len(ONE))
    ]


def test_states_are_told_apart(source: Reports, store: Store) -> None:
    load(store, ONE)
    fail(store, "bad.xml", "broken")
    observe(store, File("new.xml"))
    report = files_report(source, Selection())
    assert cells(report, "status", "files") == [("failed", 1), ("loaded", 1), ("pending", 1)]


def test_a_failed_file_is_named_once_with_its_reason(source: Reports, store: Store) -> None:
    fail(store, "bad.xml", "bad.xml:3:1: broken")
    (record,) = files_report(source, Selection()).tables[0].records()
    assert (record["path"], record["error"]) == ("bad.xml", "3:1: broken")


def test_a_file_that_only_waits_needs_nobody(source: Reports, store: Store) -> None:
    observe(store, File("new.xml"))
    report = files_report(source, Selection())
    assert (len(report.tables), report.is_well) == (1, True)


def test_the_verdict_counts_what_is_not_loaded(source: Reports, store: Store) -> None:
    load(store, ONE)
    fail(store, "bad.xml", "broken")
    assert files_report(source, Selection()).verdict == "Not loaded: 1 failed."


def test_all_loaded_is_said(source: Reports, store: Store) -> None:
    load(store, ONE)
    assert files_report(source, Selection()).verdict == "Every file is loaded."


def test_only_the_newest_version_of_a_file_counts(source: Reports, store: Store) -> None:
    load(store, ONE)
    load(store, file_of(paper("FT A/1", taxed("1"))))
    assert cells(files_report(source, Selection()), "files", "lines") == [(1, 1)]


def test_the_day_is_that_on_which_the_file_was_first_seen(source: Reports, store: Store) -> None:
    (known,) = observe(store, File("new.xml"))
    assert cells(files_report(source, Selection()), "day") == [(str(known.first_seen_at.date()),)]


def test_days_outside_the_selection_are_left_out(source: Reports, store: Store) -> None:
    observe(store, File("new.xml"))
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    assert files_report(source, Selection(start_date=tomorrow)).is_empty
    assert files_report(source, Selection(end_date=date(2025, 1, 1))).is_empty


def test_both_days_of_the_selection_are_included(source: Reports, store: Store) -> None:
    (known,) = observe(store, File("new.xml"))
    day = known.first_seen_at.date()
    assert store.files(source=SOURCE, path="new.xml")
    assert not files_report(source, Selection(start_date=day, end_date=day)).is_empty
