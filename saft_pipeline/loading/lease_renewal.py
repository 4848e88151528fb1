"""Keeping a run's claim alive while the run works."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def lease_renewed(renew: Callable[[], object], every: float) -> Iterator[None]:
    """Call `renew` now and each `every` seconds until the block ends, on a thread of its own.

    A renewal that fails is tried at the next beat: publishing checks the lease itself.
    """
    done = threading.Event()
    renew()
    thread = threading.Thread(target=_beat, args=(renew, every, done), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _beat(renew: Callable[[], object], every: float, done: threading.Event) -> None:
    while not done.wait(every):
        try:
            renew()
        except Exception:  # noqa: S112 - the next beat tries again; publishing is fenced
            continue
