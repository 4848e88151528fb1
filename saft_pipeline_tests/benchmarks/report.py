"""What a benchmark gives back: figures that compare two things measured in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """One figure: `value` is a ratio unless `unit` says otherwise; `wanted` is the least (or most).

    `most` turns the goal round: the value is to stay at or under `wanted`.
    """

    name: str
    value: float
    wanted: float | None = None
    unit: str = "x"
    most: bool = False
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the goal is reached; without a goal it always is."""
        if self.wanted is None:
            return True
        return self.value <= self.wanted if self.most else self.value >= self.wanted


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def best_of(runs: int, *works: Callable[[], object]) -> list[float]:
    """The shortest time of each of several works, run in turn: A B A B, so that drift hits all."""
    times = [[seconds(work) for work in works] for _ in range(runs)]
    return [min(column) for column in zip(*times, strict=True)]
