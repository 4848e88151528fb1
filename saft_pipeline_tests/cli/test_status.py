"""`saft status`: a file that holds nothing, hostile names, and looking on."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Command, Project
from saft_pipeline_tests.saft.documents import document


@pytest.mark.usefixtures("store")
def test_a_file_that_holds_nothing_says_so(
    project: Project, saft: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "accounts.xml").write_text(document())
    told = saft("ingest", tmp_path / "accounts.xml").err
    assert "accounts.xml: it holds no invoices" in told
    assert "it holds no invoices: nothing came into the tables" in saft("status").out


def test_a_hostile_name_steers_no_terminal(project: Project, saft: Command, store: Store) -> None:
    project.put("a\x1b[2Jb\u202e.xml", "<x/>")
    saft("poll")
    done = saft("status")
    assert r"a\x1b[2Jb\u202e.xml" in done.out
    assert not set(done.out + done.err) & set("\x1b\u202e")


def test_watching_looks_again_until_ctrl_c(
    project: Project, saft: Command, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []

    def wait(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("saft_pipeline.cli.status.time", SimpleNamespace(sleep=wait))
    done = saft("status", "--watch")
    assert (done.status, done.err.count("the ledger is empty")) == (130, 3)


SCREEN = 14, 60  # lines and columns
_CLEARED = "\x1b[2J"


def screens(project: Project, count: int) -> list[str]:
    """What `saft status --watch` shows one after the other on a terminal of that size."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", *SCREEN, 0, 0))
    command = "from saft_pipeline.cli import main; main()"
    environment = {**os.environ, **project.env, "TERM": "xterm", "COLUMNS": "", "LINES": ""}
    process = subprocess.Popen(
        [sys.executable, "-c", command, "status", "--watch"],
        env={name: text for name, text in environment.items() if text},
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    said, deadline = "", time.monotonic() + 60
    try:
        while said.count(_CLEARED) <= count and time.monotonic() < deadline:
            if select.select([ours], [], [], 1)[0]:
                said += os.read(ours, 65536).decode()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        os.close(ours)
    return said.replace("\x1b[H", "").split(_CLEARED)[1 : count + 1]


def rows(screen: str) -> int:
    """How many rows a screen takes, its long lines folded."""
    return sum(max(1, -(-len(line) // SCREEN[1])) for line in screen.splitlines())


def test_watching_shows_what_the_terminal_has_room_for(
    project: Project, saft: Command, store: Store
) -> None:
    project.put("broken.xml", "<x/>")
    for number in range(20):
        project.put(f"{number}.xml", document())
    saft("poll")
    for screen in screens(project, 2):
        lines = screen.splitlines()
        assert lines[1] == "1 failed, 20 loaded"
        assert lines[3].split()[0] == "failed"
        assert "broken.xml" in lines[3]
        listed = [line for line in lines if line.endswith(".xml")]
        assert lines[-1] == f"and {21 - len(listed)} more"
        assert SCREEN[0] - 3 <= rows(screen) < SCREEN[0]
