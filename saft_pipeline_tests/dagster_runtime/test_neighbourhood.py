"""In any instance, in a location of any name, alone or beside others: every way to load works.

Instances: ours; Dagster's own SQLite; Dagster's own Postgres. Nothing of another team's is read,
told of or deleted in any of them.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from saft_pipeline.dagster_runtime import partitions, retention, runs
from saft_pipeline.dagster_runtime.location import Location
from saft_pipeline.dagster_runtime.names import FILE_ASSETS
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.settings import load
from saft_pipeline.store.migrate import migrate
from saft_pipeline.store.opening import open_watch
from saft_pipeline.store.store import Store
from saft_pipeline.web import endpoints
from saft_pipeline.web.models import FilePath, Nothing, TaskId
from saft_pipeline.web.services import services
from saft_pipeline_tests.dagster_runtime import another_team
from saft_pipeline_tests.dagster_runtime.neighbourhood import (
    ANOTHER_TEAM,
    Neighbourhood,
    neighbourhood,
)
from saft_pipeline_tests.dagster_runtime.neighbours import run_of_theirs
from saft_pipeline_tests.fixtures.own_home import empty_history, stock_home
from saft_pipeline_tests.fixtures.project import Command, Project, one_invoice, partition_of

# An instance and a location. Beside others, ours has another name, too; alone it has in
# `test_page_actions`.
PLACES = (
    ("ours", "ours"),
    ("ours", "beside others"),
    ("stock SQLite", "beside others"),
    ("stock Postgres", "beside others"),
)
BACKFILL = """
mutation($keys: [String!]!, $assets: [AssetKeyInput!]!) {
  launchPartitionBackfill(backfillParams: {assetSelection: $assets, partitionNames: $keys}) {
    __typename
    ... on PythonError { message }
  }
}
"""


@pytest.fixture(scope="module", params=PLACES, ids="-".join)
def place(
    request: pytest.FixtureRequest,
    shared_project: Project,
    saft_home: Path,
    postgres_server: EmbeddedPostgres,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Neighbourhood]:
    """An instance in which nothing happened yet, and the locations that its daemon sees."""
    kind, name = request.param
    with pytest.MonkeyPatch.context() as patch, stock_home() as folder:
        for key, value in shared_project.env.items():
            patch.setenv(key, value)
        if kind != "ours":
            config: dict[str, Any] = {"telemetry": {"enabled": False}}
            if kind == "stock Postgres":
                url = postgres_server.url(f"stock_{uuid.uuid4().hex}")
                url = url.replace("postgresql://", "postgresql+psycopg2://", 1)
                config["storage"] = {"postgres": {"postgres_url": url}}
            (folder / "dagster.yaml").write_text(yaml.safe_dump(config))
            patch.setenv("DAGSTER_INSTANCE", str(folder))
        patch.setenv(another_team.DATABASE, postgres_server.url(f"theirs_{uuid.uuid4().hex}"))
        patch.setenv(another_team.FOLDER, str(tmp_path_factory.mktemp("theirs")))
        migrate(os.environ[another_team.DATABASE])
        ours = "saft_pipeline.definitions" if name == "ours" else "finance"
        empty_history(saft_home)
        with neighbourhood(load(), ours, beside=name == "beside others") as opened:
            opened.beat()
            yield opened


@pytest.fixture(autouse=True)
def environment(place: Neighbourhood, shared_project: Project) -> Iterator[None]:
    """Each test sees the settings of the place."""
    with settings_of(place, shared_project):
        yield


@contextlib.contextmanager
def settings_of(place: Neighbourhood, project: Project) -> Iterator[None]:
    """The settings of the place, in this process's environment."""
    with pytest.MonkeyPatch.context() as patch:
        for key, value in project.env.items():
            patch.setenv(key, value)
        if place.settings.dagster_instance:
            patch.setenv("DAGSTER_INSTANCE", str(place.settings.dagster_instance))
        yield


@pytest.fixture
def ledger(shared_project: Project) -> Iterator[Store]:
    store = shared_project.store()
    yield store
    store.close()


def put(project: Project) -> str:
    """A new file in the folder; its name."""
    name = f"{uuid.uuid4().hex}.xml"
    project.put(name, one_invoice(f"FT {name[:8].upper()}/1"))
    return name


