"""Whose the server and the folders of the embedded Postgres are: root's, nobody's, one's own."""

import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import pytest

from saft_pipeline.embedded_postgres import place
from saft_pipeline.embedded_postgres.place import claim, server_place
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres, EmbeddedPostgresError
from saft_pipeline_tests.embedded_postgres.homes import (
    Starts,
    bare,
    home,
    made,
    postmaster,
    said,
    server,
    user,
    value,
)

__all__ = ["bare", "home", "made", "server", "user"]

REPOSITORY = Path(__file__).parents[2]

Ordinary: TypeAlias = tuple[str, dict[str, Any]]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@as_root
def test_root_closes_nothing_and_opens_nothing(bare: Path) -> None:
    bare.chmod(0o700)
    with EmbeddedPostgres(bare / "below") as server:
        assert value(server.url("postgres"), "select 1") == 1
        assert Path(f"/proc/{postmaster(bare / 'below')}").stat().st_uid != 0
    assert bare.stat().st_mode & 0o777 == 0o700


@as_root
def test_a_home_that_is_closed_while_its_server_runs_stays_served(home: Path) -> None:
    home.chmod(0o755)
    with EmbeddedPostgres(home) as server:
        home.chmod(0o700)
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("create table changed ()")
            connection.execute("checkpoint")
        assert value(server.url("postgres"), "select 1") == 1


@as_root
def test_account_of_roots_server_is_no_user_of_it(home: Path, server: EmbeddedPostgres) -> None:
    place, url = server_place(home), server.url("postgres")

    def connect() -> None:
        os.setgid(place.gid)
        os.setuid(place.uid)
        psycopg.connect(url)

    child = multiprocessing.get_context("fork").Process(target=connect)
    child.start()
    child.join()
    assert child.exitcode == 1


@as_root
def test_missing_capability_is_named_with_the_cure(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare.chmod(0o700)
    monkeypatch.setattr(place, "_permitted_capabilities", lambda: 0)
    with pytest.raises(EmbeddedPostgresError, match=r"can't get to .* ordinary user"):
        EmbeddedPostgres(bare).start()


@as_root
def test_folder_of_another_user_is_refused(bare: Path) -> None:
    (bare / "run").mkdir(mode=0o700)
    os.chown(bare / "run", 12345, 12345)
    with pytest.raises(EmbeddedPostgresError, match="uid 12345"):
        claim(bare / "run", 0, 0, 0o700)


@pytest.fixture
def ordinary(bare: Path) -> Ordinary:
    """Command and settings to run Python as `nobody`, who gets to no folder of root's."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = [path for path in (sys.executable, f"/usr/bin/{version}") if public(Path(path))]
    packages = [path for path in sys.path if "site-packages" in path and public(Path(path))]
    if not found or not packages or not public(REPOSITORY):
        pytest.skip(f"nobody can't get to {version}, its packages and {REPOSITORY}")
    os.chown(bare, 65534, 65534)
    environment = {"PYTHONPATH": ":".join([str(REPOSITORY), *packages]), "HOME": "/nonexistent"}
    how = {"user": 65534, "group": 65534, "extra_groups": [], "env": environment, "cwd": "/"}
    return found[0], how


def public(path: Path) -> bool:
    return path.exists() and all(
        step.stat().st_mode & 0o1 for step in (path.resolve(), *path.resolve().parents)
    )


@as_root
def test_ordinary_user_runs_the_server_as_himself(
    bare: Path,
    user: Starts,
    ordinary: Ordinary,
) -> None:
    url = said(user(*ordinary))
    assert value(url, "select 1") == 1
    assert Path(f"/proc/{postmaster(bare)}").stat().st_uid == 65534


@as_root
def test_home_of_an_ordinary_user_stays_his_after_root_used_it(
    bare: Path,
    user: Starts,
    ordinary: Ordinary,
) -> None:
    (bare / "postgres").mkdir(mode=0o700)
    os.chown(bare / "postgres", 65534, 65534)
    with EmbeddedPostgres(bare):
        url = said(user(*ordinary))
    assert value(url, "select 1") == 1


@as_root
def test_home_of_root_is_refused_to_an_ordinary_user(
    home: Path,
    server: EmbeddedPostgres,
    user: Starts,
    ordinary: Ordinary,
) -> None:
    process = user(*ordinary)
    assert "belongs to uid 0, and this is uid 65534" in process.communicate("")[1]
