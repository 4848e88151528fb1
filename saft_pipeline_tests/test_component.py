"""The component `saft_pipeline.SaftFolder`, in a project of somebody's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
import pytest
import yaml

from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.dagster_runtime.names import JOB, SOURCE_TAG
from saft_pipeline.settings import SettingsError, load
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Project, one_invoice, partition_of
from saft_pipeline_tests.test_merging import ticked

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


def test_what_dg_scaffolds_takes_the_login_from_the_environment_and_is_well_beside_the_example(
    example: Path,
) -> None:
    done = dg_in(example, "scaffold", "defs", "saft_pipeline.SaftFolder", "porto")
    assert done.returncode == 0, done.stdout + done.stderr
    path = example / "accounting/defs/porto/defs.yaml"
    made = yaml.safe_load(path.read_text())
    assert made["attributes"]["name"] == "porto"
    assert made["attributes"]["password"] == "{{ env.SFTP_PASSWORD }}"
    made["attributes"]["group"] = "invoices"  # as the example's
    path.write_text(yaml.safe_dump(made))
    done = dg_in(example, "check", "defs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All component YAML validated successfully" in done.stdout + done.stderr


def written(project: Path, *folders: Mapping[str, object]) -> None:
    """Have the project's components be these."""
    shutil.rmtree(project / "accounting/defs/gramido")
    for number, attributes in enumerate(folders):
        path = project / f"accounting/defs/of_{number}/defs.yaml"
        path.parent.mkdir()
        document = {"type": "saft_pipeline.SaftFolder", "attributes": dict(attributes)}
        path.write_text(yaml.safe_dump(document))


def of(project: Project, name: str, **more: object) -> dict[str, object]:
    """A folder of the SFTP server as an attribute each."""
    folder = project.folder / name
    folder.mkdir(exist_ok=True)
    server = {"host": project.env["SFTP_HOST"], "port": int(project.env["SFTP_PORT"])}
    return {**server, "name": name, "remote_dir": str(folder), **more}


@pytest.fixture
def theirs(example: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The project, whose modules can be imported here."""
    monkeypatch.syspath_prepend(example)
    yield example
    for name in [name for name in sys.modules if name.partition(".")[0] == "accounting"]:
        del sys.modules[name]


@pytest.mark.parametrize("names", [["gramido"], ["gramido", "porto"]])
def test_its_job_loads_the_files_of_its_folders(
    project: Project,
    runs: LocalRuns,
    store: Store,
    theirs: Path,
    names: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RUN_PER_FILE_UP_TO", "0")
    for name in names:
        for file in (1, 2):  # in one run
            project.put(f"{name}/{file}.xml", one_invoice(f"FT {name}/{file}"))
    written(theirs, *(of(project, name, companies=[599999993]) for name in names))
    definitions = dg.load_from_defs_folder(path_within_project=theirs / "accounting")
    dg.Definitions.validate_loadable(definitions)
    requests = ticked(definitions, runs.instance).run_requests
    for request in requests:
        done = definitions.resolve_job_def(JOB).execute_in_process(
            instance=runs.instance, run_config=request.run_config, tags=dict(request.tags)
        )
        assert done.success
    assert sorted(request.tags[SOURCE_TAG] for request in requests) == names
    for name in names:
        files = store.files(source=name)
        assert [file.status for file in files] == ["loaded"] * 2
        assert {partition_of(file).partition("-")[0] for file in files} == {name}


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"name": "gramido"}, "two SaftFolders are called gramido"),
        ({"group": "other"}, "gramido and porto differ in key_prefix or group"),
        ({"remote_dir": "/gramido"}, "[porto] is the same folder as [gramido]"),
        ({"after_load": "burn"}, "[porto] after_load"),
    ],
)
def test_two_that_do_not_agree_are_refused_with_the_reason(
    project: Project, theirs: Path, attributes: dict[str, object], said: str
) -> None:
    written(
        theirs,
        of(project, "gramido", remote_dir="/gramido"),
        {**of(project, "porto"), **attributes},
    )
    with pytest.raises(Exception, match="Error while building definitions") as caught:
        dg.load_from_defs_folder(path_within_project=theirs / "accounting")
    assert isinstance(caught.value.__cause__, SettingsError)
    assert said in str(caught.value.__cause__)


def test_what_is_wrong_with_its_attributes_is_named(project: Project) -> None:
    with pytest.raises(SettingsError, match=r"\[gramido\] port: not a whole number"):
        load().with_sources({"gramido": {"host": "h", "port": "first"}})
