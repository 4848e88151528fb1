"""Whether rows are right after half an hour of four sources, faults, quirks and kills."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from saft_pipeline_tests.fixtures.sshd import Sshd, free_port, start_sshd

_BURSTS = (1, 1, 1, 150)  # files that each producer puts up at a time, in a source of its own
_SEED = 8
_BLOW_EVERY = 15.0  # seconds, on average
_QUIRK_EVERY = 8.0
_DRAINED_WITHIN = 600.0
_NO_WAITING = """
update public.invoice_files set next_attempt_at = now()
where status = 'incomplete' and next_attempt_at > now()
"""
_SETTINGS = {
    "POLL_INTERVAL_SECONDS": "5",
    "MAX_FILES_PER_BATCH": "0",
    "RUN_PER_FILE_UP_TO": "3",
    "LEASE_SECONDS": "60",
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
    sftp: Sequence[RoughProxy]
    database: RoughProxy
    trouble: Trouble
    url: str
    quirks: Sequence[Path]

    def calm(self) -> None:
        """No fault from now on; who gave up for a while is not waited for."""
        for quirks in self.quirks:
            quirks.write_text("")
        for proxy in (*self.sftp, self.database):
            proxy.calm()
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("select public.saft_retry()")
            connection.execute(_NO_WAITING)

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
        due = odd = time.monotonic() + _BLOW_EVERY
        while any(producer.is_at_work for producer in producers):
            stage.installation.revive()
            if time.monotonic() >= due:
                stage.trouble.strike()
                due = time.monotonic() + chance.expovariate(1 / _BLOW_EVERY)
            if time.monotonic() >= odd:
                stage.trouble.another_quirk(chance.choice(stage.quirks))
                odd = time.monotonic() + chance.expovariate(1 / _QUIRK_EVERY)
            time.sleep(1)
        stage.installation.revive()
        for producer in producers:
            producer.finish()


@contextmanager
def _stage() -> Iterator[Stage]:
    with ExitStack() as stack:
        near = stack.enter_context(rig(redis=False))
        url = near.database("saft")
        migrate(url)
        servers = [stack.enter_context(_quirky(near.folder, n)) for n in range(len(_BURSTS))]
        kinds = ("RST", "FIN", "silence", "slow")
        sftp = [
            stack.enter_context(rough(each.port, *kinds, rate=0.35, longest=20)) for each in servers
        ]
        database = stack.enter_context(rough(near.postgres_port, "RST", "FIN", rate=0.25))
        far = url.replace(str(near.postgres_port), str(database.port))
        installation = _installation(near, far, dict(zip(servers, sftp, strict=True)))
        stack.callback(installation.end)
        trouble = Trouble(random.Random(_SEED))
        trouble.add_kills(installation, tree=1, postgres=1)
        trouble.add_servers(installation, dict(zip(servers, sftp, strict=True)), url)
        quirks = [_quirks_of(near.folder, n) for n in range(len(servers))]
        yield Stage(Folder(near.sshd.root), installation, sftp, database, trouble, url, quirks)


def _quirks_of(folder: Path, number: int) -> Path:
    return folder / f"quirks-{number}"


@contextmanager
def _quirky(folder: Path, number: int) -> Iterator[Sshd]:
    """A server whose sessions have the quirks that are in its file then."""
    _quirks_of(folder, number).touch()
    program = f"{sys.executable} -m saft_pipeline_tests.sftp.quirks {_quirks_of(folder, number)}"
    with start_sshd(folder / f"sshd-{number}", settings=[f"Subsystem sftp {program}"]) as server:
        yield server


def _installation(rig: Rig, url: str, servers: Mapping[Sshd, RoughProxy]) -> Installation:
    """Each server is a source whose name is that of its producer's folder."""
    home, file = rig.folder / "home", rig.folder / "sources.toml"
    tables = []
    for number, (server, proxy) in enumerate(servers.items()):
        root = rig.sshd.root / str(number)
        root.mkdir()
        tables += [
            f"[{number}]",
            f"port = {proxy.port}",
            f'private_key_path = "{server.key_path}"',
            f'host_key_fingerprints = "{server.fingerprint}"',
            f'remote_dir = "{root}"',
        ]
    file.write_text("\n".join(tables))
    ports = {"DAGSTER_PORT": str(free_port()), "API_PORT": str(free_port())}
    settings = rig.settings(rig.sshd.root, url, home) | {"SOURCES_FILE": str(file)}
    return Installation(home, settings | _SETTINGS | ports)


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
    told = ", ".join(f"{n} {what}" for what, n in sorted(trouble.quirks.items()))
    yield Ratio("quirks switched on", trouble.quirks.total(), unit="", note=told)
    for name, proxies in (("SFTP", stage.sftp), ("database", [stage.database])):
        met = sum((proxy.met for proxy in proxies), Counter[str]())
        told = ", ".join(f"{n} {what}" for what, n in sorted(met.items()))
        yield Ratio(f"faults on connections: {name}", met.total(), unit="", note=told)
    ended = stage.installation.ended
    yield Ratio("ends of saft up by itself", ended, unit="")
