"""A server whose quirks tests choose."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from saft_pipeline_tests.fixtures.sshd import Sshd, start_sshd


@pytest.fixture(scope="module")
def quirky_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sshd, Path]]:
    """A real sshd whose SFTP server has the quirks that a file names."""
    folder = tmp_path_factory.mktemp("quirky")
    names = folder / "quirks"
    names.touch()
    command = f"{sys.executable} -m saft_pipeline_tests.sftp.quirks {names}"
    with start_sshd(
        folder / "s", settings=[f"Subsystem sftp {command}", "LogLevel VERBOSE"]
    ) as sshd:
        yield sshd, names
