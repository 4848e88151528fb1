"""SAFT_HOME is its owner's alone: it holds other companies' invoices, logins and keys."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.settings import Settings

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_POSTGRES = "postgres"  # has rules of its own: root's server is another user


def make_private(home: Path) -> int:
    """Make the home if it is missing, and close it to others; how many entries were open.

    What this process and those that it starts make from now on is closed as well, whatever the
    umask was. A home that was closed before is not looked through.
    """
    os.umask(_OTHERS)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_open(home) or home.stat().st_uid not in (os.geteuid(), 0):
        return 0
    closed = sum(map(_close, _entries(home)))
    return closed + _close(home)  # last, so that one that was interrupted is looked through again


def start_history(settings: Settings) -> None:
    """Start the Postgres that Dagster's history is in, if that is the one of the home."""
    make_private(settings.home)
    if settings.dagster_instance is None and settings.dagster_db_url is None:
        EmbeddedPostgres(settings.home).start()


def _entries(home: Path) -> list[Path]:
    found = []
    for folder, folders, files in os.walk(home):
        folders[:] = [name for name in folders if name != _POSTGRES]
        found += [Path(folder, name) for name in (*folders, *files)]
    return found


def _is_open(path: Path) -> bool:
    mode = path.lstat().st_mode
    return not stat.S_ISLNK(mode) and bool(mode & _OTHERS)


def _close(path: Path) -> int:
    try:
        if not _is_open(path):
            return 0
        path.chmod(stat.S_IMODE(path.lstat().st_mode) & ~_OTHERS)
    except FileNotFoundError:  # it was temporary
        return 0
    return 1
