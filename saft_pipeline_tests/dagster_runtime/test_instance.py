"""Dagster's instance: written once, absolute, the same for whoever opens it."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.run_coordinator import QueuedRunCoordinator

from saft_pipeline.dagster_runtime.instance import config, environment, open_instance, prepare
from saft_pipeline.settings import load

SCALE = {
    "REDIS_URL": "redis://:hunter2@mq.example.test/0",
    "DAGSTER_DB_URL": "postgresql://u:hunter2@db.example.test/dagster",
    "SUPABASE_DB_URL": "postgresql://u:hunter2@db.example.test/x",
    "SAFT_ARTIFACTS_URL": "s3://bucket/saft",
}


def test_the_folder_is_absolute_however_the_home_is_named(tmp_path: Path) -> None:
    assert prepare(load({"SAFT_HOME": "here"})) == str(tmp_path / "here" / "dagster")


def test_the_file_says_what_the_settings_say(tmp_path: Path) -> None:
    settings = load({"SAFT_HOME": str(tmp_path), "MAX_CONCURRENT_RUNS": "7"})
    written = yaml.safe_load((Path(prepare(settings)) / "dagster.yaml").read_text())
    assert written == config(settings)
    assert "7" in yaml.safe_dump(written)


def test_a_file_that_says_it_already_is_left_alone(tmp_path: Path) -> None:
    settings = load({"SAFT_HOME": str(tmp_path)})
    path = Path(prepare(settings)) / "dagster.yaml"
    os.utime(path, (1, 1))
    prepare(settings)
    assert path.stat().st_mtime == 1


def test_a_changed_setting_is_written(tmp_path: Path) -> None:
    prepare(load({"SAFT_HOME": str(tmp_path)}))
    settings = load({"SAFT_HOME": str(tmp_path), "MAX_CONCURRENT_RUNS": "9"})
    written = yaml.safe_load((Path(prepare(settings)) / "dagster.yaml").read_text())
    assert written == config(settings)


def test_no_part_of_it_is_left_beside(tmp_path: Path) -> None:
    folder = Path(prepare(load({"SAFT_HOME": str(tmp_path)})))
    assert [path.name for path in folder.iterdir()] == ["dagster.yaml"]


def test_no_secret_is_written_into_it(tmp_path: Path) -> None:
    secrets = {
        "SFTP_PASSWORD": "hunter2",
        "SUPABASE_DB_URL": "postgresql://u:hunter2@db/x",
        **SCALE,
    }
    folder = Path(prepare(load({"SAFT_HOME": str(tmp_path), **secrets})))
    assert "hunter2" not in (folder / "dagster.yaml").read_text()


def test_children_find_the_same_instance(tmp_path: Path) -> None:
    given = environment(load({"SAFT_HOME": str(tmp_path)}))
    assert (given["SAFT_HOME"], given["DAGSTER_HOME"]) == (str(tmp_path), f"{tmp_path}/dagster")


def test_children_keep_the_rest_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "pt_PT.UTF-8")
    assert environment(load({"SAFT_HOME": str(tmp_path)}))["LANG"] == "pt_PT.UTF-8"


def test_what_one_process_writes_another_finds(
    saft_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load({"SAFT_HOME": str(saft_home)})
    with open_instance(settings) as ours:
        ours.add_dynamic_partitions("test_instance", ["one"])
    monkeypatch.setenv("SAFT_HOME", str(saft_home))
    monkeypatch.setenv("DAGSTER_HOME", str(settings.dagster_home))
    with dg.DagsterInstance.get() as dagsters:
        assert dagsters.get_dynamic_partitions("test_instance") == ["one"]


def test_a_part_is_replaced_for_this_process_only(saft_home: Path) -> None:
    settings = load({"SAFT_HOME": str(saft_home)})
    here = {
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": "DefaultRunCoordinator",
        }
    }
    with open_instance(settings, here) as instance:
        assert not isinstance(instance.run_coordinator, QueuedRunCoordinator)
    with open_instance(settings) as instance:
        assert isinstance(instance.run_coordinator, QueuedRunCoordinator)


def test_with_redis_runs_are_launched_through_it() -> None:
    launcher = config(load(SCALE))["run_launcher"]
    assert launcher["class"] == "CeleryRuns"
    assert "run_launcher" not in config(load({}))


def test_dagster_is_told_nothing_about_us() -> None:
    assert config(load({}))["telemetry"] == {"enabled": False}


def test_the_repositorys_dagster_yaml_is_the_generated_one() -> None:
    assert yaml.safe_load((Path(__file__).parents[2] / "dagster.yaml").read_text()) == config(
        load({})
    )


def test_a_home_whose_file_names_modules_that_moved_is_written_anew(tmp_path: Path) -> None:
    settings = load({"SAFT_HOME": str(tmp_path)})
    path = Path(prepare(settings)) / "dagster.yaml"
    old = path.read_text().replace("saft_pipeline.dagster_runtime.storage", "saft_pipeline.gone")
    path.write_text(old)
    with open_instance(settings) as instance:
        assert instance.get_runs() == []
    assert yaml.safe_load(path.read_text()) == config(settings)
