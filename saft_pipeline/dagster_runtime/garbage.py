"""Garbage: Python's search for it, kept away from what is never garbage, and what becomes of it.

Dagster and what it imports are half a million objects, which live as long as the process. Looking
through them takes a fifth of the time of importing them, and as long again at the end.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Of glibc's malloc.h.
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
_LARGE = 128 * 1024  # bytes, as glibc begins with
_ARENAS = 2


def hand_back_freed_memory() -> None:
    """Keep this process, and none that it starts, from holding on to memory that it has freed.

    Left alone, glibc gives each thread a heap of its own, and puts buffers of a megabyte there as
    soon as it has freed one: after 9,000 files two thirds of its heaps were free. Call it before
    there are threads. Elsewhere than on glibc it does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_ARENA_MAX, _ARENAS)


@contextmanager
def gc_frozen() -> Iterator[None]:
    """What is made in the block is kept for good: no search meanwhile, and none of it later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
