"""What the embedded Postgres refuses or can't do, and how it says so."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from saft_pipeline.embedded_postgres import server, watcher
from saft_pipeline.embedded_postgres.place import claim
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres, EmbeddedPostgresError
from saft_pipeline_tests.embedded_postgres.homes import bare, home, made

__all__ = ["bare", "home", "made"]


def test_link_in_place_of_the_socket_folder_is_refused(bare: Path) -> None:
    (bare / "postgres").mkdir()
    (bare / "postgres/run").symlink_to("/tmp")
    with pytest.raises(EmbeddedPostgresError, match="somebody else may have put it there"):
        EmbeddedPostgres(bare).start()


def test_socket_folder_open_to_others_is_refused(bare: Path) -> None:
    (bare / "run").mkdir()
    (bare / "run").chmod(0o777)
    with pytest.raises(EmbeddedPostgresError, match="mode 700"):
        claim(bare / "run", os.geteuid(), os.getegid(), 0o700)


def test_missing_wheel_is_named_with_the_cure(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", missing)
    with pytest.raises(EmbeddedPostgresError, match=r"not installed.*SUPABASE_DB_URL"):
        EmbeddedPostgres(bare).start()


def test_home_that_cannot_be_made_is_named_with_the_cure(bare: Path) -> None:
    (bare / "file").touch()
    with pytest.raises(EmbeddedPostgresError, match=r"/file'.*SUPABASE_DB_URL"):
        EmbeddedPostgres(bare / "file").start()


def test_a_cluster_of_another_major_version_is_told_with_the_way_and_nothing_starts(
    home: Path,
) -> None:
    with EmbeddedPostgres(home):
        pass
    version = home / "postgres" / "data" / "PG_VERSION"
    version.write_text("17\n")
    log = (home / "postgres" / "server.log").read_text()
    with pytest.raises(EmbeddedPostgresError, match=r"made by Postgres 17.*saft db dump.*restore"):
        EmbeddedPostgres(home).start()
    assert (home / "postgres" / "server.log").read_text() == log


def test_failing_initdb_is_quoted(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = bare / "initdb"
    broken.write_text("#!/bin/sh\necho 'error while loading shared libraries: libx.so'; exit 127\n")
    broken.chmod(0o755)
    monkeypatch.setattr(server, "binary", lambda _name: broken)
    with pytest.raises(EmbeddedPostgresError, match=r"(?s)shared libraries: libx\.so.*SUPABASE"):
        EmbeddedPostgres(bare).start()


def test_failing_server_is_quoted_from_its_log(home: Path) -> None:
    with EmbeddedPostgres(home):
        pass
    with (home / "postgres/data/postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = 1\n")
    with pytest.raises(EmbeddedPostgresError, match=r"(?s)server\.log.*no_such_setting"):
        EmbeddedPostgres(home).start()


def test_log_above_its_limit_is_moved_aside(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "LOG_LIMIT", 10)
    log = bare / "server.log"
    log.write_text("a" * 11)
    watcher.bound_log(log)
    assert (log.read_text(), (bare / "server.log.1").read_text()) == ("", "a" * 11)


def test_import_needs_no_unix() -> None:
    code = (
        "import importlib.metadata, sys\n"  # Python's own modules ask the platform, too
        "sys.platform = 'win32'; sys.modules.update(fcntl=None, pwd=None)\n"
        "import saft_pipeline.embedded_postgres.place, saft_pipeline.embedded_postgres.watcher"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
