"""Trying again, and where it is told."""

from __future__ import annotations

import logging

import pytest

from saft_pipeline.retries import tries


class PassingError(Exception):
    """A fault that passes."""


def fail_once() -> list[int]:
    """How often a block was run that fails the first time."""
    runs: list[int] = []
    for attempt in tries(PassingError, attempts=3, wait_max=0.01):
        with attempt:
            runs.append(attempt.num)
            if len(runs) == 1:
                raise PassingError("no answer")
    return runs


def fail_twice() -> None:
    """A block that fails as often as it may be tried."""
    for attempt in tries(PassingError, attempts=2, wait_max=0.01):
        with attempt:
            raise PassingError(("the first time", "the second time")[attempt.num - 1])


def test_what_failed_is_tried_again() -> None:
    assert fail_once() == [1, 2]


def test_a_retry_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        fail_once()
    assert "no answer; try 2 in" in caplog.text


def test_nothing_is_said_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    fail_once()
    assert capsys.readouterr().out == ""


def test_the_error_of_the_last_attempt_is_raised() -> None:
    with pytest.raises(PassingError, match="the second time"):
        fail_twice()