def assert_loaded(place: Neighbourhood, ledger: Store, path: str) -> str:
    """The file is in the ledger and on the page; the run that loaded it."""
    (file,) = ledger.files(path=path)
    assert file.status == "loaded", file.error
    key = partition_of(file)
    for asset in FILE_ASSETS:
        found = place.instance.get_status_by_partition(dg.AssetKey(asset), [key], partitions.files)
        assert found
        assert str(found[key]) == "AssetPartitionStatus.MATERIALIZED"
    assert file.run_id
    return file.run_id


@pytest.fixture(scope="module")
def sensed(place: Neighbourhood, shared_project: Project) -> tuple[str, dg.DagsterRun]:
    """A file that the sensor found, and the run that it started for it."""
    with settings_of(place, shared_project):
        path = put(shared_project)
        place.beat()
        (run,) = place.work()
    return path, run


def test_started_by_the_sensor(
    place: Neighbourhood, ledger: Store, sensed: tuple[str, dg.DagsterRun]
) -> None:
    path, run = sensed
    assert run.is_success
    assert (place.location.owns(run), Location(ANOTHER_TEAM).owns(run)) == (True, False)
    assert_loaded(place, ledger, path)


def test_started_by_the_pages_backfill(
    place: Neighbourhood, ledger: Store, sensed: tuple[str, dg.DagsterRun]
) -> None:
    path, first = sensed
    (file,) = ledger.files(path=path)
    assets = [{"path": [name]} for name in FILE_ASSETS]
    key = partition_of(file)
    place.instance.add_dynamic_partitions(str(partitions.files.name), [key])  # if it was pruned
    answer = place.page(BACKFILL, keys=[key], assets=assets)
    assert answer["launchPartitionBackfill"]["__typename"] == "LaunchBackfillSuccess"
    place.backfill()
    (again,) = place.work()
    place.backfill()  # it is complete now
    assert again.run_id == assert_loaded(place, ledger, path) != first.run_id


def test_started_by_the_command(
    place: Neighbourhood, ledger: Store, shared_project: Project, saft: Command
) -> None:
    path = put(shared_project)
    done = saft("poll", "--json")
    assert (done.status, done.json["loaded"]) == (0, 1), done.err
    run_id = assert_loaded(place, ledger, path)
    run = place.instance.get_run_by_id(run_id)
    assert run
    assert place.location.owns(run)


def test_started_by_the_api(place: Neighbourhood, ledger: Store, shared_project: Project) -> None:
    path = put(shared_project)
    with services(place.settings) as opened:
        poll = endpoints.poll(opened, Nothing()).task_id
        place.beat()
        place.work()
        assert endpoints.task_status(opened, TaskId(id=poll)).state == "SUCCESS"
        asked = endpoints.process_file(opened, FilePath(file_path=path)).task_id
        assert [each.id for each in _active(opened)] == [asked]
        (run,) = place.work()
        assert endpoints.task_status(opened, TaskId(id=asked)).state == "SUCCESS"
    assert run.run_id == asked == assert_loaded(place, ledger, path)


def _active(opened: Any) -> list[Any]:
    return endpoints.active_tasks(opened, Nothing()).active_tasks.get("dagster", [])


def test_what_others_do_is_neither_read_nor_told_nor_deleted(
    place: Neighbourhood, ledger: Store
) -> None:
    job = "load_files_job"
    theirs = [
        run_of_theirs(place.instance, job, "their_asset"),
        run_of_theirs(place.instance, job, "another_team/invoices", location=ANOTHER_TEAM),
    ]
    partitions_of_theirs = str(partitions.file_partitions((ANOTHER_TEAM,)).name)
    place.instance.add_dynamic_partitions(partitions_of_theirs, ["a~0123456789ab"])
    with services(place.settings) as opened:
        assert opened.location == place.location
        assert not set(theirs) & {each.id for each in _active(opened)}
        for run_id in theirs:
            with pytest.raises(runs.UnknownRunError):
                endpoints.task_status(opened, TaskId(id=run_id))
    watch = open_watch(place.settings)
    retention.prune(place.instance, watch, place.settings, datetime.now(UTC) + timedelta(hours=1))
    watch.close()
    assert place.instance.get_dynamic_partitions(partitions_of_theirs) == ["a~0123456789ab"]
    for run_id in theirs:
        assert place.instance.get_run_by_id(run_id)
        assert place.instance.all_logs(run_id)
