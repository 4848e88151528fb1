"""A command run as a whole: its time, the memory of all its processes, and what it printed."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import Any

_ROOT = Path(__file__).parents[2]
_SAMPLE_SECONDS = 0.2
_ORPHANS_SECONDS = 30
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


@dataclass(frozen=True)
class Outcome:
    """What a command took and said; megabytes are 10^6 bytes."""

    seconds: float
    peak_megabytes: float  # all processes together, what they share counted once
    largest_megabytes: float  # the most that one process ever had resident
    document: Any  # the JSON that it printed


def run(command: Sequence[str], given: Mapping[str, str], timeout: float) -> Outcome:
    """Run a command to its end, with `given` added to the environment; an empty value unsets.

    Raises RuntimeError, with what it said, when it fails or takes longer than `timeout`
    seconds; all its processes are then killed.
    """
    # Who keeps no bytecode compiles us at each start, and a library that came compiled never.
    usual = {"PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": ""}
    environment = {**os.environ, **usual, **given}
    # With orphans handed to this process, those that detach themselves are measured too.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryDirectory() as folder:
        before = children(os.getpid())
        started = perf_counter()
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=folder,
            env={name: text for name, text in environment.items() if text},
            start_new_session=True,
        )
        memory = _Memory(before)
        with sampled(memory.look):
            output, status = _finish(process, timeout)
        seconds = perf_counter() - started
        _wait_for_orphans(before)
        if status:
            errors.seek(0)
            said = (output + errors.read()[-4000:]).decode(errors="replace")
            raise RuntimeError(f"{command!r} ended with {status}:\n{said}")
    document = json.loads(output)
    return Outcome(seconds, memory.together / 1e6, memory.largest / 1e6, document)


def _finish(process: subprocess.Popen[bytes], timeout: float) -> tuple[bytes, int | str]:
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return b"", f"nothing after {timeout:g} s"
    return output, process.returncode


def _wait_for_orphans(before: set[int]) -> None:
    """Wait for what the command left to end by itself: not a part of its time, nor of the next."""
    deadline = monotonic() + _ORPHANS_SECONDS
    while (orphans := children(os.getpid()) - before) and monotonic() < deadline:
        for pid in orphans:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        sleep(0.02)


@contextmanager
def sampled(look: Callable[[], None], every: float = _SAMPLE_SECONDS) -> Iterator[None]:
    """Call `look` each so many seconds, on a thread of its own, until the block ends."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(every):
            look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class _Memory:
    """How much memory this process's new children have, and theirs."""

    def __init__(self, servers: set[int]) -> None:
        self.together = 0
        self.largest = 0
        self._servers = servers

    def look(self) -> None:
        found = [sizes(pid) for pid in self._processes()]
        self.together = max(self.together, sum(shared for shared, _ in found))
        self.largest = max(self.largest, *(peak for _, peak in found), 0)

    def _processes(self) -> set[int]:
        found: set[int] = set()
        fresh = children(os.getpid()) - self._servers
        while fresh:
            found |= fresh
            fresh = {child for pid in fresh for child in children(pid)} - found
        return found


def children(pid: int) -> set[int]:
    """The processes that any of a process's threads started, or that were handed to it."""
    found: set[int] = set()
    with suppress(OSError):  # it has just ended
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                text = (task / "children").read_text()
                found.update(map(int, text.split()))
    return found


def below(pid: int) -> dict[int, int]:
    """All processes below one, each with its parent."""
    found = dict.fromkeys(children(pid), pid)
    for child in list(found):
        found |= below(child)
    return found


def sizes(pid: int) -> tuple[int, int]:
    """Bytes: proportional set size now, and the peak resident set (proc(5))."""
    with suppress(OSError, ValueError):
        return _kilobytes(pid, "smaps_rollup", "Pss:"), _kilobytes(pid, "status", "VmHWM:")
    return 0, 0


def _kilobytes(pid: int, file: str, name: str) -> int:
    words = Path(f"/proc/{pid}/{file}").read_text().split()
    return 1024 * int(words[words.index(name) + 1])
