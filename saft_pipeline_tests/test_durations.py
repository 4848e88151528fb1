"""A duration is told in the largest unit of which there is enough."""

from __future__ import annotations

import pytest

from saft_pipeline.durations import format_duration


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
