"""The component `saft_pipeline.SaftFolder`, in a project of somebody's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

import saft_pipeline
from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.dagster_runtime.names import JOB
from saft_pipeline.dagster_runtime.submission import run_requests
from saft_pipeline.loading.rounds import Rounds
from saft_pipeline.settings import SettingsError, load
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Project, one_invoice

EXAMPLE = Path(__file__).parents[1] / ".deploy" / "component"


def test_the_example_is_a_project_that_dg_checks(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "project")
    env = {
        "HOME": str(tmp_path),
        "PATH": os.defpath,
        "VIRTUAL_ENV": sys.prefix,
        "PYTHONPATH": str(tmp_path / "project"),
        "SAFT_HOME": str(tmp_path / "home"),
        "SFTP_HOST": "h",
        "SFTP_USERNAME": "u",
        "SFTP_PASSWORD": "p",
    }
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dg")), "check", "defs"],
        cwd=tmp_path / "project", env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All component YAML validated successfully" in done.stdout + done.stderr


def test_its_job_loads_a_file_of_its_folder(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    project.put("f.xml", one_invoice("FT K/1"))
    keys: dict[str, Any] = {
        "host": project.env["SFTP_HOST"],
        "port": int(project.env["SFTP_PORT"]),
        "remote_dir": project.env["SFTP_REMOTE_DIR"],
        "companies": [599999993],
    }
    found = Rounds().go(load().with_source("gramido", keys), store, turn_of=lambda _: "came")
    (request,) = run_requests(runs.instance, found.claims)
    defs = saft_pipeline.SaftFolder(name="gramido", **keys).build_defs(cast("Any", None))
    done = defs.resolve_job_def(JOB).execute_in_process(
        instance=runs.instance, partition_key=request.partition_key, tags=request.tags
    )
    assert done.success
    assert [(file.source, file.status) for file in store.files()] == [("gramido", "loaded")]


def test_what_is_wrong_with_its_attributes_is_named(project: Project) -> None:
    with pytest.raises(SettingsError, match=r"gramido: port: not a whole number"):
        load().with_source("gramido", {"host": "h", "port": "first"})
