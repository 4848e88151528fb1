"""The rules of the layout that a reviewer would otherwise have to remember."""

from __future__ import annotations

import ast
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from saft_pipeline.dagster_runtime.instance import config
from saft_pipeline.settings import load

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "saft_pipeline"
VISIBLE = {
    "README.md",
    "dagster.yaml",
    "pyproject.toml",
    "saft_pipeline",
    "saft_pipeline_tests",
    "workspace.yaml",
}


def sources(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in sorted(folder.rglob("*.py"))]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_the_top_level_shows_six_entries() -> None:
    tracked = subprocess.run(
        ["git", "ls-tree", "--name-only", "HEAD"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    ).stdout.split()  # fmt: skip
    if not tracked:
        pytest.skip("not a git checkout: what is tracked can't be known")
    assert {name for name in tracked if not name.startswith(".")} == VISIBLE


@pytest.mark.parametrize("part", ["saft", "sftp", "store"])
def test_dagster_stays_at_the_edge(part: str) -> None:
    guilty = [
        path.name
        for path in sources(PACKAGE / part)
        if any(name.split(".")[0] == "dagster" for name in imports(path))
    ]
    assert guilty == []


def test_files_stay_under_400_lines() -> None:
    long = [
        path.name
        for path in sources(PACKAGE, ROOT / "saft_pipeline_tests")
        if len(path.read_text().splitlines()) > 400
    ]
    assert long == []


def test_functions_are_short() -> None:
    lengths = [
        (node.end_lineno or 0) - node.lineno + 1
        for path in sources(PACKAGE)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert statistics.median(lengths) < 12


def test_every_module_says_what_belongs_in_it() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sources(PACKAGE)
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


NAMES = ("Postgres", "Dagster", "Supabase", "Header", "Redis")


def messages(path: Path) -> Iterator[str]:
    """What the errors that a module raises say, with `{}` for each value in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            for text in node.exc.args:
                if isinstance(text, ast.JoinedStr):
                    parts = (getattr(part, "value", "") for part in text.values)
                    yield "".join(p if isinstance(p, str) else "{}" for p in parts)
                elif isinstance(text, ast.Constant) and isinstance(text.value, str):
                    yield text.value


def test_errors_speak_in_one_voice() -> None:
    """No capital to begin with and no full stop: they stand behind a colon, or before one."""
    loud = [
        f"{path.relative_to(PACKAGE)}: {text}"
        for path in sources(PACKAGE)
        for text in messages(path)
        if text.endswith(".") or (re.match(r"[A-Z][a-z]* ", text) and not text.startswith(NAMES))
    ]
    assert loud == []


def test_importing_reads_no_environment_and_opens_no_socket() -> None:
    """In a fresh process, with both made to raise for our own code once the libraries are in."""
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sources(PACKAGE)
        if path.name not in ("__main__.py", "embedded_watch.py")
    ]
    libraries = {
        name
        for path in sources(PACKAGE)
        for name in imports(path)
        if not name.startswith("saft_pipeline")
    }
    program = f"""
import importlib, os, socket, sys
for name in {sorted(libraries)!r}:
    try: importlib.import_module(name)
    except ImportError: pass
before = set(sys.modules)
def refuse(*args, **kwargs): raise RuntimeError("touched while importing")
plain = dict(os.environ)
def sealed(name):
    def method(self, *args):
        # Dagster and pydantic ask for switches of their own whenever a definition is made.
        asker = sys._getframe(1).f_globals.get("__name__", "").split(".")[0]
        return refuse() if asker in ("saft_pipeline", "dotenv") else getattr(plain, name)(*args)
    return method
class Sealed(dict):
    get, __getitem__, __contains__, __iter__ = map(
        sealed, ("get", "__getitem__", "__contains__", "__iter__"))
for name in {modules!r}:
    real, os.environ = os.environ, Sealed()
    made, socket.socket.connect = socket.socket.connect, refuse
    try: importlib.import_module(name)
    finally: os.environ, socket.socket.connect = real, made
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    assert done.returncode == 0


def test_the_repositorys_dagster_yaml_is_the_generated_one() -> None:
    assert yaml.safe_load((ROOT / "dagster.yaml").read_text()) == config(load({}))


def test_definitions_validate_with_an_empty_environment(tmp_path: Path) -> None:
    (tmp_path / "workspace.yaml").write_text((ROOT / "workspace.yaml").read_text())
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate"],
        cwd=tmp_path, env={"HOME": str(tmp_path), "PATH": os.defpath},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
