"""What the buttons of Dagster's page do, asked of a real web server: the ledger says the same.

Where a button changes Dagster's history alone, the ledger and the rows stay as they are.
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
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.store import Store
from saft_pipeline_tests.dagster_runtime.test_chart_shape import asked, chart_shape, until
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

    def put(self, content: str, state: str = "loaded") -> LedgerFile:
        """A new file, when it has come to that state."""
        path = f"{uuid.uuid4().hex}.xml"
        self.project.put(path, content)
        until(lambda: [f.status for f in self.store.files(path=path)] == [state], self.logs)
        file = self.file(path)
        if file.run_id:
            run_id = file.run_id
            until(lambda: self.status(run_id) in {"SUCCESS", "FAILURE", "STARTED"}, self.logs)
        return file


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
        yield Page(port, shared_project, store, folder)
    store.close()


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


def test_execute_again_loads_the_file_of_the_run_again(page: Page) -> None:
    file = page.put(one_invoice("FT E/1"))
    until(lambda: page.status(str(file.run_id)) == "SUCCESS", page.logs)
    answer = page.ask(AGAIN, run=file.run_id)["launchRunReexecution"]
    run_id = answer["run"]["runId"]
    until(lambda: page.status(run_id) in {"SUCCESS", "FAILURE"}, page.logs)
    again = page.file(file.path)
    assert (page.status(run_id), again.status, again.run_id) == ("SUCCESS", "loaded", run_id)


def test_wiped_history_comes_back_with_the_next_run_and_the_rows_stay(page: Page) -> None:
    file = page.put(one_invoice("FT W/1"))
    key = partition_of(file)
    assert page.ask(WIPE, key={"path": ["invoices"]})["wipeAssets"]["__typename"] == (
        "AssetWipeSuccess"
    )
    assert page.shown("invoices")[0] == set()
    assert page.file(file.path) == file
    page.ask(AGAIN, run=file.run_id)
    until(lambda: page.shown("invoices")[0] == {key}, page.logs)


def test_deleted_partition_stays_loaded_and_comes_back_with_the_next_version(page: Page) -> None:
    file = page.put(one_invoice("FT D/1"))
    key = partition_of(file)
    answer = page.ask(DELETE, keys=[key])["deleteDynamicPartitions"]["__typename"]
    assert answer == "DeleteDynamicPartitionsSuccess"
    assert key not in page.shown("invoices")[1]
    assert page.file(file.path) == file
    page.project.put(file.path, one_invoice("FT D/1", "11.00"))
    until(lambda: page.file(file.path).version == 2, page.logs)
    until(lambda: key in page.shown("invoices")[1], page.logs)


def test_reported_materialization_is_the_pages_alone(page: Page) -> None:
    file = page.put(broken("FT R/1"), "failed")
    key = partition_of(file)
    for asset in FILE_ASSETS:
        page.ask(REPORT, key={"path": [asset]}, keys=[key])
    assert key in page.shown("invoices")[0]
    assert page.file(file.path).status == "failed"
