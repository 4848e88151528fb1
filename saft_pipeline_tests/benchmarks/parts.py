"""What a tiny file costs, part by part: CPU of each process, beside what nobody can go below."""

from __future__ import annotations

import os
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psycopg
from lxml import etree

from saft_pipeline_tests.benchmarks.designs import saft, write_tiny
from saft_pipeline_tests.benchmarks.measuring import below, sampled
from saft_pipeline_tests.benchmarks.report import Ratio
from saft_pipeline_tests.benchmarks.rig import Rig, rig

_FILES = 6_000
_GROUP = 100
_SAMPLE_SECONDS = 0.01
_TICK = os.sysconf("SC_CLK_TCK")
_TABLES = ("companies", "invoices", "invoice_lines", "invoice_files", "invoice_file_links")
_FSYNCS = 50
_MOST = 4.5


def run() -> Iterable[Ratio]:
    """Milliseconds of CPU a file, of one poll over a near server; what is sampled may lack 1 %."""
    with rig(redis=False) as near:
        remote = near.remote_folder("tiny")
        installation = saft(near, remote)
        installation.poll()
        write_tiny(remote, _FILES)
        parts = _Parts(near.postgres_port)
        with sampled(parts.look, _SAMPLE_SECONDS):
            outcome = installation.poll()
        for name, spent in sorted(parts.spent().items()):
            yield _a_file(name, spent)
        ours = sum(spent for name, spent in parts.spent().items() if name != _SERVER)
        note = f"{_FILES:,} files in {outcome.seconds:.1f} s; without the SFTP server"
        yield Ratio("all parts", _milliseconds(ours), _MOST, "ms", most=True, note=note)
        yield _a_file("floor: sftp -b, which only fetches", _fetched(near, remote))
        yield _a_file("floor: lxml, which only parses", _parsed(remote))
        yield _a_file("floor: COPY of the same rows", _copied(installation.database_url))
        yield Ratio("floor: one fsync, by the clock", 1000 * _synced(near.folder), unit="ms")


def _a_file(name: str, spent: float) -> Ratio:
    return Ratio(name, _milliseconds(spent), unit="ms")


def _milliseconds(spent: float) -> float:
    return 1000 * spent / _FILES


_SERVER = "SFTP server"


class _Parts:
    """Seconds of CPU that each part used since the beginning, by what its processes are."""

    def __init__(self, port: int) -> None:
        self._tables = f"-p {port}"
        self._before = {pid: _cpu(pid) for pid in below(os.getpid())}
        self._spent: dict[int, float] = {}
        self._names: dict[int, str] = {}

    def look(self) -> None:
        """Processes end; what they used is what it was when last looked at."""
        for pid, parent in below(os.getpid()).items():
            spent = _cpu(pid) - self._before.get(pid, 0)
            if spent > 0:
                self._spent[pid] = max(spent, self._spent.get(pid, 0))
                if command := _command(pid):  # none when it has just ended
                    self._names[pid] = self._part(command, _command(parent))

    def spent(self) -> dict[str, float]:
        """By part."""
        found: dict[str, float] = defaultdict(float)
        for pid, seconds in self._spent.items():
            found[self._names.get(pid, "unseen")] += seconds
        return found

    def _part(self, command: str, parent: str) -> str:
        if "sshd" in command or "sftp-server" in command:
            return _SERVER
        if "postgres" in command:
            ours = self._tables in command + parent
            return "Postgres: ledger and tables" if ours else "Postgres: Dagster's history"
        return "main process" if " poll " in command else "reading processes"


def _command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def _cpu(pid: int) -> float:
    """Seconds of utime and stime of proc(5)."""
    with suppress(OSError):
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / _TICK
    return 0.0


def _fetched(near: Rig, remote: Path) -> float:
    """Seconds of CPU of OpenSSH's own client, which asks ahead."""
    into = near.folder / "fetched"
    into.mkdir()
    command = [
        "sftp", "-q", "-b", "-", "-P", str(near.sftp_port), "-i", str(near.sshd.key_path),
        "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
        f"{near.sshd.username}@{near.sshd.host}",
    ]  # fmt: skip
    before = os.times()
    batch = f"get -r {remote} {into}\n"
    subprocess.run(command, input=batch, text=True, check=True, capture_output=True)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


def _parsed(remote: Path) -> float:
    contents = [path.read_bytes() for path in remote.iterdir()]
    started = time.process_time()
    for content in contents:
        etree.fromstring(content)
    return time.process_time() - started


def _copied(database_url: str) -> float:
    """Seconds of CPU of a session that takes the rows in again by groups, all indexes kept."""
    with psycopg.connect(database_url) as connection:
        pid = connection.info.backend_pid
        spent = 0.0
        for table in _TABLES:
            source = f"copy (select * from public.{table}) to stdout"
            with connection.cursor().copy(source) as copy:
                lines = b"".join(copy).splitlines(keepends=True)
            connection.execute(f"create temp table copied (like public.{table} including all)")
            before, size = _cpu(pid), max(1, len(lines) * _GROUP // _FILES)
            for first in range(0, len(lines), size):
                with connection.cursor().copy("copy copied from stdin") as copy:
                    copy.write(b"".join(lines[first : first + size]))
            spent += _cpu(pid) - before
            connection.execute("drop table copied")
        return spent


def _synced(folder: Path) -> float:
    """Seconds that writing 8 KB to the disk takes, at its middle."""
    taken = []
    with (folder / "synced").open("wb", buffering=0) as file:
        for _ in range(_FSYNCS):
            file.write(bytes(8192))
            started = time.perf_counter()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - started)
    return sorted(taken)[_FSYNCS // 2]
