"""The designs that benchmarks compare, each run over a folder of the SFTP server to its end."""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from saft_pipeline.demo.generator import invoice_file
from saft_pipeline.store.migrate import migrate
from saft_pipeline_tests.benchmarks import baselines
from saft_pipeline_tests.benchmarks.baselines.environments import python_of
from saft_pipeline_tests.benchmarks.measuring import Outcome, run
from saft_pipeline_tests.benchmarks.rig import Rig

_TIMEOUT = 1800
_FIRST = 2  # the generator's file 1 lies about its encoding, which baselines don't see through
_SAFT = str(Path(sys.executable).with_name("saft"))


def write_tiny(remote: Path, count: int, first: int = 0) -> None:
    """Write files of one invoice, about 6 KB each; others for another `first`."""
    for number in range(_FIRST + first, _FIRST + first + count):
        sample = invoice_file(number)
        (remote / Path(sample.path).name).write_bytes(sample.content)


@dataclasses.dataclass(frozen=True)
class Saft:
    """This program: a home, a database with its tables, and a remote folder."""

    home: Path
    settings: Mapping[str, str]
    database_url: str

    def poll(self) -> Outcome:
        """`saft poll --drain`, from the start of the command; raises if a file isn't loaded."""
        return run([_SAFT, "poll", "--drain", "--json"], self.settings, _TIMEOUT)


def saft(rig: Rig, remote: Path) -> Saft:
    """An installation that has just been made: no home yet, an empty ledger."""
    home = Path(tempfile.mkdtemp(dir=rig.folder, prefix="home-"))
    database_url = rig.database("saft")
    settings = rig.settings(remote, database_url, home)
    migrate(database_url)
    return Saft(home, settings, database_url)


def celery(rig: Rig, remote: Path, processes: int) -> Outcome:
    """The old program's design; its time is that of the tasks alone, workers warm."""
    driver = f"{baselines.__name__}.celery_driver"
    command = [str(python_of("celery")), "-m", driver, str(processes)]
    servers = rig.servers(remote, rig.database("celery"))
    outcome = run(command, servers.environment(), _TIMEOUT)
    return dataclasses.replace(outcome, seconds=outcome.document["seconds"])


def dlt(rig: Rig, remote: Path, way: str) -> Outcome:
    """A dlt pipeline, in one of the ways of its module, from the start of the command."""
    state = tempfile.mkdtemp(dir=rig.folder, prefix="dlt-")
    command = [str(python_of("dlt")), "-m", f"{baselines.__name__}.dlt_pipeline", way, state]
    servers = rig.servers(remote, rig.database("dlt"))
    return run(command, servers.environment(), _TIMEOUT)
