"""The processes of `saft up`, started and stopped together, and the ports that they need."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from saft_pipeline.embedded_postgres.place import server_place
from saft_pipeline.embedded_postgres.server import answers
from saft_pipeline.processes import supervisor as module
from saft_pipeline.processes.child_logs import LogFiles
from saft_pipeline.processes.supervisor import ChildDiedError, Stop, Supervisor, free_port, is_free
from saft_pipeline.settings import load
from saft_pipeline.store.store import Store
from saft_pipeline_tests.embedded_postgres.homes import postmaster, stopped
from saft_pipeline_tests.fixtures import sshd
from saft_pipeline_tests.fixtures.own_home import own_home
from saft_pipeline_tests.fixtures.project import Project, one_invoice
from saft_pipeline_tests.fixtures.waiting import wait_for


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_somebody_listens_on_is_not_free(taken: int) -> None:
    assert not is_free(taken)


def test_a_port_that_nobody_listens_on_is_free() -> None:
    assert is_free(sshd.free_port())


def test_the_next_port_takes_the_place_of_one_that_is_taken(taken: int) -> None:
    assert free_port(taken) > taken


def test_a_free_port_is_taken_as_it_is() -> None:
    port = sshd.free_port()
    assert free_port(port) == port


def test_no_free_port_is_told_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saft_pipeline.processes.supervisor.is_free", lambda _port: False)
    with pytest.raises(ChildDiedError, match="no free port from 3000 to 3099; set DAGSTER_PORT"):
        free_port(3000)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_to_stop(number: signal.Signals) -> None:
    with Stop() as stop:
        assert not stop.asked
        os.kill(os.getpid(), number)
        assert stop.asked


def test_signals_mean_what_they_meant_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Stop():
        pass
    assert signal.getsignal(signal.SIGTERM) == before


def processes_with(text: str) -> list[int]:
    """Processes whose command line or environment mentions something."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if text.encode() in words and entry.name != str(os.getpid()):
                found.append(int(entry.name))
    return found


def command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.fixture
def history_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A SAFT_HOME whose queue of runs holds nothing of other tests."""
    with own_home() as home:
        monkeypatch.setenv("SAFT_HOME", str(home))
        yield str(home)


@pytest.fixture
def supervisor(project: Project, history_of_its_own: str, tmp_path: Path) -> Iterator[Supervisor]:
    """One that has not started anything."""
    settings = load({**project.env, "SAFT_HOME": history_of_its_own})
    supervisor = Supervisor(settings, LogFiles(tmp_path / "logs"))
    yield supervisor
    supervisor.stop()


def test_a_killed_postgres_is_started_again(
    supervisor: Supervisor, history_of_its_own: str
) -> None:
    home = Path(history_of_its_own)
    os.kill(postmaster(home), signal.SIGKILL)
    wait_for(lambda: stopped(home))
    assert list(supervisor.mend()) == ["the embedded Postgres did not answer; started again"]
    assert answers(server_place(home))


def test_a_child_that_is_killed_while_others_start_is_started_again(
    supervisor: Supervisor,
) -> None:
    supervisor._keep("daemon", ["sleep", "60"])
    (child,) = supervisor._children
    first = child.process
    assert first
    first.kill()
    first.wait()
    supervisor._wait(lambda: child.process is not first)
    assert child.status is None


def test_a_postgres_that_nothing_uses_is_not_started(project: Project, tmp_path: Path) -> None:
    elsewhere = {
        "DAGSTER_DB_URL": "postgresql://nobody@127.0.0.1:1/dagster",
        "SAFT_HOME": str(tmp_path / "home"),
    }
    supervisor = Supervisor(load({**project.env, **elsewhere}), LogFiles(tmp_path / "logs"))
    told = list(supervisor.mend())
    supervisor.stop()
    assert (told, (tmp_path / "home/postgres").exists()) == ([], False)


def test_what_a_dead_child_left_is_forgotten_once_it_is_gone(supervisor: Supervisor) -> None:
    """Its process id may be another's by the time that we stop."""
    supervisor._keep("short", [sys.executable, "-c", ""])
    (child,) = supervisor._children
    assert child.process
    child.process.wait()
    told = [line for _ in range(2) for line in supervisor.mend()]
    assert "short ended with status 0; starting it again in 1 s" in told
    assert supervisor._ended == []


def test_a_dropped_file_is_loaded_by_itself_and_nothing_is_left_running(
    project: Project,
    store: Store,
    history_of_its_own: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of it in one test: starting Dagster's processes is what costs."""
    monkeypatch.setenv("POLL_INTERVAL_SECONDS", "1")
    # The environment stands above it in every process, though Dagster would have it otherwise.
    Path(".env").write_text(f"SFTP_PORT=9\nSAFT_HOME={tmp_path}/x\nDAGSTER_HOME={tmp_path}/y\n")
    monkeypatch.setenv("SAFT_TEST_MARK", mark := f"mark-{os.getpid()}-{time.time_ns()}")
    monkeypatch.setenv("DAGSTER_PORT", port := str(sshd.free_port()))
    settings = load({**project.env, "SAFT_HOME": history_of_its_own, "DAGSTER_PORT": port})
    supervisor = Supervisor(settings, LogFiles(tmp_path / "logs"))
    try:
        supervisor.start()
        project.put("f.xml", one_invoice("FT J/1"))
        wait_for(lambda: store.counts().get("loaded") == 1)
        supervisor.check()
        # Runs are forked from a process that no other thread of it could leave in disorder.
        forked_from = min(pid for pid in processes_with(mark) if b"forkserver" in command(pid))
        assert len(list(Path(f"/proc/{forked_from}/task").iterdir())) == 1
        daemon = next(child for child in supervisor._children if child.name == "daemon")
        assert daemon.process
        daemon.process.kill()
        daemon.process.wait()
        with pytest.raises(ChildDiedError, match=r"daemon ended with status -9; see .*/logs"):
            supervisor.check()
        assert list(supervisor.mend()) == ["daemon ended with status -9; starting it again in 1 s"]
    finally:
        supervisor.stop()
    assert processes_with(mark) == []


def test_a_code_server_that_runs_and_never_answers_is_ended_to_be_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "is_serving", lambda _: False)
    url = "postgresql://u:p@127.0.0.1:9/"
    env = {"SAFT_HOME": str(tmp_path), "SUPABASE_DB_URL": f"{url}a", "DAGSTER_DB_URL": f"{url}b"}
    supervisor = module.Supervisor(load(env), LogFiles(tmp_path / "logs"))
    process = subprocess.Popen(["sleep", "60"])
    supervisor._children.append(module.Child("code-server", ["sleep", "60"], process))
    said = [line for n in range(1, 4) for line in supervisor._mend_code_server(1e9 + 100.0 * n)]
    assert len(said) == 1
    assert process.wait(60) == -signal.SIGKILL
