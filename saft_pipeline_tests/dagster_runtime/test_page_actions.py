"""What the buttons of Dagster's page do, asked of a real web server: the ledger says the same.

Where a button changes Dagster's history alone, the ledger and the rows stay as they are. Daemon and
web server lack this package: every way to load works there, too. Starting processes is what costs:
what tests begin with is loaded at once.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from saft_pipeline.dagster_runtime.names import FILE_ASSETS
from saft_pipeline.embedded_postgres.postgres import EmbeddedPostgres
from saft_pipeline.settings import load
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.store import Store
from saft_pipeline.web import endpoints
from saft_pipeline.web.models import FilePath, TaskId
from saft_pipeline.web.services import services
from saft_pipeline_tests.dagster_runtime.chart import asked, chart_shape, until
from saft_pipeline_tests.fixtures.project import Project, broken, one_invoice, partition_of

pytestmark = pytest.mark.timeout(600)

TERMINATE = "mutation($run: String!) { terminateRun(runId: $run) { __typename } }"
AGAIN = """mutation($run: String!) {
  launchRunReexecution(reexecutionParams: {parentRunId: $run, strategy: ALL_STEPS}) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}"""
WIPE = """mutation($key: AssetKeyInput!) {
  wipeAssets(assetPartitionRanges: [{assetKey: $key}]) { __typename }
}"""
DELETE = """mutation($keys: [String!]!) {
  deleteDynamicPartitions(
    repositorySelector: {
      repositoryLocationName: "finance", repositoryName: "__repository__"
    },
    partitionsDefName: "saft_files", partitionKeys: $keys
  ) { __typename }
}"""
REPORT = """mutation($key: AssetKeyInput!, $keys: [String!]!) {
  reportRunlessAssetEvents(eventParams: {
    eventType: ASSET_MATERIALIZATION, assetKey: $key, partitionKeys: $keys
  }) { __typename }
}"""
BACKFILL = """
mutation($keys: [String!]!, $assets: [AssetKeyInput!]!) {
  launchPartitionBackfill(backfillParams: {assetSelection: $assets, partitionNames: $keys}) {
    __typename
  }
}
"""
ENDED = {"SUCCESS", "FAILURE"}
RUN = "query($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"
MADE = """query($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) {
    ... on AssetNode { assetMaterializations { partition } partitionKeys }
  }
}"""


@dataclass
class Page:
    """The web server, the folder, and the ledger."""

    port: int
    project: Project
    store: Store
    logs: Path

    def ask(self, query: str, **variables: object) -> Any:
        return asked(self.port, query, **variables)

    def status(self, run_id: str) -> str:
        return str(self.ask(RUN, run=run_id)["runOrError"]["status"])

    def shown(self, asset: str) -> tuple[set[str], set[str]]:
        """The partitions that the page shows as made, and all that it shows."""
        node = self.ask(MADE, key={"path": [asset]})["assetNodeOrError"]
        return {each["partition"] for each in node["assetMaterializations"]}, set(
            node["partitionKeys"]
        )

    def file(self, path: str) -> LedgerFile:
        return self.store.files(path=path)[0]

    def put(self, contents: dict[str, str]) -> None:
        """New files, when the run of each has ended."""
        for path, content in contents.items():
            self.project.put(path, content)
        until(lambda: all(map(self._has_ended, contents)), self.logs)

    def _has_ended(self, path: str) -> bool:
        found = self.store.files(path=path)
        run_id = found[0].run_id if found else None
        return run_id is not None and self.status(run_id) in ENDED


@pytest.fixture(scope="module")
def page(
    shared_project: Project,
    postgres_server: EmbeddedPostgres,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("page")
    store = shared_project.store()
    # A run that is terminated before it comes to its file leaves it to the end of the lease.
    env = {**shared_project.env, "LEASE_SECONDS": "45"}
    with chart_shape(postgres_server, env, folder) as port:
        page = Page(port, shared_project, store, folder)
        page.put(
            {
                "again.xml": one_invoice("FT E/1"),
                "deleted.xml": one_invoice("FT D/1"),
                "broken.xml": broken("FT R/1"),
            }
        )
        yield page
    store.close()


@dataclass
class Again:
    """A run that was executed again after the page had wiped an asset of its file."""

    run_id: str
    status: str
    before: LedgerFile
    wiped: LedgerFile
    after: LedgerFile
    shown: list[bool]
    """Whether the page shows the file's partition of the asset as made: wiped, and after."""


