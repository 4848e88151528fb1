"""Signals that come while a command can't end."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from saft_pipeline.cli.running import uninterrupted
from saft_pipeline_tests.fixtures.project import one_invoice


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_block_that_cant_be_interrupted_behind_it(number: signal.Signals) -> None:
    done = []

    def work() -> None:
        with uninterrupted():
            signal.raise_signal(number)
            done.append(number)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == [number]


def test_behind_the_block_signals_are_handled_as_before() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with uninterrupted():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def ran(*command: str, **how: Any) -> subprocess.CompletedProcess[str]:
    """`saft` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from saft_pipeline.cli import main; main()", *command],
        stderr=subprocess.PIPE, text=True, check=False, timeout=60, **how,
    )  # fmt: skip


@pytest.mark.parametrize("command", [["db", "sql"], ["--version"], ["parse", "a.xml"]])
def test_a_full_disk_behind_stdout_is_told_in_a_sentence(
    command: list[str], tmp_path: Path
) -> None:
    (tmp_path / "a.xml").write_text(one_invoice("FT A/1"))
    with Path("/dev/full").open("wb") as full:
        done = ran(*command, stdout=full, cwd=tmp_path, env={})  # buffered
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].endswith("No space left on device")
    assert len(done.stderr.splitlines()) == 1


def test_what_stdout_s_encoding_has_no_letters_for_is_told_in_a_sentence(tmp_path: Path) -> None:
    done = ran("db", "sql", stdout=subprocess.DEVNULL, env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "can't be written in ascii" in done.stderr


def test_a_home_that_cant_be_made_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    done = ran("active", cwd=tmp_path, env={"SAFT_HOME": "home"}, stdout=subprocess.PIPE)
    assert done.returncode == 2
    assert done.stderr == f"{tmp_path / 'home'}: File exists\n"


_AMID_THE_IMPORTS = """
import signal, sys

class Interrupts:
    def find_spec(self, name, *_):
        if name == "typer":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
from saft_pipeline.cli import main
main()
"""


def test_an_interrupt_while_the_commands_are_imported_leaves_no_traceback() -> None:
    command = [sys.executable, "-c", _AMID_THE_IMPORTS, "status"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (130, "")
