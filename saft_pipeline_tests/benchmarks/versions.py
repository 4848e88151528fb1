"""A short suite with other versions of what we are built on: lowest, newest, pre-releases, Pythons.

Not a ratio but a yes or no for each: 1 if all tests passed; the note has the first that broke.
Every set of versions has a virtual environment of its own: it takes minutes and the package index.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from saft_pipeline_tests.benchmarks.report import Ratio

_ROOT = Path(__file__).parents[2]
_SUITE = (_ROOT / ".ci" / "short-suite").read_text().split()
_PYTHONS = ("3.12", "3.13", "3.14")


def run() -> Iterator[Ratio]:
    """Lowest and newest of this Python, pre-releases, and other Pythons that are installed."""
    lowest = subprocess.run(
        [sys.executable, _ROOT / ".ci" / "lowest.py"], capture_output=True, text=True, check=True
    )
    yield _tried("lowest versions", sys.executable, constraints=lowest.stdout)
    yield _tried("newest versions", sys.executable)
    yield _tried("pre-releases", sys.executable, "--pre")
    for version in _PYTHONS:
        if found := _python(version):
            yield _tried(f"Python {version}", found)
        else:
            yield Ratio(f"Python {version}", 0, note="not tried: no interpreter here")


def _python(version: str) -> str | None:
    """An interpreter of that version, where pyenv keeps its own or on the path.

    What pyenv puts on the path works only for the versions that are switched on.
    """
    kept = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python3"))
    return str(kept[-1]) if kept else shutil.which(f"python{version}")


def _tried(what: str, python: str, *pip: str, constraints: str = "") -> Ratio:
    with tempfile.TemporaryDirectory(prefix="saft-versions-") as folder:
        Path(folder).chmod(0o711)  # for root the database server is another user
        environment, wanted = Path(folder, "venv"), Path(folder, "constraints.txt")
        wanted.write_text(constraints)
        subprocess.run([python, "-m", "venv", environment], check=True)
        inside = environment / "bin" / "python"
        install: list[str | Path] = [
            inside,
            "-m",
            "pip",
            "install",
            "-q",
            *pip,
            "-c",
            wanted,
            "-e",
            ".[dev]",
        ]
        installed = _said(install)
        if installed.returncode:
            return Ratio(what, 0, 1, note=f"not installable: {_last(installed.stderr)}")
        tested = _said([inside, "-m", "pytest", "-q", *_SUITE])
        broken = [
            line for line in tested.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))
        ]
        note = broken[0] if broken else _last(tested.stdout)
        return Ratio(what, int(tested.returncode == 0), 1, note=note)


def _said(command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)


def _last(said: str) -> str:
    return (said.strip().splitlines() or [""])[-1]
