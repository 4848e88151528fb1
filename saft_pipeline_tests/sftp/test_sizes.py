"""Sizes that a server gives wrongly, where nothing else tells a file's end."""

import hashlib
import os
from pathlib import Path

import pytest

from saft_pipeline.sftp.client import Fetched, Quirks, RemoteFile
from saft_pipeline_tests.sftp.quirks.connecting import quirky
from saft_pipeline_tests.sftp.test_quirks import LARGE, TIME, write


@pytest.mark.parametrize("listed", [True, False])
def test_an_open_file_that_is_said_to_be_empty_is_asked_for_by_its_path(
    listed: bool, tmp_path: Path, spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else would tell where no read over the end may be sent; of a zip no size is known."""
    known = Quirks(reads_past_end=False)
    write(tmp_path / "large.xml", content := os.urandom(LARGE))
    with quirky(monkeypatch, "fstat says zero", "silent over the end", quirks=known) as (sftp, _):
        asked = RemoteFile(b"large.xml", LARGE if listed else 0, TIME)
        (came,) = sftp.fetch(str(tmp_path), [asked], spill)
        assert isinstance(came, Fetched)
        assert came.sha256 == hashlib.sha256(content).hexdigest()
        assert not sftp.quirks.fstat
    empty = RemoteFile(b"empty.xml", 0, TIME)
    write(tmp_path / "empty.xml", b"")
    with quirky(monkeypatch) as (sftp, _):
        (came,) = sftp.fetch(str(tmp_path), [empty], spill)
        assert came == Fetched(empty, hashlib.sha256().hexdigest(), b"")
        assert sftp.quirks == Quirks()
