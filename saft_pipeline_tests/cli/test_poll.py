"""`saft poll`: the figures that it prints, what it waits for, and how it gives up."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import timedelta
from typing import Any

import pytest

from saft_pipeline.cli.output import say
from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.loading import looks
from saft_pipeline.loading.ahead import Ahead, Begun
from saft_pipeline.sftp.client import Listing, RemoteFiles, Sftp
from saft_pipeline.sftp.errors import FileStays, PermanentSftpError
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import (
    Command,
    Project,
    broken,
    half,
    one_invoice,
    poll_once,
)
from saft_pipeline_tests.fixtures.sshd import free_port
from saft_pipeline_tests.fixtures.waiting import wait_for


def drop(project: Project, count: int) -> None:
    """So many good files."""
    for number in range(count):
        project.put(f"{number}.xml", one_invoice(f"FT I/{number}"))


def test_figures_and_status_are_those_of_the_contract(project: Project, saft: Command) -> None:
    drop(project, 2)
    project.put("broken.xml", broken("FT I/3"))
    project.put("half.xml", half("FT I/4"))
    done = saft("poll", "--json")
    found = done.json
    assert (done.status, isinstance(found.pop("seconds"), float)) == (1, True)
    assert found == {"listed": 4, "loaded": 2, "failed": 1, "pending": 0, "incomplete": 1}


@pytest.mark.parametrize("way", ["poll", "ingest"])
def test_two_product_codes_in_a_product_keep_no_file_out(
    project: Project, store: Store, saft: Command, way: str
) -> None:
    kind = "<ProductType>P</ProductType>"
    text = one_invoice("FT I/1").replace(kind, f"{kind}<ProductCode>P0</ProductCode>")
    path = project.put("two.xml", text)
    done = saft("poll") if way == "poll" else saft("ingest", path)
    assert (done.status, text.count("<ProductCode>P0")) == (0, 1)
    assert [(f.status, f.total_lines) for f in store.files()] == [("loaded", 1)]


def test_one_poll_takes_one_batch_and_draining_all_whatever_the_batch(
    project: Project, saft: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_FILES_PER_BATCH", "2")
    drop(project, 5)
    found = [saft("poll", "--json").json, saft("poll", "--drain", "--json").json]
    assert [(each["loaded"], each["pending"]) for each in found] == [(2, 3), (3, 0)]


def test_what_stays_on_the_server_is_said_at_once(
    project: Project, saft: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTER_LOAD", "archive")
    monkeypatch.setattr(
        Sftp,
        "archive_all",
        lambda *args, **_: ((loaded.file, FileStays("read-only")) for loaded in args[2]),
    )
    drop(project, 1)
    assert "1 loaded files stay on the server" in saft("poll").err


def test_draining_goes_on_until_nothing_is_pending(
    project: Project, saft: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saft_pipeline.loading.taking._MOST_A_TICK", 1)
    drop(project, 3)
    assert saft("poll", "--drain", "--json").json["loaded"] == 3


def test_a_poll_lists_a_folder_once(
    project: Project, saft: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed, lists = [], Sftp.list

    def noted(*args: Any, **more: Any) -> Listing:
        listed.append(args)
        return lists(*args, **more)

    monkeypatch.setattr(Sftp, "list", noted)
    drop(project, 1)
    assert (saft("poll", "--json").json["loaded"], len(listed)) == (1, 1)


def test_runs_of_a_tick_and_those_that_follow_are_begun_ahead_and_all_is_loaded_once(
    project: Project, saft: Command, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_FILES_PER_RUN", "60")
    taken: list[int] = []

    class Watched(Ahead):
        def take(self, owner: str, run_id: str) -> Begun | None:
            begun = super().take(owner, run_id)
            taken.append(len(begun.read) + len(begun.fetched) if begun else 0)
            return begun

    monkeypatch.setattr("saft_pipeline.defs.resources.Ahead", Watched)
    drop(project, 130)
    done = saft("poll", "--drain", "--json")
    assert (done.json["loaded"], done.json["failed"], done.json["pending"]) == (130, 0, 0)
    assert {(f.attempts, f.total_invoices) for f in store.files()} == {(1, 1)}
    assert all(taken)


def test_draining_waits_for_what_another_has_claimed(
    project: Project, saft: Command, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(project, 1)
    claim_for_another(project, store)

    def let_go(sentence: str) -> None:
        say(sentence)
        if "waiting for it" in sentence:
            store.release("another")

    monkeypatch.setattr("saft_pipeline.cli.poll.say", let_go)
    done = saft("poll", "--drain")
    assert "1 files are with another run; waiting for it" in done.err
    assert "1 loaded" in done.err


def claim_for_another(project: Project, store: Store) -> None:
    """Have another claim the only file."""
    (claim,) = poll_once(project.settings, store, turn_of=lambda _: "came").claims
    store.hand_over(claim.owner, {"another": [f.id for f in claim.files]}, timedelta(minutes=2))


def test_all_well_is_status_0_and_it_counts_what_it_did_itself(
    project: Project, saft: Command
) -> None:
    drop(project, 2)
    assert saft("poll").status == 0
    found = saft("poll", "--json").json
    assert (found["listed"], found["loaded"]) == (2, 0)


def test_an_incomplete_file_is_no_failure(project: Project, saft: Command) -> None:
    project.put("half.xml", half("FT I/1"))
    assert saft("poll").status == 0


def test_words_go_to_stderr_only(project: Project, saft: Command) -> None:
    done = saft("poll")
    assert (done.out, done.err.startswith("0 listed, 0 loaded, 0 failed")) == ("", True)


def test_missing_settings_are_all_named(
    project: Project, saft: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SFTP_HOST", "SFTP_USERNAME", "SFTP_PRIVATE_KEY_PATH"):
        monkeypatch.delenv(name)
    done = saft("poll")
    assert done.status == 2
    assert all(f"{name}: missing" in done.err for name in ("SFTP_HOST", "SFTP_USERNAME"))
    assert "SFTP_PASSWORD or SFTP_PRIVATE_KEY_PATH: missing" in done.err


STAYING = [
    ({"SFTP_REMOTE_DIR": "/no/such/folder"}, "the folder /no/such/folder can't be listed: "),
    ({"SFTP_PRIVATE_KEY_PATH": "/no/such/key"}, "the private key /no/such/key can't be used: "),
    ({"SFTP_PASSWORD": "wrong", "SFTP_PRIVATE_KEY_PATH": ""}, "127.0.0.1:"),
]


@pytest.mark.parametrize(("settings", "sentence"), STAYING, ids=["folder", "key", "password"])
def test_a_fault_that_stays_is_told_in_a_sentence(
    project: Project,
    saft: Command,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    settings: dict[str, str],
    sentence: str,
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    done = saft("poll")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(sentence)
    assert "Traceback" not in done.err
    assert len(done.err.splitlines()) == 1
    # Where nobody set up logging, as in a process of its own, Python prints these.
    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == []


@pytest.mark.usefixtures("no_waiting")
def test_a_server_that_is_down_is_told_in_a_sentence(
    project: Project, saft: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFTP_PORT", str(free_port()))
    done = saft("poll")
    assert done.status == 2
    assert "can't be reached: Connection refused" in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.usefixtures("no_waiting")
def test_a_database_that_is_down_is_told_in_a_sentence(
    project: Project, saft: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", f"postgresql://saft@127.0.0.1:{free_port()}/saft")
    done = saft("poll")
    assert done.status == 2
    assert done.err.startswith("the database says: ")


def test_a_fault_that_meets_the_run_only_ends_draining(
    project: Project, saft: Command, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> None:
        raise PermanentSftpError("reading is forbidden here: ask for the right to read")

    monkeypatch.setattr(Sftp, "fetch", refuse)
    drop(project, 1)
    done = saft("poll", "--drain")
    said = done.err.splitlines()[-1]
    assert (done.status, said) == (2, "reading is forbidden here: ask for the right to read")
    assert store.counts() == {"pending": 1}


def test_a_fault_of_ours_in_the_sensor_is_not_swallowed(
    project: Project, saft: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(_runs: LocalRuns) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(LocalRuns, "tick", crash)
    with pytest.raises(ZeroDivisionError):
        saft("poll")


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_what_a_tick_claimed_that_came_to_no_end_is_given_back(
    project: Project,
    saft: Command,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("saft_pipeline.defs.sensors.run_requests", fail)
    drop(project, 2)
    assert saft("poll").status in (2, 130)
    assert store.counts() == {"pending": 2}


def test_what_was_claimed_while_dagster_was_imported_is_given_back(
    project: Project, saft: Command, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        wait_for(lambda: store.counts() == {"running": 2})
        raise KeyboardInterrupt

    monkeypatch.setattr("saft_pipeline.dagster_runtime.in_process.local_runs", fail)
    drop(project, 2)
    assert saft("poll").status == 130
    assert store.counts() == {"pending": 2}


def test_what_is_wrong_with_dagster_is_told_before_a_server_answers(
    project: Project, saft: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, answered = threading.Event(), []

    def hang(*_: object) -> Listing:
        held.wait(30)
        answered.append(True)
        return Listing(RemoteFiles(), [])

    monkeypatch.setattr(looks, "look", hang)
    monkeypatch.setenv("DAGSTER_LOCATION", "none.such")
    done = saft("poll")
    told_first = not answered
    held.set()
    for thread in threading.enumerate():
        if thread.name == "first round":
            thread.join(60)
    assert (done.status, told_first) == (2, True)
    assert "none.such" in done.err


def test_what_ends_a_poll_is_told_where_the_history_is_gone(
    project: Project, saft: Command, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ConnectionError

    def stop(_: LocalRuns) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalRuns, "run_waiting", stop)
    monkeypatch.setattr("dagster.DagsterInstance.report_run_canceled", fail)
    drop(project, 1)
    assert saft("poll").status == 130
    assert store.counts() == {"pending": 1}


# As if the signal came just then.
_AMID_A_CLOSE = """
import os, signal
from sqlalchemy.engine.default import DefaultDialect
from saft_pipeline.cli import main

close = DefaultDialect.do_close

def interrupted(*given):
    close(*given)
    os.kill(os.getpid(), signal.SIGTERM)

DefaultDialect.do_close = interrupted
main()
"""


def test_a_signal_amid_the_close_of_a_connection_leaves_no_traceback(project: Project) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _AMID_A_CLOSE, "poll"],
        env={**os.environ, **project.env}, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (130, "")
