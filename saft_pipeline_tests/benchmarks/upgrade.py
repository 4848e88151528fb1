"""Real upgrades: commits that landed before are installed, load, and the checkout goes on in place.

Not a ratio but a yes or no: 1 if the files of both versions are loaded in one home afterwards, with
the embedded Postgres, and Dagster's own migration is through. Needs git's history and the package
index.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from saft_pipeline_tests.benchmarks.report import Ratio
from saft_pipeline_tests.fixtures.own_home import own_home
from saft_pipeline_tests.fixtures.project import one_invoice

_ROOT = Path(__file__).parents[2]
_LANDED = ("7612d3c", "8073678")
_SAFT = "from saft_pipeline.cli import main; main()"


def run() -> Iterator[Ratio]:
    """From each commit that was published."""
    for commit in _LANDED:
        with tempfile.TemporaryDirectory(prefix="saft-upgrade-") as folder, own_home() as home:
            note = _upgraded(commit, Path(folder), home)
        yield Ratio(f"{commit} upgrades in place", int(note == ""), 1, note=note)


def _upgraded(commit: str, folder: Path, home: Path) -> str:
    """What went wrong; nothing if all is well."""
    old, files = folder / "old", folder / "files"
    files.mkdir()
    for number in (1, 2):
        (files / f"{number}.xml").write_text(one_invoice(f"FT UP/{number}"))
    subprocess.run(["git", "clone", "-q", _ROOT, old], check=True)
    subprocess.run(["git", "-C", old, "checkout", "-q", commit], check=True)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    before = folder / "venv" / "bin" / "python"
    subprocess.run([before, "-m", "pip", "install", "-q", "-e", old], check=True)
    env = {**os.environ, "SAFT_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")}
    for python, words in (
        (before, ["-c", _SAFT, "ingest", str(files / "1.xml")]),
        (sys.executable, ["-c", _SAFT, "ingest", str(files / "2.xml")]),
        (sys.executable, ["-m", "dagster", "instance", "migrate"]),
    ):
        done = subprocess.run(
            [python, *words], cwd=folder, env=env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            return f"{' '.join(words[2:])}: {done.stderr.strip().splitlines()[-1]}"
    status = subprocess.run(
        [sys.executable, "-c", _SAFT, "status", "--json"],
        cwd=folder, env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    counts = json.loads(status.stdout)["counts"]
    return "" if counts == {"loaded": 2} else f"states of the files: {counts}"
