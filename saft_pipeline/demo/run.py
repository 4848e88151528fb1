"""The demo put together: sample files, SFTP server, Dagster, and what became of each file."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from saft_pipeline.dagster_runtime import runs
from saft_pipeline.dagster_runtime.instance import open_instance
from saft_pipeline.dagster_runtime.location import Location
from saft_pipeline.dagster_runtime.names import FILE_ASSETS
from saft_pipeline.dagster_runtime.partitions import partition_key
from saft_pipeline.demo.generator import Sample, samples
from saft_pipeline.demo.sftp_server import DemoSftpServer
from saft_pipeline.processes.child_logs import LogFiles
from saft_pipeline.processes.supervisor import Supervisor, free_port, is_free
from saft_pipeline.settings import load, variables
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.opening import open_store
from saft_pipeline.store.store import Store

_FIRST_PORT = 2222
_NO_FILE = Path(os.devnull)
SHOPS, ACCOUNTANT = "shops", "accountant"
"""The two sources: folders of one server, and their names."""
_PACKED = 3
_ZIP = "invoices.zip"


@dataclass(frozen=True)
class Shown:
    """What the ledger says of the samples now."""

    settled: bool
    files: Sequence[LedgerFile]
    summary: dict[str, int]
    companies: Sequence[tuple[Any, ...]]
    surprises: Sequence[str]


@dataclass(frozen=True)
class Demo:
    """A demo that runs."""

    supervisor: Supervisor
    inbox: Path
    logs: Path
    expected: dict[str, Sample]
    store: Store
    sources: Sequence[str]
    instance: dg.DagsterInstance

    @property
    def page(self) -> str:
        """The status page."""
        return f"http://127.0.0.1:{self.supervisor.settings.api_port}/"

    def look(self) -> Shown:
        """How far the samples are."""
        self.supervisor.check()
        every = [file for name in self.sources for file in self.store.files(source=name)]
        files = [f for f in every if f.path in self.expected]
        there = len(files) == len(self.expected) and all(f.status in _SETTLED for f in files)
        # A run goes on a little after its last file: it reports and ends.
        settled = there and not runs.unfinished(self.instance, Location())
        return Shown(
            settled=settled,
            files=every,
            summary=_summary(files),
            companies=self.store.company_totals() if settled else (),
            surprises=[*self._unmeant(files), *(self._unshown(files) if settled else ())],
        )

    def _unmeant(self, files: Sequence[LedgerFile]) -> Iterator[str]:
        for file in files:
            if file.status != (meant := self.expected[file.path].expected):
                yield f"{file.path}: {file.status}, not {meant}"

    def _unshown(self, files: Sequence[LedgerFile]) -> Iterator[str]:
        """What Dagster shows otherwise than the ledger has it."""
        keys = {partition_key(f): f for f in files}
        for asset in FILE_ASSETS[1:]:  # a file that fails is kept as it came
            shown = self.instance.get_materialized_partitions(dg.AssetKey(asset))
            for key, file in keys.items():
                if (key in shown) != (file.status == "loaded"):
                    has = "a" if key in shown else "no"
                    yield f"{file.path}: {file.status}, with {has} materialization of {asset}"


_SETTLED = {"loaded", "failed", "incomplete"}


def _summary(files: Sequence[LedgerFile]) -> dict[str, int]:
    states = {s: sum(f.status == s for f in files) for s in ("loaded", "failed", "incomplete")}
    loaded = [f for f in files if f.status == "loaded"]
    invoices = sum(f.total_invoices or 0 for f in loaded)
    return {**states, "invoices": invoices, "lines": sum(f.total_lines or 0 for f in loaded)}


@contextmanager
def running_demo(count: int, say: Callable[[str], object], *, page: bool) -> Iterator[Demo]:
    """Everything started, on this machine only, whatever servers the settings name.

    `page`: the status page, too.
    """
    say("the demo has servers of its own: no `.env` and no setting but SAFT_HOME and ports is read")
    ports = {n: os.environ[n] for n in ("SAFT_HOME", "DAGSTER_PORT", "API_PORT") if n in os.environ}
    home = load(ports, _NO_FILE).home / "demo"
    expected = {s.path: s for s in samples(count)}
    say(f"writing {len(expected)} sample files into {home / 'inbox'}, some of them in a zip")
    expected = write_samples(home / "inbox", expected.values())
    with DemoSftpServer(home / "inbox", port=_port(home)) as server:
        (home / "port").write_text(str(server.port))
        given = {"SAFT_HOME": str(home.parent), **_server(server, home), **_free_ports(ports)}
        settings = load(given, _NO_FILE)
        say("starting Postgres")
        store = open_store(settings)
        say("starting Dagster: daemon, web server, code server")
        logs = home / "logs"
        with Supervisor(
            settings, LogFiles(logs), api=page, environ=_without_settings() | given, folder=home
        ) as supervisor:
            say(f"Dagster at {supervisor.url}; the sensor polls the SFTP server")
            with open_instance(settings) as instance:
                inbox = home / "inbox" / SHOPS
                names = [each.source for each in settings.sources]
                yield Demo(supervisor, inbox, logs, expected, store, names, instance)
        store.close()


def write_samples(inbox: Path, wanted: Iterable[Sample]) -> dict[str, Sample]:
    """Write samples into the folders of two sources; each by its path in the ledger.

    The last that are well are a zip of the accountant's, if there are enough.
    """
    every = list(wanted)
    good = [sample for sample in every if sample.expected == "loaded"]
    packed = good[-_PACKED:] if len(every) > 2 * _PACKED else []
    for sample in every:
        if sample not in packed:
            _write(inbox / SHOPS / sample.path, sample.content)
    (inbox / ACCOUNTANT).mkdir(parents=True, exist_ok=True)
    if packed:
        _write(inbox / ACCOUNTANT / _ZIP, _zip_of(packed))
    return {(f"{_ZIP}/{s.path}" if s in packed else s.path): s for s in every}


def _write(path: Path, content: bytes) -> None:
    """Write what is not there yet with the same bytes, so that a second demo finds it unchanged."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)


