"""Fixtures for every test: real servers, and an environment without the developer's settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from saft_pipeline.settings import Settings

pytest_plugins = [
    "saft_pipeline_tests.fixtures.celery",
    "saft_pipeline_tests.fixtures.postgres",
    "saft_pipeline_tests.fixtures.postgrest",
    "saft_pipeline_tests.fixtures.sshd",
    "saft_pipeline_tests.fixtures.project",
]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees settings of the machine it runs on, a `.env`, or the umask of the one before."""
    os.umask(0o022)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
