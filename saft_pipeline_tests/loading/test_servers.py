"""What is learnt of servers, kept and said; polls of servers that drip, through a real sshd."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from saft_pipeline.loading import looks, servers, sftp_source
from saft_pipeline.loading.errors import SourceError, TransientSourceError
from saft_pipeline.loading.poll import Poll
from saft_pipeline.loading.servers import connected, learnt, quirks_of, remember
from saft_pipeline.loading.sftp_source import SftpSource
from saft_pipeline.loading.sources import source_of
from saft_pipeline.settings import load
from saft_pipeline.sftp.client import Quirks
from saft_pipeline.sftp.errors import LoginRefusedError, TooManyConnectionsError
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import (
    Command,
    Project,
    ledger_file,
    one_invoice,
    poll_once,
)
from saft_pipeline_tests.fixtures.sshd import Sshd
from saft_pipeline_tests.fixtures.waiting import wait_for
from saft_pipeline_tests.loading.without_dagster import go_round

EARLY = 1_750_000_000


@contextmanager
def server_with(
    project: Project, quirky_sshd: tuple[Sshd, Path], *quirks: str
) -> Iterator[Project]:
    """The project, its server having these quirks."""
    sshd, names = quirky_sshd
    names.write_text("\n".join(quirks))
    env = {
        "SFTP_PORT": str(sshd.port),
        "SFTP_HOST_KEY_FINGERPRINTS": sshd.fingerprint,
        "SFTP_KNOWN_HOSTS_PATH": "",
        "SFTP_PRIVATE_KEY_PATH": str(sshd.key_path),
        "SFTP_TIMEOUT_SECONDS": "2",
    }
    yield Project(project.folder, {**project.env, **env})
    names.write_text("")


def look(project: Project, store: Store, **env: str) -> Poll:
    return poll_once(load({**project.env, **env}), store, turn_of=lambda _: "came")


def drop(project: Project, count: int) -> None:
    for number in range(count):
        project.put(f"{number}.xml", b"<%d/>" % number, modified_at=EARLY + number)


@pytest.mark.parametrize(
    ("quirk", "words"),
    [
        ("a byte at a time", "wasn't over|too long|gave only"),
        ("replies to nothing", "never sent"),
        ("a name at a time", ""),
    ],
)
@pytest.mark.usefixtures("no_waiting")
def test_a_poll_of_a_server_that_drips_ends_in_time_with_a_word_and_leaves_no_thread(
    project: Project,
    store: Store,
    quirky_sshd: tuple[Sshd, Path],
    monkeypatch: pytest.MonkeyPatch,
    quirk: str,
    words: str,
) -> None:
    monkeypatch.setattr(looks, "_LOOK_SECONDS", 4.0)
    drop(project, 20)
    before = set(threading.enumerate())
    began = time.monotonic()
    with server_with(project, quirky_sshd, quirk) as quirky:
        if words:
            with pytest.raises(TransientSourceError, match=words):
                look(quirky, store)
        else:
            # Its patience outlasts the look, as it does by default.
            (problem,) = look(quirky, store, SFTP_TIMEOUT_SECONDS="30").problems
            assert "its listing wasn't over" in problem
    assert time.monotonic() - began < 30
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(5)
    assert not [thread for thread in left if thread.is_alive()]


def test_what_stays_on_the_server_is_told_once(
    project: Project,
    store: Store,
    quirky_sshd: tuple[Sshd, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    env = {"SAFT_HOME": str(tmp_path), "AFTER_LOAD": "delete"}
    drop(project, 1)
    loaded = _ledger_file(project, b"<0/>")
    monkeypatch.setattr(Store, "uncleared", lambda *_: [loaded])
    with server_with(project, quirky_sshd, "removes only in words") as quirky:
        words = [look(quirky, store, **env).problems for _ in range(2)]
    assert [any("stay on the server" in p for p in each) for each in words] == [True, False]


@pytest.mark.parametrize("after_load", ["archive", "delete"])
def test_a_read_only_server_is_told_by_check_and_by_the_poll_that_would_clear_it(
    project: Project,
    store: Store,
    quirky_sshd: tuple[Sshd, Path],
    saft: Command,
    monkeypatch: pytest.MonkeyPatch,
    after_load: str,
) -> None:
    project.put("a.xml", one_invoice("FT R/1"), modified_at=EARLY)
    with server_with(project, quirky_sshd, "read-only") as quirky:
        for name, value in {**quirky.env, "AFTER_LOAD": after_load}.items():
            monkeypatch.setenv(name, value)
        checked = saft("check", "--json")
        polled = saft("poll")
    (found,) = (f["message"] for f in checked.json if not f["ok"])
    assert "can't make a folder" in found
    assert "AFTER_LOAD=keep" in found
    assert [file.status for file in store.files()] == ["loaded"]
    assert "1 loaded files stay on the server" in polled.err
    assert (project.folder / "a.xml").exists()


def test_a_memory_that_is_no_json_is_begun_anew(project: Project, tmp_path: Path) -> None:
    settings = load({**project.env, "SAFT_HOME": str(tmp_path)})
    (tmp_path / "servers.json").write_text("[")
    assert quirks_of(settings) == Quirks()
    with connected(settings) as sftp:
        sftp.quirks.requests = 8
    assert learnt(settings) == ["this server allows 8 requests at once: 8 are used"]
    assert learnt(settings) == []


def test_what_was_learnt_is_learnt_anew_after_a_day(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, hours = load({**project.env, "SAFT_HOME": str(tmp_path)}), 0.0
    monkeypatch.setattr(servers, "time", SimpleNamespace(time=lambda: EARLY + 3600 * hours))
    remember(settings, {"requests": 1, "open_files": 8})
    hours = 23
    remember(settings, {"fstat": False})
    assert quirks_of(settings) == Quirks(requests=1, open_files=8, fstat=False)
    hours = 25
    assert quirks_of(settings) == Quirks()
    remember(settings, {"open_files": 8})
    assert quirks_of(settings) == Quirks(open_files=8)


@pytest.mark.parametrize("error", [TooManyConnectionsError("full"), LoginRefusedError("no")])
def test_where_no_second_connection_is_allowed_the_first_clears_away_too(
    project: Project, tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load({**project.env, "AFTER_LOAD": "delete", "SAFT_HOME": str(tmp_path / "home")})
    drop(project, 1)
    (tmp_path / "home").mkdir()
    fetching = SftpSource(settings.sources[0])
    file = _ledger_file(project, b"<0/>")
    list(fetching.fetch([file], tmp_path))

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(sftp_source, "open_connection", refuse)
    clearing = source_of(file.source, settings, fetching)
    assert clearing is not fetching
    assert list(clearing.clear_away([file])) == [(file, None)]
    fetching.close()
    assert not (project.folder / "0.xml").exists()
    assert quirks_of(settings).connections == 1
    assert source_of(file.source, settings, fetching) is fetching


def test_one_connection_is_used_where_the_setting_says_so(project: Project) -> None:
    settings = load({**project.env, "SFTP_CONNECTIONS": "1"})
    fetching = SftpSource(settings.sources[0])
    assert source_of(settings.sources[0].source, settings, fetching) is fetching


def test_a_login_that_worked_before_may_only_find_the_server_full(
    project: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "_logins", {})
    look(project, store)

    def refuse(*_: object) -> None:
        raise LoginRefusedError("refused the key")

    monkeypatch.setattr(looks, "connected", refuse)
    for _ in range(2):
        with pytest.raises(TransientSourceError, match="it worked before"):
            look(project, store)
    with pytest.raises(SourceError) as caught:
        look(project, store)
    assert not isinstance(caught.value, TransientSourceError)


def _ledger_file(project: Project, content: bytes) -> LedgerFile:
    file = ledger_file("0.xml", len(content), EARLY, source=project.settings.sources[0].source)
    return replace(file, sha256=hashlib.sha256(content).hexdigest())


@contextmanager
def polling(project: Project, *behind: str) -> Iterator[subprocess.Popen[str]]:
    """`saft poll` as a process, `behind` another program."""
    with subprocess.Popen(
        [*behind, sys.executable, "-c", "from saft_pipeline.cli import main; main()", "poll"],
        env={**os.environ, **project.env},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def sessions(quirky_sshd: tuple[Sshd, Path]) -> int:
    return quirky_sshd[0].errors.count("Starting session: subsystem")


def stopped(process: subprocess.Popen[str]) -> str:
    """What it said until SIGTERM had ended it; the bound is far from the drip's minutes."""
    process.terminate()
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    return said


