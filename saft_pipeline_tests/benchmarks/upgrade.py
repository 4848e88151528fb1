"""Real upgrades: commits that landed before are installed, load, and the checkout goes on in place.

Not a ratio but a yes or no: 1 if `saft up` of this checkout goes on in a home that `saft up` of the
old one made, with the embedded Postgres and a folder on a real sshd. Needs git's history and the
package index.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saft_pipeline_tests.benchmarks.report import Ratio
from saft_pipeline_tests.fixtures.project import one_invoice
from saft_pipeline_tests.fixtures.sshd import Sshd, free_port, start_sshd

_ROOT = Path(__file__).parents[2]
_LANDED = ("7612d3c", "d326f0f", "8073678", "395c4b3", "2cae1e8")
_SAFT = "from saft_pipeline.cli import main; main()"
_PATIENCE = 180.0
_HISTORY = """query($run: ID!) {
  runOrError(runId: $run) { __typename }
  assetNodeOrError(assetKey: {path: ["invoices"]}) {
    ... on AssetNode { assetMaterializations { partition } }
  }
}"""


class UpgradeError(Exception):
    """What went wrong."""


@dataclass(frozen=True)
class _Version:
    """One version of the program, used in one home and folder."""

    python: Path
    env: dict[str, str]
    folder: Path

    def run(self, *words: str) -> str:
        """What a command says that must end well."""
        done = subprocess.run(
            [self.python, *words],
            cwd=self.folder, env=self.env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise UpgradeError(f"{' '.join(words[-3:])}: {(done.stderr + done.stdout)[-600:]}")
        return done.stdout

    def files(self) -> dict[str, Any]:
        """The ledger, by path."""
        found = json.loads(self.run("-c", _SAFT, "status", "--json"))["files"]
        return {file["path"]: file for file in found}

    @contextlib.contextmanager
    def up(self, log: Path) -> Iterator[None]:
        """`saft up`, until it has ended by itself at SIGTERM."""
        with log.open("w") as said:
            process = subprocess.Popen(
                [self.python, "-c", _SAFT, "up"],
                cwd=self.folder, env=self.env, stdout=said, stderr=said,
            )  # fmt: skip
        try:
            yield
        except UpgradeError as error:
            raise UpgradeError(f"{error}; {log.name}: {log.read_text()[-1500:]}") from error
        finally:
            process.terminate()
            if process.wait(60):
                raise UpgradeError(f"{log.name}: ended with {process.returncode}")

    def until_loaded(self, count: int) -> dict[str, Any]:
        """The ledger when so many files are loaded."""
        deadline = time.monotonic() + _PATIENCE
        found: dict[str, Any] = {}
        while time.monotonic() < deadline:
            with contextlib.suppress(UpgradeError):  # it is still starting
                found = self.files()
            if sum(file["status"] == "loaded" for file in found.values()) == count:
                return found
            time.sleep(1)
        states = {path: (file["status"], file["error"]) for path, file in found.items()}
        raise UpgradeError(f"{count} files were to be loaded: {states}")


def run() -> Iterator[Ratio]:
    """From each commit that was published."""
    for commit in _LANDED:
        yield Ratio(f"{commit} upgrades in place", int(not (note := tried(commit))), 1, note=note)


def tried(commit: str) -> str:
    """What went wrong; nothing if all is well."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="saft-upgrade-")))
        folder.chmod(0o755)  # root's old server runs as somebody else, who has to get there
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="saft-")))
        old = _installed(commit, folder)
        sshd = stack.enter_context(start_sshd(folder / "sshd"))
        env = _environment(sshd, home)
        try:
            _upgraded(_Version(old, env, folder), _Version(Path(sys.executable), env, folder), sshd)
        except UpgradeError as error:
            return str(error)
    return ""


def _installed(commit: str, folder: Path) -> Path:
    """The interpreter of an environment that has the commit and what it asks for."""
    subprocess.run(["git", "clone", "-q", _ROOT, folder / "old"], check=True)
    subprocess.run(["git", "-C", folder / "old", "checkout", "-q", commit], check=True)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", folder / "old"], check=True)
    return python


def _environment(sshd: Sshd, home: Path) -> dict[str, str]:
    return {
        **os.environ,
        "SAFT_HOME": str(home),
        "SFTP_HOST": sshd.host,
        "SFTP_PORT": str(sshd.port),
        "SFTP_USERNAME": sshd.username,
        "SFTP_PRIVATE_KEY_PATH": str(sshd.key_path),
        "SFTP_KNOWN_HOSTS_PATH": str(sshd.known_hosts_path),
        "SFTP_REMOTE_DIR": str(sshd.root),
        "POLL_INTERVAL_SECONDS": "5",
        "DAGSTER_PORT": str(free_port()),
        "API_PORT": str(free_port()),
    }


def _upgraded(old: _Version, new: _Version, sshd: Sshd) -> None:
    for number in (1, 2):
        (sshd.root / f"{number}.xml").write_text(one_invoice(f"FT UP/{number}"))
    with old.up(old.folder / "old.log"):
        before = old.until_loaded(2)
    (sshd.root / "3.xml").write_text(one_invoice("FT UP/3"))
    with new.up(new.folder / "new.log"):
        after = new.until_loaded(3)
        new.run("-c", _SAFT, "check")
        there = {**new.env, "DAGSTER_HOME": str(Path(new.env["SAFT_HOME"]) / "dagster")}
        _Version(new.python, there, new.folder).run("-m", "dagster", "instance", "migrate")
        _seen_on_the_page(new, before)
    for path, file in before.items():
        if [file[k] for k in ("run_id", "attempts")] != [
            after[path][k] for k in ("run_id", "attempts")
        ]:
            raise UpgradeError(f"{path} was loaded again")


def _seen_on_the_page(new: _Version, before: dict[str, Any]) -> None:
    """The old runs, and the partitions of all files."""
    run_id = next(iter(before.values()))["run_id"]
    body = json.dumps({"query": _HISTORY, "variables": {"run": run_id}}).encode()
    url = f"http://127.0.0.1:{new.env['DAGSTER_PORT']}/graphql"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = json.load(answer)["data"]
    made = {each["partition"] for each in found["assetNodeOrError"]["assetMaterializations"]}
    if found["runOrError"]["__typename"] != "Run" or len(made) != len(before) + 1:
        raise UpgradeError(f"the page shows {found}")
