"""Times of files that move by themselves, or that listing and look tell differently."""

import itertools
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from saft_pipeline.sftp import client
from saft_pipeline_tests.sftp.quirks import server as server_module
from saft_pipeline_tests.sftp.quirks.connecting import quirky
from saft_pipeline_tests.sftp.test_quirks import all_of, hashes, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Ten files that were all written just now."""
    root, now = tmp_path / "in", time.time()
    for number in range(10):
        write(root / f"{number}.xml", b"<a/>" * number)
        os.utime(root / f"{number}.xml", (now, now))
    return root


def test_times_that_move_by_themselves_are_the_same_at_each_look(
    root: Path, spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, clock = hashes(root), itertools.count(time.time() - 60, 0.4)
    monkeypatch.setattr(server_module, "time", SimpleNamespace(time=lambda: next(clock)))
    with quirky(monkeypatch, "times are now") as (sftp, _):
        assert {file.modified_at for file in sftp.list(str(root)).files} == {0}
        assert any("the time of each look" in saying for saying in sftp.quirks.sayings)
        assert all_of(sftp, root, spill) == expected


def test_files_that_were_just_written_together_keep_their_times_and_nobody_waits(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = {int(path.stat().st_mtime) for path in root.iterdir()}
    monkeypatch.setattr(client, "time", SimpleNamespace(sleep=pytest.fail))
    with quirky(monkeypatch) as (sftp, _):
        assert {file.modified_at for file in sftp.list(str(root)).files} == now


def test_times_that_listing_and_look_tell_differently_do_not_move(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = {int(path.stat().st_mtime) - 60 for path in root.iterdir()}
    with quirky(monkeypatch, "listing a minute behind") as (sftp, _):
        assert {file.modified_at for file in sftp.list(str(root)).files} == listed
        assert sftp.quirks.times