@pytest.mark.parametrize("quirk", ["a byte at a time", "a name at a time"])
def test_sigterm_ends_a_poll_whose_listing_drips(
    project: Project, quirky_sshd: tuple[Sshd, Path], quirk: str
) -> None:
    before = sessions(quirky_sshd)
    with server_with(project, quirky_sshd, quirk) as quirky, polling(quirky) as process:
        wait_for(lambda: sessions(quirky_sshd) > before)
        assert "Traceback" not in stopped(process)


def test_sigterm_ends_a_poll_that_a_script_runs_in_the_background(
    project: Project, quirky_sshd: tuple[Sshd, Path]
) -> None:
    before = sessions(quirky_sshd)
    unasked = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")
    with (
        server_with(project, quirky_sshd, "a name at a time") as quirky,
        polling(quirky, *unasked) as process,
    ):
        wait_for(lambda: sessions(quirky_sshd) > before)
        stopped(process)


def test_sigterm_ends_a_poll_whose_fetch_drips_and_all_its_files_come_back(
    project: Project, store: Store, quirky_sshd: tuple[Sshd, Path]
) -> None:
    for number in range(3):  # a run for each: none of the others begins
        project.put(f"{number}.xml", b"<%d/>" % number + bytes(5_000), modified_at=EARLY)
    before = sessions(quirky_sshd)
    quirk = "a byte of a file at a time"
    with server_with(project, quirky_sshd, quirk) as quirky, polling(quirky) as process:
        wait_for(lambda: sessions(quirky_sshd) > before + 1)  # the look's, and a run's
        assert "Traceback" not in stopped(process)
    assert store.counts(quirky.settings.sources[0].source) == {"pending": 3}


