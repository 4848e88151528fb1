"""Every SFTP server installed: the cycle on 1,000 tiny files and 50 MB, beside OpenSSH and rclone.

Ratios to OpenSSH's server are of our own client; those to rclone are on the same server.
"""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from saft_pipeline.sftp.client import Fetched, Loaded, Quirks, connect
from saft_pipeline_tests.benchmarks.report import Ratio, best_of, seconds
from saft_pipeline_tests.fixtures.sftp_servers import INSTALLED, SERVERS, SftpServer

FILES, SIZE, LARGE = 1_000, 6_000, 50_000_000
RUNS = 3


@dataclass(frozen=True)
class Times:
    """Seconds: 1,000 tiny files, the same by rclone (None where it can't log in), and 50 MB."""

    tiny: float
    by_rclone: float | None
    large: float
    cleared: float
    quirks: Quirks


def run() -> Iterator[Ratio]:
    """Measure one server after the other."""
    usual: Times | None = None
    for name in INSTALLED:
        with (
            tempfile.TemporaryDirectory(prefix="saft-servers-") as folder,
            SERVERS[name](Path(folder) / "s") as server,
        ):
            times = _measure(server, Path(folder))
        usual = usual or times
        said = "; ".join(times.quirks.sayings)
        yield Ratio(f"{name}: 1,000 tiny files", usual.tiny / times.tiny, note=said)
        yield Ratio(f"{name}: 50 MB", usual.large / times.large)
        yield Ratio(f"{name}: archive and delete 1,000", usual.cleared / times.cleared)
        if times.by_rclone is not None:
            yield Ratio(f"{name}: 1,000 tiny files, over rclone", times.by_rclone / times.tiny, 1)


def _measure(server: SftpServer, folder: Path) -> Times:
    spill = folder / "spill"
    spill.mkdir()
    for number in range(FILES):
        (server.root / f"{number}.xml").write_bytes(os.urandom(SIZE))
    with connect(server.config) as sftp:
        sftp.try_out(server.remote_dir, "archive")
        found = sftp.list(server.remote_dir, exclude="archive")
        quirks = sftp.quirks
    loaded: list[Loaded] = []

    def tiny() -> None:
        with connect(server.config, quirks) as sftp:
            results = sftp.fetch(server.remote_dir, found.files, spill)
            loaded[:] = [Loaded(r.file, r.sha256) for r in results if isinstance(r, Fetched)]

    by_rclone = None
    if server.config.password:
        mine, by_rclone = best_of(RUNS, tiny, lambda: _rclone(server, folder / "got"))
    else:
        (mine,) = best_of(RUNS, tiny)
    assert len(loaded) == FILES
    return Times(
        mine, by_rclone, _large(server, quirks, spill), _clear(server, quirks, loaded), quirks
    )


def _large(server: SftpServer, quirks: Quirks, spill: Path) -> float:
    (server.root / "large.bin").write_bytes(os.urandom(LARGE))
    with connect(server.config, quirks) as sftp:
        found = sftp.list(server.remote_dir, pattern="*.bin")

        def large() -> None:
            (result,) = sftp.fetch(server.remote_dir, found.files, spill)
            assert isinstance(result, Fetched)
            assert isinstance(result.content, Path)
            result.content.unlink()

        (took,) = best_of(RUNS, large)
    return took


def _clear(server: SftpServer, quirks: Quirks, loaded: list[Loaded]) -> float:
    half = len(loaded) // 2

    def clear() -> None:
        with connect(server.config, quirks) as sftp:
            archived = list(sftp.archive_all(server.remote_dir, loaded[:half], "archive"))
            removed = list(sftp.remove_all(server.remote_dir, loaded[half:]))
        assert not [error for _, error in [*archived, *removed] if error]

    return seconds(clear)


def _rclone(server: SftpServer, into: Path) -> None:
    """What `rclone copy` makes of it, with as many transfers as we have requests."""
    config = server.config
    hidden = subprocess.run(
        ["rclone", "obscure", config.password or ""], check=True, capture_output=True, text=True
    ).stdout.strip()
    remote = f":sftp,host={config.host},port={config.port},user={config.username},pass={hidden}"
    command = ["rclone", "copy", f"{remote},shell_type=none:{server.remote_dir}", str(into)]
    command += ["--include", "*.xml", "--transfers", "16", "--config", "/dev/null"]
    subprocess.run([*command, "--ignore-times"], check=True, capture_output=True)
    with contextlib.suppress(OSError):
        for path in into.glob("*.xml"):
            path.unlink()
