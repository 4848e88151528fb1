"""What a benchmark gives back: figures that compare two things measured in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


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


def in_turn(runs: int, *works: Callable[[], object]) -> list[list[float]]:
    """The times of each of several works, run in turn: A B, B A, A B, so that drift hits all."""
    times: list[list[float]] = [[] for _ in works]
    pairs = list(zip(works, times, strict=True))
    for number in range(runs):
        for work, taken in reversed(pairs) if number % 2 else pairs:
            taken.append(seconds(work))
    return times


def best_of(runs: int, *works: Callable[[], object]) -> list[float]:
    """The shortest time of each of several works, run in turn."""
    return [min(taken) for taken in in_turn(runs, *works)]


def ratio_of(times: Sequence[float], others: Sequence[float]) -> float:
    """The median of the ratios of times that were measured next to each other.

    Where a machine's speed changes from time to time, the shortest time of either says less.
    """
    return median(mine / other for mine, other in zip(times, others, strict=True))
