"""Fixtures for every test: real servers, and an environment without the developer's settings."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest

from saft_pipeline.settings import Settings

pytest_plugins = [
    "saft_pipeline_tests.fixtures.sshd",  # before those that import it
    "saft_pipeline_tests.fixtures.celery",
    "saft_pipeline_tests.fixtures.postgres",
    "saft_pipeline_tests.fixtures.postgrest",
    "saft_pipeline_tests.fixtures.project",
]

# Files that take long, which would otherwise begin when the other processes have nothing left.
FIRST = (
    "dagster_runtime/test_page_actions.py",
    "cli/test_terminated.py",
    "dagster_runtime/test_celery_launcher.py",
    "cli/test_files.py",
    "dagster_runtime/test_neighbourhood.py",
    "loading/test_servers.py",
    "web/test_tasks.py",
    "defs/test_assets.py",
    "embedded_postgres/test_postgres.py",
    "cli/test_poll.py",
    "test_component.py",
    "demo/test_run.py",
    "processes/test_supervisor.py",
    "loading/test_archive_looks.py",
    "store/test_plans.py",
)
# Else each process that a test starts compiles all modules that it uses.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


# Modules and tests live until the end. Looking through them for garbage while they are made takes
# as long as making them, in each of the processes.
gc.disable()


def pytest_collection_finish() -> None:
    """From here on garbage is looked for again, in what comes."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest; all else in the order in which it was found."""
    here = Path(__file__).parent
    place = {here / name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: place.get(item.path, len(FIRST)))


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees settings of the machine it runs on, a `.env`, or the umask of the one before."""
    os.umask(0o022)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
