"""What is made while a program is loaded is never garbage; what is freed goes back."""

from __future__ import annotations

import gc
import platform
import subprocess
import sys

import pytest

from saft_pipeline.dagster_runtime.garbage import gc_frozen


def test_what_was_made_in_the_block_is_kept_for_good() -> None:
    before = gc.get_freeze_count()
    try:
        with gc_frozen():
            cycle: list[object] = []
            cycle.append(cycle)
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()


def test_garbage_is_looked_for_again_after_the_block() -> None:
    try:
        with gc_frozen():
            assert not gc.isenabled()
        assert gc.isenabled()
    finally:
        gc.unfreeze()


_HELD = """
import ctypes, sys
from saft_pipeline.dagster_runtime.garbage import hand_back_freed_memory

class Heaps(ctypes.Structure):  # of mallinfo2(3)
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Heaps
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
if sys.argv[1] == "told":
    hand_back_freed_memory()
before = libc.mallinfo2().hblks
libc.free(libc.malloc(1_000_000))
kept = [libc.malloc(900_000) for _ in range(8)]
print(libc.mallinfo2().hblks - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's own")
@pytest.mark.parametrize("told", [True, False])
def test_large_buffers_are_in_no_heap_though_one_was_freed(told: bool) -> None:
    command = [sys.executable, "-c", _HELD, "told" if told else "untold"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) == (8 if told else 0)
