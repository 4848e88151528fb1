"""Whether rows are right after half an hour of files, corrections, faults, quirks and kills."""

from __future__ import annotations

import dataclasses
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from saft_pipeline.store.migrate import migrate
from saft_pipeline_tests.benchmarks.report import Ratio
from saft_pipeline_tests.benchmarks.rig import Rig, rig
from saft_pipeline_tests.benchmarks.soaking import ledger
from saft_pipeline_tests.benchmarks.soaking.figures import compared, grown, none
from saft_pipeline_tests.benchmarks.soaking.folder import Folder
from saft_pipeline_tests.benchmarks.soaking.installation import Installation
from saft_pipeline_tests.benchmarks.soaking.processes import Memory
from saft_pipeline_tests.benchmarks.soaking.producer import Producer
from saft_pipeline_tests.benchmarks.soaking.rough_proxy import RoughProxy, rough
from saft_pipeline_tests.benchmarks.soaking.trouble import Trouble
from saft_pipeline_tests.fixtures.sshd import free_port

_BURSTS = (1, 1, 1, 150)  # files that each producer puts up at a time
_SEED = 8
_BLOW_EVERY = 15.0  # seconds, on average
_DRAINED_WITHIN = 600.0
_SETTINGS = {
    "POLL_INTERVAL_SECONDS": "5",
    "MAX_FILES_PER_BATCH": "0",
    "RUN_PER_FILE_UP_TO": "3",
    "LEASE_SECONDS": "20",
    "SFTP_TIMEOUT_SECONDS": "8",
}


def run() -> Iterable[Ratio]:
    """All figures, of one soak."""
    return Soak().run()


@dataclass(frozen=True)
class Stage:
    """What a soak works on; `url` leads past the proxies."""

    folder: Folder
    installation: Installation
    sftp: RoughProxy
    database: RoughProxy
    trouble: Trouble
    url: str
    quirks: Path

    def calm(self) -> None:
        """No fault from now on; who gave up for a while is not waited for."""
        self.quirks.write_text("")
        self.sftp.calm()
        self.database.calm()
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("select public.saft_retry()")

    def ledger(self) -> list[ledger.Row]:
        """The whole ledger."""
        return ledger.rows(self.url)


@dataclass(frozen=True)
class Soak:
    """For how many seconds faults go on, and how many files are put up meanwhile."""

    seconds: float = 1800.0
    files: int = 3000

    def run(self) -> Iterator[Ratio]:
        """Disturb, calm down, drain, stop, compare."""
        with _stage() as stage:
            with Memory(stage.installation.processes) as memory:
                self._disturb(stage)
            given_up = list(ledger.given_up(stage.folder, stage.ledger()))
            stage.calm()
            drained = _drain(stage)
            stopped = stage.installation.stop()
            left = stage.installation.left()
            yield from _met(stage)
            yield none("files given up though nothing was wrong with them", given_up)
            yield from compared(stage.folder, stage.url)
            yield Ratio("seconds until all was settled", drained, unit="s")
            yield Ratio("seconds from SIGTERM to the end", stopped, 30, "s", most=True)
            yield none("processes left", left)
            yield from grown(memory)

    def _disturb(self, stage: Stage) -> None:
        pool = max(10, self.files // 8)
        count = self.files // len(_BURSTS)
        producers = [
            Producer(stage.folder, number, count, self.seconds, pool, burst)
            for number, burst in enumerate(_BURSTS)
        ]
        for producer in producers:
            producer.start()
        chance = random.Random(_SEED)
        due = time.monotonic()
        while any(producer.is_at_work for producer in producers):
            stage.installation.revive()
            if time.monotonic() >= due:
                stage.trouble.strike()
                due = time.monotonic() + chance.expovariate(1 / _BLOW_EVERY)
            time.sleep(1)
        stage.installation.revive()
        for producer in producers:
            producer.finish()


@contextmanager
def _stage() -> Iterator[Stage]:
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="saft-quirks-"))
        quirks = Path(scratch) / "quirks"
        quirks.touch()
        quirky = f"{sys.executable} -m saft_pipeline_tests.sftp.quirks {quirks}"
        near = stack.enter_context(rig(redis=False, sftp=quirky))
        url = near.database("saft")
        migrate(url)
        kinds = ("RST", "FIN", "silence", "slow")
        sftp = stack.enter_context(rough(near.sftp_port, *kinds, rate=0.35, longest=20))
        database = stack.enter_context(rough(near.postgres_port, "RST", "FIN", rate=0.25))
        far = dataclasses.replace(near, sftp_port=sftp.port, postgres_port=database.port)
        installation = _installation(far, url.replace(str(near.postgres_port), str(database.port)))
        stack.callback(installation.end)
        trouble = Trouble(random.Random(_SEED))
        trouble.add_kills(installation, tree=1, postgres=1)
        trouble.add_servers(installation, near.sshd, sftp, url)
        trouble.add_quirks(quirks)
        yield Stage(Folder(near.sshd.root), installation, sftp, database, trouble, url, quirks)


def _installation(rig: Rig, url: str) -> Installation:
    home = rig.folder / "home"
    ports = {"DAGSTER_PORT": str(free_port()), "API_PORT": str(free_port())}
    return Installation(home, rig.settings(rig.sshd.root, url, home) | _SETTINGS | ports)


def _drain(stage: Stage) -> float:
    """The seconds until every file is settled, or no longer waited for."""
    began = time.monotonic()
    while any(ledger.unsettled(stage.folder, stage.ledger())):
        if time.monotonic() - began > _DRAINED_WITHIN:
            break
        stage.installation.revive()
        time.sleep(1)
    return time.monotonic() - began


def _met(stage: Stage) -> Iterator[Ratio]:
    rows = stage.ledger()
    done, trouble = stage.folder.done, stage.trouble
    told = ", ".join(f"{n} {what}" for what, n in done.items())
    yield Ratio("things done to files", done.total(), unit="", note=told)
    written = f"{len(stage.folder.good)} versions without a fault were put up"
    loaded = sum(row.loaded_at is not None for row in rows)
    yield Ratio("versions loaded", loaded, unit="", note=f"{len(rows)} were seen; {written}")
    yield Ratio("blows", trouble.met.total(), unit="", note=trouble.told)
    yield Ratio("of them kills -9", trouble.kills, unit="")
    for name, proxy in (("SFTP", stage.sftp), ("database", stage.database)):
        yield Ratio(f"faults on connections: {name}", proxy.met.total(), unit="", note=_told(proxy))
    ended = stage.installation.ended
    yield Ratio("ends of saft up by itself", ended, unit="")


def _told(proxy: RoughProxy) -> str:
    return ", ".join(f"{n} {what}" for what, n in sorted(proxy.met.items()))
