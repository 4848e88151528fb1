"""Processes of an installation, found by what their command line or environment mentions."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from saft_pipeline_tests.benchmarks.measuring import sizes

PARTS = {
    "supervisor": "/saft\0up",
    "daemon": "prompt_daemon import main",
    "web server": "web.dagster_page import main",
    "code server": "cli.code_server import main",
    "API": "'saft', 'serve'",
    "fork server": "multiprocessing.forkserver import main",
}
"""What lasts as long as `saft up`, and how its command line tells it."""
_FORKED = "\0forked"
OF_RUNS = {"run worker": _FORKED, "reader": "\0saft_pipeline.loading.reader_process\0"}
"""What comes and goes with runs."""
_SAMPLE_SECONDS = 5.0


def processes(mark: str) -> dict[int, str]:
    """Command lines of the processes that mention `mark`, by process id; words end in NUL.

    That of a fork, which is its parent's, has a word more.
    """
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                if mark.encode() in command + (entry / "environ").read_bytes():
                    found[int(entry.name)] = command.decode(errors="replace")
    forked = {pid for pid, words in found.items() if words == found.get(_parent(pid))}
    return {pid: words + _FORKED * (pid in forked) for pid, words in found.items()}


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def is_ours(command: str) -> bool:
    """Whether a process is one of Python's, and not the watcher of the embedded Postgres."""
    program, _, words = command.partition("\0")
    return Path(program).name.startswith("python") and "embedded_postgres/watcher.py" not in words


def kill(pids: Iterable[int]) -> None:
    """SIGKILL."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class Memory(threading.Thread):
    """Samples the proportional set size of an installation's Python processes in a `with` block."""

    def __init__(self, look: Callable[[], dict[int, str]]) -> None:
        super().__init__(daemon=True)
        self._look = look
        self._began = time.monotonic()
        self._done = threading.Event()
        self._samples: list[tuple[float, int, int]] = []

    def run(self) -> None:
        while not self._done.wait(_SAMPLE_SECONDS):
            found = {pid: words for pid, words in self._look().items() if is_ours(words)}
            held = {pid: sizes(pid)[0] for pid in found}
            lasting = [pid for pid, words in found.items() if _is_lasting(words)]
            if len(lasting) == len(PARTS):  # else one is being started again
                now = time.monotonic() - self._began
                both = sum(held.values()), sum(held[pid] for pid in lasting)
                self._samples.append((now, *both))

    def __enter__(self) -> Memory:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()

    def growth(self, *, lasting: bool) -> tuple[float, str]:
        """Median of the last quarter of the time over that of the second, and both in MB.

        With `lasting`, without the workers of runs.
        """
        whole = max((s[0] for s in self._samples), default=0.0)
        second, last = (
            [s[1 + lasting] for s in self._samples if low <= s[0] / whole <= high]
            for low, high in ((0.25, 0.5), (0.75, 1.0))
        )
        if not second or not last:
            return math.inf, f"only {len(self._samples)} times all parts were there"
        before, after = statistics.median(second), statistics.median(last)
        return after / before, f"{before / 1e6:.0f} MB, then {after / 1e6:.0f}"


def _is_lasting(words: str) -> bool:
    return _FORKED not in words and any(part in words for part in PARTS.values())
