"""The folder that large files lie in until they are loaded."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

_LEFT_AFTER = 24 * 3600.0  # seconds; no file is on its way for so long


def spill_folder(home: Path) -> Path:
    """The folder, which is made; what processes that were killed have left in it is removed."""
    folder = home / "spill"
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        with suppress(OSError):
            if time.time() - file.stat().st_mtime > _LEFT_AFTER:
                file.unlink()
    return folder
