"""`saft show`, and that no command makes anything by looking."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from saft_pipeline_tests.fixtures.project import Polled

SAFT = [sys.executable, "-c", "from saft_pipeline.cli import main; main()"]


def shown(polled: Polled, *words: str) -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, **polled.project.env}
    return subprocess.run(
        [*SAFT, "show", *words], env=env, capture_output=True, check=False, timeout=60
    )


def test_the_bytes_are_those_that_came(polled: Polled) -> None:
    for name in ("good.xml", "twin.xml", "broken.xml"):
        done = shown(polled, name)
        assert done.stdout == (polled.project.folder / name).read_bytes(), done.stderr


def test_what_was_read_is_what_parse_prints(polled: Polled) -> None:
    done = shown(polled, "good.xml", "--parsed")
    records = [json.loads(line)["record"] for line in done.stdout.splitlines()]
    assert {"header", "customer", "invoice", "totals"} <= set(records)


def test_a_file_that_is_not_there_is_told(polled: Polled) -> None:
    done = shown(polled, "other.xml")
    assert done.returncode == 2
    assert b"other.xml: no file of that name was fetched into the database" in done.stderr


def looked(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A command in an empty folder, with nothing set."""
    env = {"PATH": os.defpath, "HOME": str(folder), **env}
    return subprocess.run(
        [*SAFT, *words],
        env=env,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("words", ["status --json", "report vat", "export invoices", "show a.xml"])
def test_a_command_that_only_looks_makes_nothing(words: str, tmp_path: Path) -> None:
    done = looked(tmp_path, *words.split())
    assert done.returncode == 2
    assert f"nothing was loaded yet: there is no database in {tmp_path}/.saft" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_checking_makes_nothing(tmp_path: Path) -> None:
    done = looked(tmp_path, "check")
    assert f"home: {tmp_path}/.saft, made at the first use" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_is_left_empty_by_looking(database_url: str, tmp_path: Path) -> None:
    done = looked(tmp_path, "status", SUPABASE_DB_URL=database_url)
    assert (done.returncode, "there are no tables yet" in done.stderr) == (2, True)
