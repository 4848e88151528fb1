"""The embedded Postgres, with real processes that are really killed."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from saft_pipeline.embedded_postgres import server as pg_server
from saft_pipeline.embedded_postgres.place import server_place
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline_tests.embedded_postgres.homes import (
    Starts,
    bare,
    home,
    made,
    postmaster,
    said,
    server,
    stopped,
    user,
    value,
)
from saft_pipeline_tests.fixtures.waiting import wait_for

__all__ = ["bare", "home", "made", "server", "user"]

STARTED_AT = "select pg_postmaster_start_time()::text"


def test_new_cluster_is_utf8_and_durable(server: EmbeddedPostgres) -> None:
    url = server.url("postgres")
    shown = [value(url, f"show {name}") for name in ("server_encoding", "fsync", "data_checksums")]
    assert shown == ["UTF8", "on", "on"]


def test_no_port_is_listened_on(postgres_server: EmbeddedPostgres) -> None:
    assert value(postgres_server.url("postgres"), "show listen_addresses") == ""


def test_second_start_keeps_the_rows(home: Path) -> None:
    with EmbeddedPostgres(home) as first, psycopg.connect(first.url("kept")) as connection:
        connection.execute("create table t as select 7 as n")
    with EmbeddedPostgres(home) as second:
        assert value(second.url("kept"), "select n from t") == 7


def test_start_is_idempotent(postgres_server: EmbeddedPostgres) -> None:
    before = value(postgres_server.url("postgres"), STARTED_AT)
    postgres_server.start()
    assert value(postgres_server.url("postgres"), STARTED_AT) == before


def test_processes_that_start_at_once_share_one_server(bare: Path, user: Starts) -> None:
    urls = {said(process) for process in [user(), user(), user()]}
    assert len(urls) == 1
    assert value(urls.pop(), "select count(*) from pg_database") == 3


def test_server_runs_while_another_process_uses_it(
    home: Path, server: EmbeddedPostgres, user: Starts
) -> None:
    url = said(user())
    server.close()
    assert value(url, "select 1") == 1


def test_last_one_out_stops_the_server(home: Path, server: EmbeddedPostgres, user: Starts) -> None:
    other = user()
    said(other)
    other.communicate("")
    server.close()
    assert stopped(home)


def test_interpreter_end_counts_as_leaving(home: Path, user: Starts) -> None:
    process = user()
    said(process)
    process.communicate("")
    assert stopped(home)


def test_starter_killed_leaves_the_server_to_the_others(
    home: Path, server: EmbeddedPostgres, user: Starts
) -> None:
    server.close()
    starter = user()
    said(starter)
    server.start()
    os.killpg(starter.pid, signal.SIGKILL)
    starter.wait()
    assert value(server.url("postgres"), "select 1") == 1


def test_server_stops_after_all_users_were_killed(home: Path, user: Starts) -> None:
    process = user()
    said(process)
    process.kill()
    wait_for(lambda: stopped(home))


def test_killed_postgres_is_recovered_with_its_rows(home: Path, server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url("kept")) as connection:
        connection.execute("create table t as select 7 as n")
    os.kill(postmaster(home), signal.SIGKILL)
    assert value(server.url("kept"), "select n from t") == 7


def test_kill_of_every_process_is_recovered(home: Path, user: Starts) -> None:
    process = user()
    url = said(process)
    watcher = int(Path(f"/proc/{postmaster(home)}/stat").read_text().rsplit(") ", 1)[1].split()[1])
    for pid in (process.pid, watcher, postmaster(home)):
        os.kill(pid, signal.SIGKILL)
    with EmbeddedPostgres(home) as server:
        assert value(server.url("postgres"), "select 1") == 1
    assert url == server.url("postgres")
    server.close()


def test_stale_pid_file_naming_a_living_process_is_overcome(home: Path) -> None:
    with EmbeddedPostgres(home):
        left = (home / "postgres/data/postmaster.pid").read_text()
    with subprocess.Popen(["sleep", "60"]) as foreign:
        stale = "\n".join([str(foreign.pid), *left.split("\n")[1:]])
        (home / "postgres/data/postmaster.pid").write_text(stale)
        (home / "postgres/run/.s.PGSQL.5432.lock").write_text(stale)
        with EmbeddedPostgres(home) as server:
            assert value(server.url("postgres"), "select 1") == 1
        assert foreign.poll() is None
        foreign.kill()


def test_stop_never_signals_a_foreign_process(home: Path, server: EmbeddedPostgres) -> None:
    pid_file = home / "postgres/data/postmaster.pid"
    true = pid_file.read_text()
    with subprocess.Popen(["sleep", "60"]) as foreign:
        pid_file.write_text(true.replace(true.split("\n")[0], str(foreign.pid), 1))
        server.close()
        assert foreign.poll() is None
        foreign.kill()


def test_killed_initdb_leaves_nothing_half_made(bare: Path, user: Starts) -> None:
    process = user()
    wait_for(lambda: any(bare.glob("postgres/initdb-*/base/1")))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (bare / "postgres/data").exists()
    with EmbeddedPostgres(bare) as server:
        assert value(server.url("postgres"), "select 1") == 1
    assert not list(bare.glob("postgres/initdb-*"))


@pytest.mark.parametrize("name", ["d" * 120, "with space, comma and ã"])
def test_deep_or_odd_home_has_its_socket_elsewhere(home: Path, name: str) -> None:
    (home / name).mkdir()
    (home / "postgres").rename(home / name / "postgres")
    with EmbeddedPostgres(home / name) as server:
        assert value(server.url("postgres"), "select 1") == 1
        sockets = server_place(home / name).sockets
    assert not sockets.is_relative_to(home)
    shutil.rmtree(sockets.parent)


def test_home_removed_under_a_running_server_gives_a_new_one(
    home: Path, server: EmbeddedPostgres
) -> None:
    shutil.rmtree(home / "postgres")
    assert value(server.url("postgres"), "select 1") == 1


def test_lost_socket_folder_is_overcome(
    home: Path, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pg_server, "SOCKET_LIMIT", 1.0)
    shutil.rmtree(home / "postgres/run")
    assert value(server.url("postgres"), "select 1") == 1


def test_forked_child_does_not_stop_the_server_of_its_parent(
    home: Path, server: EmbeddedPostgres
) -> None:
    child = multiprocessing.get_context("fork").Process(target=server.close)
    child.start()
    child.join()
    assert (child.exitcode, value(server.url("postgres"), "select 1")) == (0, 1)


def test_threads_that_ask_for_one_new_database_all_get_it(
    postgres_server: EmbeddedPostgres,
) -> None:
    urls: list[str] = []
    threads = [
        threading.Thread(target=lambda: urls.append(postgres_server.url("new"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [value(url, "select current_database()") for url in urls] == ["new"] * 4


def test_url_serves_sqlalchemy_with_psycopg2(postgres_server: EmbeddedPostgres) -> None:
    url = postgres_server.url("a b/ç?").replace("postgresql://", "postgresql+psycopg2://")
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        assert connection.scalar(sqlalchemy.text("select current_database()")) == "a b/ç?"


def test_port_in_the_environment_has_no_say(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    with EmbeddedPostgres(home) as server:
        assert value(server.url("postgres"), "select 1") == 1
