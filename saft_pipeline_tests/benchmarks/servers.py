"""Every SFTP server installed: the cycle on 1,000 tiny files and 50 MB, beside rclone and lftp.

Ratios to OpenSSH's server are of our own client; those to rclone and lftp are on the same server.
"""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from saft_pipeline.sftp.client import Fetched, Loaded, Quirks, connect
from saft_pipeline_tests.benchmarks.report import Ratio, best_of, seconds
from saft_pipeline_tests.fixtures.sftp_servers import INSTALLED, SERVERS, SftpServer

FILES, SIZE, LARGE = 1_000, 6_000, 50_000_000
RUNS = 3


@dataclass(frozen=True)
class Times:
    """Seconds: 1,000 tiny files, the same by others (none where they can't log in), and 50 MB."""

    tiny: float
    by_others: dict[str, float]
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
        for other, took in times.by_others.items():
            yield Ratio(f"{name}: 1,000 tiny files, over {other}", took / times.tiny, 1)


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

    others = _OTHERS if server.config.password else {}
    mine, *theirs = best_of(
        RUNS, tiny, *(partial(_copied, copy, server, folder) for copy in others.values())
    )
    assert len(loaded) == FILES
    by_others = dict(zip(others, theirs, strict=True))
    return Times(
        mine, by_others, _large(server, quirks, spill), _clear(server, quirks, loaded), quirks
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


def _copied(copy: Callable[[SftpServer, Path], None], server: SftpServer, folder: Path) -> None:
    """Have another program fetch all; what it fetched goes."""
    into = folder / "got"
    copy(server, into)
    found = [*into.glob("*.xml")]
    assert len(found) == FILES
    for path in found:
        path.unlink()


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


def _lftp(server: SftpServer, into: Path) -> None:
    """What `lftp mirror` makes of it, with as many transfers as rclone."""
    config = server.config
    ssh = "ssh -a -x -oStrictHostKeyChecking=no -oUserKnownHostsFile=/dev/null"
    script = (
        f"set sftp:connect-program '{ssh}'; set net:max-retries 2; "
        f"open -u {config.username},{config.password} sftp://{config.host}:{config.port}; "
        f"mirror --parallel=16 --include-glob *.xml {server.remote_dir} {into}; bye"
    )
    subprocess.run(["lftp", "--norc", "-c", script], check=True, capture_output=True)


_OTHERS = {"rclone": _rclone, "lftp": _lftp}
