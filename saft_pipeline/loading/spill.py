"""The folder that large files lie in until they are loaded, and what is poured into it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

from saft_pipeline.sftp.pieces import IN_MEMORY

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


def poured(
    stream: BinaryIO, spill: Path, judge: Callable[[int], None] = lambda _: None
) -> tuple[bytes | Path, str]:
    """The bytes of a stream, those of a large one in a file in `spill`, and their SHA-256 (hex).

    `judge` is told how many came so far, and may raise. A file that isn't whole is removed.
    """
    head = stream.read(IN_MEMORY)
    digest, total = hashlib.sha256(head), len(head)
    judge(total)
    if total < IN_MEMORY:
        return head, digest.hexdigest()
    copy = NamedTemporaryFile(dir=spill, prefix="poured-", delete=False)  # noqa: SIM115
    try:
        with copy:
            while head:
                copy.write(head)
                head = stream.read(IN_MEMORY)
                digest.update(head)
                total += len(head)
                judge(total)
    except BaseException:
        Path(copy.name).unlink(missing_ok=True)
        raise
    return Path(copy.name), digest.hexdigest()