def _zip_of(packed: Iterable[Sample]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for sample in packed:
            archive.writestr(zipfile.ZipInfo(sample.path), sample.content)
    return stream.getvalue()


def _port(home: Path) -> int:
    """The port of the last demo if it is free: the ledger knows the folder by host and port."""
    kept = home / "port"
    said = kept.read_text() if kept.exists() else ""  # empty: it was killed as it wrote
    wanted = int(said) if said.isdecimal() else _FIRST_PORT
    return wanted if is_free(wanted) else 0


def _server(server: DemoSftpServer, home: Path) -> dict[str, str]:
    """The settings of the demo's server, kept for who wants to look at it by `sftp`."""
    login = {
        "SFTP_HOST": server.host,
        "SFTP_PORT": str(server.port),
        "SFTP_USERNAME": server.username,
        "SFTP_PASSWORD": server.password,
        "SFTP_HOST_KEY_FINGERPRINTS": server.fingerprint,
    }
    env_file = home / "sftp.env"
    env_file.touch(mode=0o600)
    env_file.write_text("".join(f"{name}={value}\n" for name, value in login.items()))
    sources = home / "sources.toml"
    sources.write_text(
        "".join(f'[{name}]\nremote_dir = "{name}"\n' for name in (SHOPS, ACCOUNTANT))
    )
    return {"POLL_INTERVAL_SECONDS": "5", "SOURCES_FILE": str(sources), **login}


def _free_ports(given: dict[str, str]) -> dict[str, str]:
    """Those that are wanted, or the next that are free."""
    wanted = load(given, _NO_FILE)
    return {
        "DAGSTER_PORT": str(free_port(wanted.dagster_port)),
        "API_PORT": str(free_port(wanted.api_port)),
    }


def _without_settings() -> dict[str, str]:
    """This process's environment for children that are to reach the demo's servers and no other."""
    ours = variables()
    return {name: value for name, value in os.environ.items() if name not in ours}
