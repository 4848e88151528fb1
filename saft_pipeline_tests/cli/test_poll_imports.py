"""What `saft poll` imports waits for a large file that is on its way, and for nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from saft_pipeline.cli.poll import ImportsAfter
from saft_pipeline_tests.fixtures.project import Project


def test_an_import_waits_as_long_as_others_that_go_first_keep_the_processor_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.process_time", count().__next__)
    looks = iter([True] * 100 + [False])
    ImportsAfter(lambda: next(looks)).find_spec("dagster", None)
    assert next(looks, None) is None


def test_an_import_does_not_wait_for_others_that_wait_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.process_time", lambda: 0.0)
    asked = count()
    finder = ImportsAfter(lambda: next(asked) >= 0)
    finder.find_spec("dagster", None)
    once = next(asked)
    finder.find_spec("dagster._core", None)
    assert 0 < once == next(asked) - 1


def test_what_goes_first_imports_at_once() -> None:
    finder = ImportsAfter(lambda: pytest.fail("it would wait for itself"))
    with ThreadPoolExecutor(1) as pool:
        pool.submit(finder.find_spec, "paramiko", None).result(30)


_ASKED = """
import sys
from saft_pipeline.cli import main
from saft_pipeline.cli.poll import ImportsAfter
from saft_pipeline.loading.ahead import Ahead
asked = []
Ahead.takes_large_file = property(lambda _: asked.append(1))
sys.argv = ["saft", "poll"]
try:
    main()
finally:
    print(bool(asked), not any(isinstance(each, ImportsAfter) for each in sys.meta_path))
"""


def test_a_large_file_on_its_way_is_what_imports_wait_for(project: Project) -> None:
    """In a process of its own: here Dagster is imported already."""
    command, env = [sys.executable, "-c", _ASKED], {**os.environ, **project.env}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "True True"), done.stderr
