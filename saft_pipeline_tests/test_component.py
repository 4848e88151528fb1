"""The component `saft_pipeline.SaftFolder`, in a project of somebody's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

import saft_pipeline
from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.dagster_runtime.names import JOB
from saft_pipeline.dagster_runtime.submission import run_requests
from saft_pipeline.loading.rounds import Rounds
from saft_pipeline.settings import SettingsError, load
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Project, one_invoice

EXAMPLE = Path(__file__).parents[1] / ".deploy" / "component"


def dg_in(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What `dg` says in a project to whoever has the login in the environment."""
    env = {
        "HOME": str(project.parent),
        "PATH": os.defpath,
        "VIRTUAL_ENV": sys.prefix,
        "PYTHONPATH": str(project),
        "SAFT_HOME": str(project.parent / "home"),
        "SFTP_HOST": "h",
        "SFTP_USERNAME": "u",
        "SFTP_PASSWORD": "p",
    }
    command = [str(Path(sys.executable).with_name("dg")), *words]
    return subprocess.run(
        command, cwd=project, env=env, capture_output=True, text=True, check=False
    )


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A copy of the example."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "project"))


def checked(project: Path) -> None:
    done = dg_in(project, "check", "defs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All component YAML validated successfully" in done.stdout + done.stderr


def test_the_example_is_a_project_that_dg_checks(example: Path) -> None:
    checked(example)


def test_what_dg_scaffolds_takes_the_login_from_the_environment(example: Path) -> None:
    shutil.rmtree(example / "accounting/defs/gramido")
    done = dg_in(example, "scaffold", "defs", "saft_pipeline.SaftFolder", "porto")
    assert done.returncode == 0, done.stdout + done.stderr
    made = yaml.safe_load((example / "accounting/defs/porto/defs.yaml").read_text())
    assert made["attributes"]["name"] == "porto"
    assert made["attributes"]["password"] == "{{ env.SFTP_PASSWORD }}"
    checked(example)


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
