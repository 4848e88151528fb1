"""Listing, fetching and archiving over SFTP, beside paramiko's own calls and `sftp -b`.

Near is loopback, far the same behind 20 ms of round trip. What goes file by file is done with fewer
files, and compared by the files a second.
"""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import paramiko

from saft_pipeline.sftp.client import Fetched, Loaded, SftpConfig, connect
from saft_pipeline_tests.benchmarks.delay_proxy import delayed
from saft_pipeline_tests.benchmarks.report import Ratio, best_of
from saft_pipeline_tests.fixtures.sshd import Sshd, start_sshd

Item = TypeVar("Item")

ONE_WAY = 0.01
RUNS = 3
SMALL_FILES, SMALL_SIZE = 2_000, 6_000
LARGE_SIZE = 300_000_000
NAMES, FEWER_NAMES = 100_000, 5_000
ONE_BY_ONE = 40


@dataclass(frozen=True)
class Server:
    """The server at some distance; `spill` is where files go."""

    where: str
    sshd: Sshd
    port: int
    spill: Path

    @property
    def config(self) -> SftpConfig:
        return SftpConfig(
            self.sshd.host,
            self.sshd.username,
            port=self.port,
            private_key_path=self.sshd.key_path,
            host_key_fingerprints=(self.sshd.fingerprint,),
        )

    @contextlib.contextmanager
    def paramiko(self) -> Iterator[paramiko.SFTPClient]:
        """Connect as paramiko's users do."""
        with paramiko.SSHClient() as client:
            client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
            client.connect(
                self.sshd.host,
                self.port,
                self.sshd.username,
                key_filename=str(self.sshd.key_path),
                look_for_keys=False,
                allow_agent=False,
            )
            yield client.open_sftp()

    def batch(self, commands: Sequence[str]) -> None:
        """Run OpenSSH's `sftp -b`."""
        command = ["sftp", "-q", "-b", "-", "-P", str(self.port), "-i", str(self.sshd.key_path)]
        options = ["-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null"]
        subprocess.run(
            [*command, *options, f"{self.sshd.username}@{self.sshd.host}"],
            input="\n".join(commands),
            text=True,
            check=True,
            capture_output=True,
        )


def run() -> Iterator[Ratio]:
    """Measure against a real sshd."""
    with (
        tempfile.TemporaryDirectory(prefix="saft-bench-") as folder,
        start_sshd(Path(folder) / "s") as sshd,
        delayed(sshd.host, sshd.port, ONE_WAY) as port,
    ):
        spill = Path(folder) / "spill"
        spill.mkdir()
        near, far = Server("near", sshd, sshd.port, spill), Server("far", sshd, port, spill)
        yield from _connecting(far)
        yield from _listing(far)
        small = _files(near, "small", SMALL_FILES, SMALL_SIZE)
        yield from _small_files(near, small)
        yield from _small_files(far, small, wanted=50)
        large = _files(near, "large", 1, LARGE_SIZE)
        yield from _large_file(near, large)
        yield from _large_file(far, large)
        yield from _archiving(far)


def _connecting(far: Server) -> Iterator[Ratio]:
    """Measure a poll that finds nothing."""
    folder = _files(far, "empty", 0)

    def ours() -> None:
        with connect(far.config) as sftp:
            sftp.list(folder, exclude="archive")

    def paramikos() -> None:
        with far.paramiko() as sftp:
            sftp.listdir_attr(folder)

    mine, other = best_of(RUNS, ours, paramikos)
    yield Ratio("poll of an empty folder, far: paramiko", other / mine, note=f"{mine:.2f} s")


def _listing(far: Server) -> Iterator[Ratio]:
    many, fewer = _files(far, "many", NAMES), _files(far, "fewer", FEWER_NAMES)
    with connect(far.config) as sftp, far.paramiko() as other:
        mine, theirs = best_of(
            RUNS, lambda: sftp.list(many, pattern="*"), lambda: other.listdir_attr(fewer)
        )
    yield Ratio(f"list {NAMES:,} names, far", mine, 10, "s", most=True)
    yield Ratio("  names a second: listdir_attr", (NAMES / mine) / (FEWER_NAMES / theirs))


def _small_files(server: Server, folder: str, wanted: float | None = None) -> Iterator[Ratio]:
    few = [f"{folder}/{number}.xml" for number in range(ONE_BY_ONE)]
    got = str(server.spill / "got")
    with connect(server.config) as sftp, server.paramiko() as other:
        files = sftp.list(folder).files
        mine, get, batch = best_of(
            RUNS,
            lambda: _drain(sftp.fetch(folder, files, server.spill)),
            lambda: _get_each(other, few, got),
            lambda: server.batch([f"get {path} {got}" for path in few]),
        )
    rate, each = len(files) / mine, len(few)
    name = f"{SMALL_FILES:,} files of 6 KB, {server.where}"
    yield Ratio(f"{name}: get", rate / (each / get), wanted, note=f"{rate:,.0f} files/s")
    yield Ratio(f"{name}: sftp -b", rate / (each / batch))


def _large_file(server: Server, folder: str) -> Iterator[Ratio]:
    path, got = f"{folder}/0.xml", str(server.spill / "got")
    with connect(server.config) as sftp, server.paramiko() as other:
        files = sftp.list(folder).files
        mine, get, batch = best_of(
            RUNS,
            lambda: _drain(sftp.fetch(folder, files, server.spill)),
            lambda: other.get(path, got),
            lambda: server.batch([f"get {path} {got}"]),
        )
    name, speed = f"a file of 300 MB, {server.where}", LARGE_SIZE / 1e6 / mine
    yield Ratio(f"{name}: get", get / mine, 1.5, note=f"{speed:,.0f} MB/s")
    yield Ratio(f"{name}: sftp -b", batch / mine)


def _archiving(far: Server) -> Iterator[Ratio]:
    folder = _files(far, "to-archive", SMALL_FILES * RUNS)
    few = _files(far, "to-rename", ONE_BY_ONE * RUNS)
    with connect(far.config) as sftp, far.paramiko() as other:
        waiting = [Loaded(f, "", racy=False) for f in sftp.list(folder).files]
        ones = list(sftp.list(few).files)

        def ours() -> None:
            for _, error in sftp.archive_all(folder, _take(waiting, SMALL_FILES), "archive"):
                assert error is None

        def one_by_one() -> None:
            for file in _take(ones, ONE_BY_ONE):
                other.stat(f"{few}/{file.text}")
                other.posix_rename(f"{few}/{file.text}", f"{few}/moved-{file.text}")

        mine, theirs = best_of(RUNS, ours, one_by_one)
    rate = SMALL_FILES / mine
    ratio = rate / (ONE_BY_ONE / theirs)
    yield Ratio("archive, far: stat and rename", ratio, note=f"{rate:,.0f} files/s")


def _get_each(client: paramiko.SFTPClient, paths: Sequence[str], target: str) -> None:
    for path in paths:
        client.get(path, target)


def _take(files: list[Item], count: int) -> list[Item]:
    taken, files[:count] = files[:count], []
    return taken


def _drain(results: Iterator[object]) -> None:
    for result in results:
        assert isinstance(result, Fetched)
        if isinstance(result.content, Path):
            result.content.unlink()


def _files(server: Server, name: str, count: int, size: int = 0) -> str:
    """Make a folder of files, gone when the server's is; gives its path on the server."""
    folder = server.sshd.root / name
    folder.mkdir()
    content = os.urandom(size)
    for number in range(count):
        (folder / f"{number}.xml").write_bytes(content)
    return str(folder)
