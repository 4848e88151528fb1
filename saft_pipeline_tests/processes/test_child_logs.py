"""What child processes say, in files and in lines."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from saft_pipeline.processes.child_logs import LogFiles, LogFormat, LogLines, Logs


def run(logs: Logs, program: str) -> None:
    """A child that says something on both streams, and its end."""
    with logs.of("daemon") as log:
        child = subprocess.Popen([sys.executable, "-c", program], stdout=log, stderr=log)
    child.wait()
    logs.close()


def lines_of(form: LogFormat, program: str) -> list[str]:
    out = io.StringIO()
    run(LogLines(form, out), program)
    return out.getvalue().splitlines()


def test_a_line_says_when_and_who() -> None:
    (line,) = lines_of("plain", "print('at work')")
    time, name, words = line.split(maxsplit=2)
    assert (time[10], name, words) == ("T", "daemon", "at work")


def test_lines_of_both_streams_come_out() -> None:
    program = "import sys; print('one', flush=True); print('two', file=sys.stderr)"
    assert [line.split()[-1] for line in lines_of("plain", program)] == ["one", "two"]


def test_a_json_line_has_its_level() -> None:
    (line,) = lines_of("json", "print('2026-01-01 daemon - ERROR - no server')")
    found = json.loads(line)
    assert (found["process"], found["level"]) == ("daemon", "error")


def test_a_level_far_to_the_right_is_somebodys_text() -> None:
    (line,) = lines_of("json", "print('x' * 200 + ' ERROR')")
    assert json.loads(line)["level"] == "info"


def test_colours_are_left_out() -> None:
    (line,) = lines_of("plain", r"print('\x1b[32mgreen\x1b[0m')")
    assert line.endswith(" green")


def test_empty_lines_are_left_out() -> None:
    assert lines_of("plain", "print()") == []


def test_a_file_is_appended_to(tmp_path: Path) -> None:
    for _ in range(2):
        run(LogFiles(tmp_path / "logs"), "print('again')")
    assert (tmp_path / "logs" / "daemon.log").read_text() == "again\nagain\n"


@pytest.mark.parametrize("kind", ["files", "lines"])
def test_nothing_that_steers_a_terminal_is_kept(tmp_path: Path, kind: str) -> None:
    program = r"print('a\x1b[2J\u202e.xml')"
    if kind == "lines":
        (line,) = lines_of("plain", program)
    else:
        run(LogFiles(tmp_path), program)
        line = (tmp_path / "daemon.log").read_text()
    assert line.strip().endswith(r"a\x1b[2J\u202e.xml")
