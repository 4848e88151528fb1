"""Work in stages that go on at the same time, each in a thread of its own, over items in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

AHEAD = 4
"""Most items on their way at once: so much is held in memory."""


def in_stages(
    items: Iterable[Any],
    first: Callable[[Any], Any],
    *rest: Callable[[Any], Any],
    at_signal: Callable[[], object] = lambda: None,
) -> None:
    """Take each item through all stages, `first` in this thread, each with what the last one made.

    What fails in a stage ends the work: items behind it come no further, those before it go on to
    the end. A signal lets only the last stage go on; `at_signal` ends what the others wait for.
    Raises the first error.
    """
    line = _Line(rest)
    with ExitStack() as ends:
        for pool in reversed(line.pools):
            ends.enter_context(pool)
        try:
            for item in items:
                line.room.acquire()
                if line.errors:
                    break
                line.go_on(first(item))
            else:
                line.wait()
        except BaseException as error:
            if not isinstance(error, Exception):
                line.broken.update(range(len(rest) - 1))
                at_signal()
            raise
    if line.errors:
        raise line.errors[0]


class _Line:
    """Stages after the first, the items between them, and what went wrong."""

    def __init__(self, stages: tuple[Callable[[Any], Any], ...]) -> None:
        self.pools = [ThreadPoolExecutor(1, f"stage-{n}") for n in range(2, len(stages) + 2)]
        self.room = threading.Semaphore(AHEAD)
        self.errors: list[BaseException] = []
        self.broken: set[int] = set()
        self._stages = stages

    def go_on(self, item: Any, stage: int = 0) -> None:
        """Hand an item to a stage, or let it go after the last."""
        if stage < len(self._stages):
            self.pools[stage].submit(self._step, item, stage)
        else:
            self.room.release()

    def _step(self, item: Any, stage: int) -> None:
        if stage in self.broken:
            self.room.release()
            return
        try:
            made = self._stages[stage](item)
        except BaseException as error:
            self.errors.append(error)
            self.broken.add(stage)
            self.room.release()
        else:
            self.go_on(made, stage + 1)

    def wait(self) -> None:
        """Until no item is on its way."""
        for _ in range(AHEAD):
            self.room.acquire()
