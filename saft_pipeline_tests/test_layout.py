"""The rules of the layout that a reviewer would otherwise have to remember."""

from __future__ import annotations

import ast
import os
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

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


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """The modules that a file imports anywhere in it, with their lines."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "saft_pipeline":
            yield from ((node.lineno, f"saft_pipeline.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module


def test_the_top_level_shows_six_entries() -> None:
    tracked = subprocess.run(
        ["git", "ls-tree", "--name-only", "HEAD"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    ).stdout.split()  # fmt: skip
    if not tracked:
        pytest.skip("not a git checkout: what is tracked can't be known")
    assert {name for name in tracked if not name.startswith(".")} == VISIBLE


def room_of(path: Path) -> str:
    """The folder of the package that a module is in, or the module beside the folders."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


ROOMS = sorted({room_of(path) for path in sources(PACKAGE)} - {"__init__"})
# Definitions are reached by the name of the code location only.
ALL_BUT_DEFS = set(ROOMS) - {"defs", "definitions"}
MAY_IMPORT: dict[str, set[str]] = {
    **dict.fromkeys(("cli", "demo", "web", "worker"), ALL_BUT_DEFS),
    "component": {"definitions", "settings"},
    "definitions": {"defs", "dagster_runtime", "alerts", "settings", "visible"},
    "defs": {
        *("dagster_runtime", "loading", "reports", "alerts"),
        *("store", "artifacts", "saft", "settings", "visible"),
    },
    "processes": {"dagster_runtime", "embedded_postgres", "settings", "visible"},
    "dagster_runtime": {"store", "artifacts", "embedded_postgres", "settings"},
    "loading": {"store", "artifacts", "saft", "sftp", "settings", "retries", "durations"},
    "reports": {"store", "settings", "durations", "visible"},
    "alerts": {"store", "settings", "durations", "visible"},
    "artifacts": {"settings", "saft", "retries"},
    "store": {"settings", "saft", "embedded_postgres", "retries"},
    "settings": {"saft", "sftp", "durations"},
    **{
        room: set()
        for room in ("saft", "sftp", "embedded_postgres", "retries", "durations", "visible")
    },
}
KNOW_DAGSTER = {"component", "definitions", "defs", "dagster_runtime", "web", "cli", "demo"}
PRIVATE = re.compile(r"dagster\._|dagster_(postgres|celery|shared)\b")


def misplaced(path: Path) -> Iterator[str]:
    """Why a module's imports are none of its room's."""
    room = room_of(path)
    for line, name in imports(path):
        ours, _, of_ours = name.partition("saft_pipeline.")
        target = of_ours.partition(".")[0]
        known = target in (room, "__version__") or target in MAY_IMPORT[room]
        if not ours and of_ours and not known:
            yield f"{path.relative_to(ROOT)}:{line}: {room} imports {name}"
        if name.split(".")[0] == "dagster" and room not in KNOW_DAGSTER:
            yield f"{path.relative_to(ROOT)}:{line}: {room} knows Dagster: {name}"
        if PRIVATE.match(name) and room != "dagster_runtime":
            yield f"{path.relative_to(ROOT)}:{line}: {name} is private to Dagster"


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_its_table_says(room: str) -> None:
    files = [path for path in sources(PACKAGE) if room_of(path) == room]
    assert [line for path in files for line in misplaced(path)] == []


def test_each_private_name_of_dagster_is_in_the_table_of_them() -> None:
    """With the module that takes it: whoever upgrades Dagster reads there what may break."""
    folder = PACKAGE / "dagster_runtime"
    table = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    rows = [row.replace("\n", " ").split("|") for row in table.split("\n|")]
    untold = [
        f"{path.stem}: {alias.name}"
        for path in sources(folder)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        if re.match(r"dagster\._|dagster_shared\b", node.module or "")
        for alias in node.names
        if not any(
            re.search(rf"\b{alias.name}[`.]", row[0])
            and re.search(rf"\b{path.stem}\b", "".join(row[1:2]))
            for row in rows
        )
    ]
    assert untold == []


def test_only_a_few_modules_stand_beside_the_folders() -> None:
    assert len([path for path in PACKAGE.glob("*.py") if path.name != "__init__.py"]) <= 6


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


def defined(path: Path) -> dict[str, type[ast.stmt]]:
    """The public names that a module defines, and how."""
    found: dict[str, type[ast.stmt]] = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = type(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = (name for target in targets for name in ast.walk(target))
            found |= {name.id: type(node) for name in names if isinstance(name, ast.Name)}
    return {name: kind for name, kind in found.items() if not name.startswith("_")}


def taken() -> set[tuple[str, str]]:
    """The names that modules of ours take from others, each with the module that it is from."""
    return {
        (str(node.module), alias.name)
        for path in sources(PACKAGE)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_a_name_means_one_thing() -> None:
    """But for functions called by their module, as `wire.read`, and where programs begin."""
    places: dict[str, dict[str, type[ast.stmt]]] = defaultdict(dict)
    for path in sources(PACKAGE):
        for name, kind in defined(path).items():
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            places[name][module.removesuffix(".__init__")] = kind
    by_name = taken()
    functions = {ast.FunctionDef, ast.AsyncFunctionDef}
    ambiguous = {
        name: sorted(kinds)
        for name, kinds in places.items()
        if name not in ("app", "main") and len(kinds) > 1
        if not functions.issuperset(kinds.values())
        or sum((module, name) in by_name for module in kinds) > 1
    }
    assert ambiguous == {}


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
        if path.name not in ("__main__.py", "watcher.py")
    ]
    libraries = {
        name
        for path in sources(PACKAGE)
        for _, name in imports(path)
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
