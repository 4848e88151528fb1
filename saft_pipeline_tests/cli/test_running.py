"""Signals that come while a command can't end."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from saft_pipeline.cli.running import uninterrupted


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