@pytest.fixture(scope="module")
def again(page: Page) -> Again:
    before = page.file("again.xml")
    answer = page.ask(WIPE, key={"path": ["invoices"]})["wipeAssets"]["__typename"]
    assert answer == "AssetWipeSuccess"
    key, wiped = partition_of(before), page.file("again.xml")
    shown = [key in page.shown("invoices")[0]]
    run_id = str(page.ask(AGAIN, run=before.run_id)["launchRunReexecution"]["run"]["runId"])
    until(lambda: page.status(run_id) in ENDED, page.logs)
    shown.append(key in page.shown("invoices")[0])
    return Again(run_id, page.status(run_id), before, wiped, page.file("again.xml"), shown)


def test_terminate_ends_the_run_and_gives_its_file_up(page: Page) -> None:
    url = page.project.env["SUPABASE_DB_URL"]
    name = f"{uuid.uuid4().hex}.xml"
    page.project.put(name, one_invoice("FT T/1"))
    until(lambda: [f.status for f in page.store.files(path=name)] == ["running"], page.logs)
    run_id = _run_of(page, name)
    with psycopg.connect(url) as holding:
        # What comes before publishing waits for this, so that nothing of the file is published.
        holding.execute("lock table invoice_files in share row exclusive mode")
        until(lambda: page.status(run_id) == "STARTED", page.logs)
        assert page.ask(TERMINATE, run=run_id)["terminateRun"]["__typename"] == (
            "TerminateRunSuccess"
        )
        threading.Event().wait(3)
        holding.rollback()
    until(lambda: page.status(run_id) == "CANCELED", page.logs)
    until(lambda: page.file(name).status == "failed", page.logs)
    assert "cancel" in str(page.file(name).error)


def _run_of(page: Page, path: str) -> str:
    query = """query { runsOrError(filter: {statuses: [STARTED, STARTING, QUEUED]}) {
      ... on Runs { results { runId tags { key value } } } } }"""
    owner = page.file(path).claimed_by
    found: list[str] = []

    def seen() -> bool:
        runs = page.ask(query)["runsOrError"]["results"]
        tag = {"key": "saft/claim", "value": owner}
        found[:] = [run["runId"] for run in runs if tag in run["tags"]]
        return bool(found)

    until(seen, page.logs)
    return found[0]


def test_execute_again_loads_the_file_of_the_run_again(again: Again) -> None:
    after = again.after
    assert (again.status, after.status, after.run_id) == ("SUCCESS", "loaded", again.run_id)


def test_wiped_history_comes_back_with_the_next_run_and_the_rows_stay(again: Again) -> None:
    assert again.wiped == again.before
    assert again.shown == [False, True]


def test_deleted_partition_stays_loaded_and_comes_back_with_the_next_version(page: Page) -> None:
    file = page.file("deleted.xml")
    key = partition_of(file)
    answer = page.ask(DELETE, keys=[key])["deleteDynamicPartitions"]["__typename"]
    assert answer == "DeleteDynamicPartitionsSuccess"
    assert key not in page.shown("invoices")[1]
    assert page.file(file.path) == file
    page.project.put(file.path, one_invoice("FT D/1", "11.00"))
    until(lambda: page.file(file.path).version == 2, page.logs)
    until(lambda: key in page.shown("invoices")[1], page.logs)


def test_reported_materialization_is_the_pages_alone(page: Page) -> None:
    key = partition_of(page.file("broken.xml"))
    for asset in FILE_ASSETS:
        page.ask(REPORT, key={"path": [asset]}, keys=[key])
    assert key in page.shown("invoices")[0]
    assert page.file("broken.xml").status == "failed"


def test_backfill_loads_the_files_of_its_partitions_again(page: Page) -> None:
    file = page.file("again.xml")
    assets = [{"path": [name]} for name in FILE_ASSETS]
    answer = page.ask(BACKFILL, keys=[partition_of(file)], assets=assets)
    assert answer["launchPartitionBackfill"]["__typename"] == "LaunchBackfillSuccess"
    until(lambda: page.file(file.path).run_id != file.run_id, page.logs)


def test_the_api_has_a_file_loaded_through_the_code_server(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**page.project.env, "DAGSTER_INSTANCE": str(page.logs)}.items():
        monkeypatch.setenv(name, value)
    with services(load()) as opened:
        assert opened.location.name == "finance"
        asked_for = FilePath(file_path="again.xml")
        task = TaskId(id=endpoints.process_file(opened, asked_for).task_id)
        until(lambda: endpoints.task_status(opened, task).state == "SUCCESS", page.logs)
