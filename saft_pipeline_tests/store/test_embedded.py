"""The embedded Postgres, with real processes that are really killed."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import pytest
import sqlalchemy

from saft_pipeline.store import embedded_place, embedded_server, embedded_watch
from saft_pipeline.store.embedded import EmbeddedPostgres, EmbeddedPostgresError
from saft_pipeline.store.embedded_place import claim, place_of

REPOSITORY = Path(__file__).parents[2]

Process: TypeAlias = subprocess.Popen[str]
Starts: TypeAlias = Callable[..., Process]
Ordinary: TypeAlias = tuple[str, dict[str, Any]]

USER_PROCESS = """
import sys, time
from pathlib import Path
from saft_pipeline.store.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
print(server.url("postgres"), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def bare() -> Iterator[Path]:
    """A home with nothing in it yet."""
    folder = Path(tempfile.mkdtemp(prefix="saft-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="saft-"))
    folder.chmod(0o711)
    with EmbeddedPostgres(folder):
        pass
    yield folder / "postgres"
    shutil.rmtree(folder)


@pytest.fixture
def home(bare: Path, made: Path) -> Path:
    """A home with a cluster; a copy takes a tenth of the time of an initdb."""
    subprocess.run(["cp", "-a", made, bare], check=True)
    return bare


@pytest.fixture
def server(home: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(home) as running:
        yield running


@pytest.fixture
def user(bare: Path) -> Iterator[Starts]:
    """Starts other processes that use the server of the home until their stdin ends."""
    started: list[Process] = []

    def start(python: str = sys.executable, how: dict[str, Any] | None = None) -> Process:
        process = subprocess.Popen(
            [python, "-B", "-c", USER_PROCESS, str(bare)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **(how or {}),
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def said(process: Process) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def value(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def postmaster(home: Path) -> int:
    return int((home / "postgres/data/postmaster.pid").read_text().split("\n")[0])


def eventually(condition: Callable[[], bool], seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def stopped(home: Path) -> bool:
    return not embedded_server.running(place_of(home))


STARTED_AT = "select pg_postmaster_start_time()::text"


def test_new_cluster_is_utf8_and_durable(postgres_server: EmbeddedPostgres) -> None:
    url = postgres_server.url("postgres")
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
    assert eventually(lambda: stopped(home))


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
    assert eventually(lambda: any(bare.glob("postgres/initdb-*/base/1")))
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
        sockets = place_of(home / name).sockets
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
    monkeypatch.setattr(embedded_server, "SOCKET_LIMIT", 0.1)
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
    with pytest.raises(EmbeddedPostgresError, match=r"file/postgres.*SUPABASE_DB_URL"):
        EmbeddedPostgres(bare / "file").start()


def test_failing_initdb_is_quoted(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = bare / "initdb"
    broken.write_text("#!/bin/sh\necho 'error while loading shared libraries: libx.so'; exit 127\n")
    broken.chmod(0o755)
    monkeypatch.setattr(embedded_server, "binary", lambda _name: broken)
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
    monkeypatch.setattr(embedded_watch, "LOG_LIMIT", 10)
    log = bare / "server.log"
    log.write_text("a" * 11)
    embedded_watch.bound_log(log)
    assert (log.read_text(), (bare / "server.log.1").read_text()) == ("", "a" * 11)


def test_import_needs_no_unix() -> None:
    code = (
        "import sys; sys.platform = 'win32'; sys.modules.update(fcntl=None, pwd=None)\n"
        "import saft_pipeline.store.embedded_place, saft_pipeline.store.embedded_watch"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@as_root
def test_root_closes_nothing_and_opens_nothing(bare: Path) -> None:
    bare.chmod(0o700)
    with EmbeddedPostgres(bare / "below") as server:
        assert value(server.url("postgres"), "select 1") == 1
        assert Path(f"/proc/{postmaster(bare / 'below')}").stat().st_uid != 0
    assert bare.stat().st_mode & 0o777 == 0o700


@as_root
def test_root_needs_no_capability_where_the_account_may_pass(home: Path) -> None:
    with EmbeddedPostgres(home):
        status = Path(f"/proc/{postmaster(home)}/status").read_text()
    assert "CapEff:\t0000000000000000" in status


@as_root
def test_account_of_roots_server_is_no_user_of_it(home: Path, server: EmbeddedPostgres) -> None:
    place, url = place_of(home), server.url("postgres")

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
    monkeypatch.setattr(embedded_place, "_permitted_capabilities", lambda: 0)
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
