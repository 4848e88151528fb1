"""What may happen to an installation and its servers, one thing at a time, at random."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import psycopg

from saft_pipeline.dagster_runtime.storage import DAGSTER_DATABASE
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline_tests.benchmarks.measuring import children
from saft_pipeline_tests.benchmarks.soaking.installation import Installation
from saft_pipeline_tests.benchmarks.soaking.processes import PARTS, kill
from saft_pipeline_tests.benchmarks.soaking.rough_proxy import RoughProxy
from saft_pipeline_tests.fixtures.sshd import Sshd
from saft_pipeline_tests.sftp.quirks.catalog import HARMLESS

_TERMINATE = """
select count(pg_terminate_backend(pid)) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and random() < 0.5
"""
_LONGEST_DOWN = 60.0  # seconds

Blow = Callable[[], bool]


class Trouble:
    """Strikes with one of several blows; `met` counts those that found something to strike."""

    def __init__(self, chance: random.Random) -> None:
        self.met: Counter[str] = Counter()
        self.quirks: Counter[str] = Counter()
        self._chance = chance
        self._blows: dict[str, tuple[int, Blow]] = {}

    def add_kills(self, installation: Installation, tree: int, postgres: int) -> None:
        """Kills -9; the weights of killing everything, and the embedded Postgres."""
        self._blows["kill run worker"] = 4, partial(installation.kill_part, "run worker")
        for part in (*sorted(PARTS.keys() - {"supervisor"}), "reader"):
            self._blows[f"kill {part}"] = 1, partial(installation.kill_part, part)
        self._blows["kill tree"] = tree, installation.kill_tree
        self._blows["kill embedded Postgres"] = postgres, installation.kill_postgres

    def add_servers(
        self, installation: Installation, servers: Mapping[Sshd, RoughProxy], database_url: str
    ) -> None:
        """What happens to servers."""
        self._blows["SFTP down"] = 2, lambda: self._down(self._chance.choice([*servers.values()]))
        self._blows["sshd restarted"] = 2, lambda: _restart(self._chance.choice([*servers]))
        self._blows["database sessions ended"] = 3, partial(_terminate, database_url)
        history = partial(_terminate_history, installation.home)
        self._blows["history sessions ended"] = 2, history

    def another_quirk(self, names: Path) -> None:
        """The SFTP server behaves as others in the field do, from the next session on."""
        quirks = self._chance.choices(HARMLESS, k=self._chance.choice((0, 1, 1, 2)))
        names.write_text("\n".join(quirks))
        self.quirks.update(quirks or ["none"])

    def strike(self) -> None:
        """One blow."""
        weights = [weight for weight, _ in self._blows.values()]
        (name,) = self._chance.choices(list(self._blows), weights)
        if self._blows[name][1]():
            self.met[name] += 1

    @property
    def told(self) -> str:
        """All that was met, by kind."""
        return ", ".join(f"{n} {what}" for what, n in sorted(self.met.items()))

    @property
    def kills(self) -> int:
        """How many were kills -9."""
        return sum(n for what, n in self.met.items() if what.startswith("kill"))

    def _down(self, sftp: RoughProxy) -> bool:
        sftp.down(self._chance.uniform(1, _LONGEST_DOWN))
        return True


def _restart(sshd: Sshd) -> bool:
    """End all sessions, and have the server start anew on its port."""
    pid = int(Path(sshd.root.parent / "sshd.pid").read_text())
    kill(children(pid))
    os.kill(pid, signal.SIGHUP)
    return True


def _terminate(url: str) -> bool:
    with psycopg.connect(url, autocommit=True) as connection:
        ((ended,),) = connection.execute(_TERMINATE).fetchall()
        return bool(ended)


def _terminate_history(home: Path) -> bool:
    if not (home / "postgres" / "data" / "postmaster.pid").exists():  # not begun yet, or killed
        return False
    try:
        with EmbeddedPostgres(home) as server:
            return _terminate(server.url(DAGSTER_DATABASE))
    except psycopg.OperationalError:  # an earlier blow ends it at this moment
        return False
