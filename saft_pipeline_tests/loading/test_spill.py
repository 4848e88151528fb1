"""The folder of large files: made where it is missing, rid of what killed processes have left.

What is poured into it is there whole or not at all.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
from pathlib import Path

import pytest

from saft_pipeline.loading.spill import poured, spill_folder
from saft_pipeline.sftp.pieces import IN_MEMORY
from saft_pipeline_tests.fixtures.full_disk import room_for


def test_what_a_process_that_was_killed_has_left_is_removed_after_a_day(tmp_path: Path) -> None:
    folder = spill_folder(tmp_path)
    for name, hours in (("left", 25), ("on its way", 23)):
        (folder / name).write_bytes(b"<a/>")
        os.utime(folder / name, (time.time() - hours * 3600,) * 2)
    assert [file.name for file in spill_folder(tmp_path).iterdir()] == ["on its way"]


@pytest.mark.parametrize("size", [0, IN_MEMORY - 1, IN_MEMORY, 3 * IN_MEMORY + 1])
def test_bytes_come_with_their_hash_those_of_a_large_file_in_the_folder(
    tmp_path: Path, size: int
) -> None:
    data = os.urandom(size)
    content, sha256 = poured(io.BytesIO(data), tmp_path)
    assert sha256 == hashlib.sha256(data).hexdigest()
    assert (content if isinstance(content, bytes) else content.read_bytes()) == data
    assert isinstance(content, Path) == (size >= IN_MEMORY)


def test_of_what_a_full_disk_does_not_hold_nothing_stays(tmp_path: Path) -> None:
    with pytest.raises(OSError), room_for(IN_MEMORY):  # noqa: PT011 - what it says is Linux' affair
        poured(io.BytesIO(bytes(IN_MEMORY + 1)), tmp_path)
    assert not list(tmp_path.iterdir())


def test_of_what_is_judged_too_large_nothing_stays(tmp_path: Path) -> None:
    def judge(total: int) -> None:
        if total > IN_MEMORY:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        poured(io.BytesIO(bytes(IN_MEMORY + 1)), tmp_path, judge)
    assert not list(tmp_path.iterdir())
