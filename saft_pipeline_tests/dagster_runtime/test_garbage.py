"""What is made while a program is loaded is never looked through for garbage."""

from __future__ import annotations

import gc

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
