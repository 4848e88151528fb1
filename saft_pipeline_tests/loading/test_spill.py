"""The folder of large files: made where it is missing, rid of what killed processes have left."""

from __future__ import annotations

import os
import time
from pathlib import Path

from saft_pipeline.loading.spill import spill_folder


def test_what_a_process_that_was_killed_has_left_is_removed_after_a_day(tmp_path: Path) -> None:
    folder = spill_folder(tmp_path)
    for name, hours in (("left", 25), ("on its way", 23)):
        (folder / name).write_bytes(b"<a/>")
        os.utime(folder / name, (time.time() - hours * 3600,) * 2)
    assert [file.name for file in spill_folder(tmp_path).iterdir()] == ["on its way"]
