"""Runs that end before their files are loaded: what the ledger says of each file then."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from saft_pipeline.processes.child_logs import LogFiles
from saft_pipeline.processes.supervisor import running
from saft_pipeline.settings import load
from saft_pipeline.store.model import CANCELLED
from saft_pipeline.store.store import Store
from saft_pipeline_tests.benchmarks.soaking.processes import OF_RUNS, processes
from saft_pipeline_tests.fixtures.own_home import own_home
from saft_pipeline_tests.fixtures.project import Project, broken, one_invoice, poll_once
from saft_pipeline_tests.fixtures.sshd import Sshd, free_port
from saft_pipeline_tests.loading.test_loader import EARLY, loader_of
from saft_pipeline_tests.loading.test_servers import server_with, sessions, wait_for


def test_abandoned_files_have_failed_with_the_reason(project: Project, store: Store) -> None:
    project.put("f.xml", one_invoice("FT E/1"))
    (claim,) = poll_once(project.settings, store, turn_of=lambda _: "came").claims
    loader_of(project.settings, store, claim.owner).abandon("no more paper")
    (file,) = store.files()
    assert (file.status, file.error, file.run_id) == ("failed", "no more paper", "run-1")


def test_who_cancels_hides_no_file_s_own_reason(project: Project, store: Store) -> None:
    project.put("bad.xml", broken("FT E/1"), modified_at=EARLY)
    project.put("good.xml", one_invoice("FT E/2"), modified_at=EARLY + 1)
    settings = load({**project.env, "RUN_PER_FILE_UP_TO": "0"})
    (claim,) = poll_once(settings, store, turn_of=lambda _: "came").claims
    loader = loader_of(settings, store, claim.owner)
    loader.finish_reading(loader.read(loader.fetch(claim.files)))
    loader.give_up()
    loader.close()
    why = {f.path: f.error or "" for f in store.files(state="failed")}
    assert "UnitPrice of invoice FT E/1" in why["bad.xml"]
    assert why["good.xml"] == CANCELLED


def test_sigterm_ends_a_launched_run_whose_server_drips_and_all_its_files_come_back(
    project: Project,
    store: Store,
    quirky_sshd: tuple[Sshd, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(3):
        project.put(f"{number}.xml", b"<%d/>" % number + bytes(5_000), modified_at=EARLY)
    monkeypatch.setenv("DAGSTER_PORT", port := str(free_port()))
    # One tick, one run, and a server whose patience outlasts the test.
    often = {"POLL_INTERVAL_SECONDS": "3600", "RUN_PER_FILE_UP_TO": "0"}
    before = sessions(quirky_sshd)
    with (
        own_home() as home,
        server_with(project, quirky_sshd, "a byte of a file at a time") as quirky,
    ):
        env = {**quirky.env, **often, "SFTP_TIMEOUT_SECONDS": "300", "DAGSTER_PORT": port}
        settings = load({**env, "SAFT_HOME": str(home)})
        for name, text in {**env, "SAFT_HOME": str(home)}.items():
            monkeypatch.setenv(name, text)
        with running(settings, LogFiles(tmp_path / "logs")):
            wait_for(lambda: sessions(quirky_sshd) > before + 1)  # the look's, and the run's
            (run,) = run_processes(str(home))
            time.sleep(2)  # the first bytes come
            os.kill(run, signal.SIGTERM)
            wait_for(lambda: not run_processes(str(home)))
            wait_for(lambda: not processes(str(quirky_sshd[1])))  # the server's own end of it
            counts = store.counts(settings.sources[0].source)
    assert counts == {"pending": 3}


def run_processes(mark: str) -> list[int]:
    """The processes of runs whose environment mentions `mark`."""
    return [pid for pid, words in processes(mark).items() if OF_RUNS["run worker"] in words]
