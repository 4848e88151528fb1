"""A duration is told in the largest unit of which there is enough, and read within bounds."""

from __future__ import annotations

import pytest

from saft_pipeline.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (7300, "2 h"),
        (86_400, "24 h"),
        (172_800, "2 d"),
    ],
)
def test_a_duration_is_told(seconds: int, told: str) -> None:
    assert format_duration(seconds) == told


@pytest.mark.parametrize("text", ["36501d", "876001h", f"{10**30}d", f"{'9' * 5000}s"])
def test_what_lasts_for_more_than_a_hundred_years_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="36500d at most"):
        parse_duration(text)


def test_a_hundred_years_are_read() -> None:
    assert parse_duration("36500d").days == 36_500