_WRITER = """
import sys
from saft_pipeline.loading.servers import quirks_of, remember
from saft_pipeline.settings import load

settings, (name,) = load(), sys.argv[1:]
for number in range(1, 101):
    remember(settings, {name: number})
    assert getattr(quirks_of(settings), name) == number
"""


def test_what_two_processes_learn_at_once_is_all_kept(project: Project, tmp_path: Path) -> None:
    env = {**os.environ, **project.env, "SAFT_HOME": str(tmp_path)}
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, name], env=env)
        for name in ("requests", "open_files", "connections")
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    settings = load({**project.env, "SAFT_HOME": str(tmp_path)})
    assert quirks_of(settings) == Quirks(requests=100, open_files=100, connections=100)


def test_polls_one_after_the_other_know_what_the_first_learnt_and_say_it_once(
    project: Project, store: Store, quirky_sshd: tuple[Sshd, Path], tmp_path: Path
) -> None:
    saying = "this server gives one handle for several open files"
    told, connections = [], []
    with server_with(project, quirky_sshd, "one handle for several") as quirky:
        settings = load({**quirky.env, "RUN_PER_FILE_UP_TO": "1", "SAFT_HOME": str(tmp_path)})
        for number in range(3):
            for file in range(5):
                project.put(f"{number}.{file}.xml", b"<%d/>" % file, modified_at=EARLY + number)
            before = sessions(quirky_sshd)
            found, _ = go_round(settings, store)
            told.append("\n".join(found.problems()).count(saying))
            connections.append(sessions(quirky_sshd) - before)
    assert connections == [3, 2, 2]  # the look's and the run's; of the first poll another to adapt
    assert told == [0, 1, 0]  # by the first poll that looks once it is known
    assert quirks_of(settings).open_files == 1
