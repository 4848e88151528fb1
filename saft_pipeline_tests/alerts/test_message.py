"""What a message says of each kind of condition, and of many."""

from __future__ import annotations

import pytest

from saft_pipeline.alerts.message import compose
from saft_pipeline.store.alerts import Condition

DAY = 86_400


def failed(number: int, reason: str = "it is broken") -> Condition:
    return Condition(f"file {number}", "failed", f"shop/{number}.xml", reason, 0)


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (
            failed(1),
            "saft_pipeline: 1 file failed\n• shop/1.xml: it is broken",
        ),
        (
            failed(1, "shop/1.xml:3:7: UnitPrice is no number"),
            "saft_pipeline: 1 file failed\n• shop/1.xml:3:7: UnitPrice is no number",
        ),
        (
            Condition("file 1", "gone", "a.xml", "it vanished", 0),
            "saft_pipeline: 1 file vanished before it was loaded\n• a.xml: it vanished",
        ),
        (
            Condition("file 1", "unreadable", "a.xml", "no right to read it", 0),
            "saft_pipeline: 1 file can't be read\n• a.xml: no right to read it",
        ),
        (
            Condition("incomplete 1", "incomplete", "a.xml", None, 30 * 3600),
            "saft_pipeline: 1 file stays incomplete\n• a.xml for 30 h: its end is missing",
        ),
        (
            Condition("waiting", "waiting", "a.xml", "12", 3 * DAY),
            "saft_pipeline: files wait to be loaded for too long\n• a.xml for 3 d; 12 wait in all",
        ),
        (
            Condition("silent", "silent", "sftp://host:22/.", None, 4 * DAY),
            "saft_pipeline: no new files\n• nothing new in sftp://host:22/. for 4 d",
        ),
        (
            Condition("run 1", "run", "load_files_job, run 1", "out of memory", None),
            "saft_pipeline: 1 run failed\n• load_files_job, run 1: out of memory",
        ),
        (
            Condition("poll 1", "poll", "sftp://host:22/.", "wrong password", None),
            "saft_pipeline: the SFTP folder can't be polled\n• sftp://host:22/.: wrong password",
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Condition) else "",
)
def test_each_kind_has_its_words(condition: Condition, text: str) -> None:
    assert compose([condition]).text == text


def test_kinds_stand_apart_and_always_in_one_order() -> None:
    silent = Condition("silent", "silent", "here", None, 4 * DAY)
    message = compose([silent, failed(1), failed(2)])
    assert message.title == "saft_pipeline: 2 files failed, no new files"
    assert message.text.splitlines() == [
        message.title,
        "",
        "2 files failed",
        "• shop/1.xml: it is broken",
        "• shop/2.xml: it is broken",
        "",
        "no new files",
        "• nothing new in here for 4 d",
    ]


def test_of_very_many_the_rest_is_a_number_and_where_to_look() -> None:
    lines = compose([failed(number) for number in range(1234)]).text.splitlines()
    assert lines[0] == "saft_pipeline: 1,234 files failed"
    assert len(lines) == 22
    assert lines[-1] == "• and 1,214 more: saft status --state failed"


def test_a_long_reason_is_cut_and_stays_on_its_line() -> None:
    (_, line) = compose([failed(1, "so\nlong " * 100)]).text.splitlines()
    assert len(line) == 302
    assert line.startswith("• shop/1.xml: so long so long")
    assert line.endswith("…")
