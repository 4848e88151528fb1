"""SAFT_HOME is closed to others, whatever the umask was."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from saft_pipeline.dagster_runtime.home import make_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_new_home_and_what_is_made_in_it_are_the_owners_alone(tmp_path: Path) -> None:
    os.umask(0)
    home = tmp_path / "home"
    assert make_private(home) == 0
    (home / "artifacts").mkdir()
    (home / "artifacts" / "a.gz").touch()
    assert [mode(p) for p in (home, *sorted(home.rglob("*")))] == [0o700, 0o700, 0o600]


def test_an_older_home_is_closed_with_all_that_is_in_it(tmp_path: Path) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    (home / "artifacts").mkdir(parents=True)
    (home / "artifacts" / "a.gz").touch()
    outside.touch()
    (home / "link").symlink_to(outside)
    assert make_private(home) == 3
    assert [mode(home), mode(home / "artifacts" / "a.gz")] == [0o700, 0o600]
    assert mode(outside) == 0o644


def test_the_server_of_a_root_still_gets_to_its_cluster(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres").chmod(0o711)
    make_private(tmp_path)
    assert mode(tmp_path / "postgres") == 0o711
