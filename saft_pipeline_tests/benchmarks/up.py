"""`saft up` for an hour, a file a second, its parts killed at random: loss, pauses, memory."""

from __future__ import annotations

import http.client
import random
import re
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from saft_pipeline.demo.generator import invoice_file
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.store.opening import SAFT_DATABASE
from saft_pipeline_tests.benchmarks.report import Ratio
from saft_pipeline_tests.benchmarks.rig import rig
from saft_pipeline_tests.benchmarks.soaking.figures import compared, grown, none
from saft_pipeline_tests.benchmarks.soaking.folder import Folder
from saft_pipeline_tests.benchmarks.soaking.installation import Installation
from saft_pipeline_tests.benchmarks.soaking.processes import Memory
from saft_pipeline_tests.benchmarks.soaking.trouble import Trouble
from saft_pipeline_tests.fixtures.sshd import free_port

_FIRST = 2  # the generator's file 1 lies about its encoding, which the oracle doesn't see through
_BLOW_EVERY = 75.0  # seconds, on average
_UP_WITHIN = 120.0
_LOADED_WITHIN = 300.0
_SETTINGS = {"POLL_INTERVAL_SECONDS": "10", "LEASE_SECONDS": "30", "MAX_FILES_PER_BATCH": "0"}
_LOADED = re.compile(rb'saft_files\{state="loaded"\} (\d+)')


def run() -> Iterable[Ratio]:
    """All figures, of one hour."""
    return Up().run()


class Pulse(threading.Thread):
    """Asks the page and the API every second; `pauses` are the seconds that one didn't answer."""

    def __init__(self, dagster_port: str, api_port: str) -> None:
        super().__init__(daemon=True)
        self._api = f"http://127.0.0.1:{api_port}"
        self._urls = (f"http://127.0.0.1:{dagster_port}/server_info", f"{self._api}/api/health")
        self._done = threading.Event()
        self._silent_since: float | None = None
        self.pauses: list[float] = []

    def run(self) -> None:
        while not self._done.wait(1):
            now = time.monotonic()
            if not all(_answer(url) for url in self._urls):
                self._silent_since = self._silent_since or now
            elif self._silent_since is not None:
                self.pauses.append(now - self._silent_since)
                self._silent_since = None

    def wait(self) -> None:
        """Until both answer for the first time; that pause doesn't count."""
        deadline = time.monotonic() + _UP_WITHIN
        while not all(_answer(url) for url in self._urls):
            if time.monotonic() > deadline:
                raise RuntimeError(f"saft up doesn't answer within {_UP_WITHIN:.0f} s")
            time.sleep(0.5)

    def loaded(self) -> int:
        """How many files are loaded, as the API counts them."""
        found = _LOADED.search(_answer(f"{self._api}/metrics"))
        return int(found[1]) if found else 0

    def stop(self) -> None:
        """A pause that is not over counts, too."""
        self._done.set()
        self.join()
        if self._silent_since is not None:
            self.pauses.append(time.monotonic() - self._silent_since)


def _answer(url: str) -> bytes:
    """What is answered with status 200; empty if nothing is."""
    try:
        with urllib.request.urlopen(url, timeout=15) as answer:
            return bytes(answer.read())
    except (OSError, http.client.HTTPException):
        return b""


@dataclass(frozen=True)
class Stage:
    """What the benchmark works on."""

    folder: Folder
    installation: Installation
    pulse: Pulse
    trouble: Trouble


@dataclass(frozen=True)
class Up:
    """For how many seconds, with a file in each."""

    seconds: int = 3600

    def run(self) -> Iterator[Ratio]:
        """Start, disturb, drain, stop, compare."""
        with _stage() as stage:
            with Memory(stage.installation.processes) as memory:
                self._disturb(stage)
            drained = self._drain(stage)
            stage.pulse.stop()
            stopped = stage.installation.stop()
            left = stage.installation.left()
            yield Ratio("files put up", self.seconds, unit="")
            yield Ratio("kills -9", stage.trouble.kills, unit="", note=stage.trouble.told)
            yield Ratio("longest time without an answer", max(stage.pulse.pauses, default=0.0), 90,
                        "s", most=True, note=f"{len(stage.pulse.pauses)} pauses")  # fmt: skip
            with EmbeddedPostgres(stage.installation.home) as server:
                yield from compared(stage.folder, server.url(SAFT_DATABASE))
            yield Ratio("seconds until all was loaded", drained, unit="s")
            yield Ratio("ends of saft up by itself", stage.installation.ended, 0, "", most=True)
            yield Ratio("seconds from SIGTERM to the end", stopped, 30, "s", most=True)
            yield none("processes left", left)
            yield from grown(memory)

    def _disturb(self, stage: Stage) -> None:
        chance = random.Random(self.seconds)
        began = time.monotonic()
        due = began + chance.expovariate(1 / _BLOW_EVERY)
        for n in range(self.seconds):
            time.sleep(max(0.0, began + n - time.monotonic()))
            _put(stage.folder, n)
            stage.installation.revive()
            if time.monotonic() >= due:
                stage.trouble.strike()
                due = time.monotonic() + chance.expovariate(1 / _BLOW_EVERY)

    def _drain(self, stage: Stage) -> float:
        """The seconds until every file is loaded, or no longer waited for."""
        began = time.monotonic()
        while stage.pulse.loaded() < self.seconds and time.monotonic() - began < _LOADED_WITHIN:
            time.sleep(1)
        return time.monotonic() - began


def _put(folder: Folder, n: int) -> None:
    sample = invoice_file(_FIRST + n)
    remote = folder.add(folder.root / sample.path)
    remote.path.parent.mkdir(exist_ok=True)
    folder.whole(sample.content, good=True)
    part = remote.path.with_suffix(".part")
    part.write_bytes(sample.content)
    folder.dated(remote.path, sample.content, int(part.stat().st_mtime))
    remote.content, remote.state = sample.content, "loaded"
    part.rename(remote.path)


@contextmanager
def _stage() -> Iterator[Stage]:
    with ExitStack() as stack:
        near = stack.enter_context(rig(redis=False))
        home = near.folder / "home"
        ports = {"DAGSTER_PORT": str(free_port()), "API_PORT": str(free_port())}
        settings = near.settings(near.sshd.root, "", home) | _SETTINGS | ports
        installation = Installation(home, settings)
        stack.callback(installation.end)
        installation.start()
        pulse = Pulse(*ports.values())
        pulse.wait()
        pulse.start()
        trouble = Trouble(random.Random(_FIRST))
        trouble.add_kills(installation, tree=0, postgres=0)
        yield Stage(Folder(near.sshd.root), installation, pulse, trouble)
