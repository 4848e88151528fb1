"""`saft up` in a home of its own: started, killed in parts or whole, started again, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from saft_pipeline_tests.benchmarks.soaking.processes import (
    OF_RUNS,
    PARTS,
    is_ours,
    kill,
    processes,
)

_ROOT = Path(__file__).parents[3]
_SAFT = str(Path(sys.executable).with_name("saft"))
_STOP_WITHIN = 90.0
_GONE_WITHIN = 15.0  # the embedded Postgres stops after who used it


class Installation:
    """One `saft up`; `ended` counts its ends that nobody had caused."""

    def __init__(self, home: Path, settings: Mapping[str, str]) -> None:
        self.home = home
        self.ended = 0
        self._process: subprocess.Popen[bytes] | None = None
        given = {**os.environ, **settings, "SAFT_HOME": str(home), "PYTHONPATH": str(_ROOT)}
        self._environment = {name: text for name, text in given.items() if text}
        home.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Start `saft up`, without waiting until it is there; its words go to `up.log`."""
        with (self.home / "up.log").open("ab") as log:
            self._process = subprocess.Popen(
                [_SAFT, "up"], cwd=self.home, env=self._environment, stdout=log, stderr=log
            )

    def revive(self) -> None:
        """Start it again if it has ended, as a service manager does."""
        if self._process is None:
            self.start()
        elif self._process.poll() is not None:
            self.ended += 1
            self.start()

    def processes(self) -> dict[int, str]:
        """All processes, those of the embedded Postgres too."""
        return processes(str(self.home))

    def kill_part(self, name: str) -> bool:
        """Kill -9 one of `PARTS` or `OF_RUNS`; whether there was one."""
        text = {**PARTS, **OF_RUNS}[name]
        found = sorted(pid for pid, words in self.processes().items() if text in words)
        kill(found[:1])
        return bool(found)

    def kill_tree(self) -> bool:
        """Kill -9 all but Postgres, which stops by itself then."""
        kill(pid for pid, words in self.processes().items() if is_ours(words))
        self._reap()
        return True

    def kill_postgres(self) -> bool:
        """Kill -9 the embedded Postgres."""
        pid_file = self.home / "postgres" / "data" / "postmaster.pid"
        if not pid_file.exists():
            return False
        kill([int(pid_file.read_text().split()[0])])
        return True

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None

    def stop(self) -> float:
        """SIGTERM; the seconds until it has ended."""
        if self._process is None:
            return 0.0
        started = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill_tree()
        self._process = None
        return time.monotonic() - started

    def end(self) -> None:
        """Kill whatever is still there."""
        self.kill_tree()
        self.left()

    def left(self) -> list[str]:
        """Command lines of what is still there a while after the stop; it is killed then."""
        deadline = time.monotonic() + _GONE_WITHIN
        while (found := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.2)
        kill(found)
        return [words.replace("\0", " ") for words in found.values()]
