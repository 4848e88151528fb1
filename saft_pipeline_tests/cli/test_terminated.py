"""Runs under `saft up` that are ended in their middle: only what was not finished is marked.

One `saft up` for all, which the last test ends; each has files of its own, in a folder that comes
with all of them at once.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from saft_pipeline.dagster_runtime.names import FILE_ASSETS
from saft_pipeline.store.model import CANCELLED, LedgerFile
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.own_home import own_home
from saft_pipeline_tests.fixtures.project import Project, broken, one_invoice, partition_of
from saft_pipeline_tests.fixtures.sshd import free_port
from saft_pipeline_tests.fixtures.waiting import wait_for

_EARLY = 1_750_000_000
_BROKEN = "007.xml"
_FILES = 300  # in groups that end before 50, 150 and 300; the second is held
_KEY = 14
# What publishing the second group waits for, as it would for a lock of somebody else's.
_HOLD = f"""
create function public.hold() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock({_KEY});
    return new;
end $$;
create trigger hold before update on public.invoice_files for each row
    when (old.path like '%/120.xml' and old.status = 'running' and new.status = 'loaded')
    execute function public.hold();
"""
_TERMINATE = """
mutation($id: String!) { terminateRun(runId: $id) { __typename ... on PythonError { message } } }
"""
_BACKFILL = """
mutation($assets: [AssetKeyInput!]!, $keys: [String!]!) {
  launchPartitionBackfill(backfillParams: {assetSelection: $assets, partitionNames: $keys}) {
    __typename ... on PythonError { message }
  }
}
"""
_RUNS = "{ runsOrError { ... on Runs { results { runId status } } } }"


Says = tuple[str, str | None]


@dataclass(frozen=True)
class Held:
    """A `saft up` whose one run has loaded a group and is held in the next."""

    process: subprocess.Popen[bytes]
    page: str
    holder: psycopg.Connection[tuple[object, ...]]

    def wait_for_page(self) -> None:
        """Until Dagster's page answers."""

        def answers() -> bool:
            try:
                return bool(self.asked("{ version }"))
            except (httpx.HTTPError, ValueError):
                return False

        wait_for(answers)

    def asked(self, query: str, **variables: object) -> Any:
        """What Dagster's page answers."""
        body = {"query": query, "variables": variables}
        return httpx.post(f"{self.page}/graphql", json=body, timeout=60).json()["data"]

    def run(self) -> dict[str, str]:
        """The newest run: its `runId` and `status`."""
        return dict(self.asked(_RUNS)["runsOrError"]["results"][0])

    def hold(self) -> None:
        """Have the next second group wait."""
        self.holder.execute("select pg_advisory_lock(%s)", (_KEY,))

    def let_go(self) -> None:
        """Have what is held go on, when the run was told long enough ago to have heard it."""
        time.sleep(5)
        self.holder.execute("select pg_advisory_unlock(%s)", (_KEY,))

    def is_waited_for(self) -> bool:
        """Whether the run came to what is held."""
        waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        return self.holder.execute(waiting).fetchone() != (0,)


@pytest.fixture(scope="module")
def store(shared_project: Project) -> Iterator[Store]:
    store = shared_project.store()
    yield store
    store.close()


@pytest.fixture(scope="module")
def up(shared_project: Project, store: Store) -> Iterator[Held]:
    """What loads the second group can be held; nothing is there yet."""
    with (
        own_home() as home,
        psycopg.connect(shared_project.env["SUPABASE_DB_URL"], autocommit=True) as holder,
    ):
        holder.execute(_HOLD)
        with _up(shared_project, home) as (process, page):
            held = Held(process, page, holder)
            held.wait_for_page()
            yield held
            holder.execute("select pg_advisory_unlock_all()")


@pytest.fixture
def files(shared_project: Project, tmp_path: Path) -> str:
    """The folder that they are in, below that of the server; the series of their invoices, too."""
    folder = uuid.uuid4().hex.upper()
    for number in range(_FILES):
        text = (broken if number == 7 else one_invoice)(f"FT {folder}/{number + 1}")
        path = tmp_path / "files" / f"{number:03}.xml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        os.utime(path, (_EARLY + number, _EARLY + number))
    (tmp_path / "files").rename(shared_project.folder / folder)
    return folder


@pytest.fixture
def held(up: Held, hold: None, files: str) -> Held:
    """The sensor's run."""
    wait_for(up.is_waited_for)
    return up


@pytest.fixture
def hold(up: Held) -> None:
    up.hold()


@pytest.fixture
def loaded_before(up: Held, files: str, store: Store) -> dict[str, Says]:
    """All files were loaded before, but the broken one; what the ledger says of each."""
    wait_for(lambda: set(_states(store, files)) == {"loaded"})
    wait_for(lambda: up.run()["status"] in ("SUCCESS", "FAILURE"))
    return _says(store, files)


@pytest.fixture
def backfill(loaded_before: dict[str, Says], up: Held, files: str, store: Store) -> Held:
    """A backfill of all of them."""
    keys = [partition_of(file) for file in _files(store, files)]
    up.hold()
    answer = up.asked(_BACKFILL, assets=[{"path": [name]} for name in FILE_ASSETS], keys=keys)
    assert answer["launchPartitionBackfill"]["__typename"] == "LaunchBackfillSuccess", answer
    wait_for(up.is_waited_for)
    return up


@contextmanager
def _up(project: Project, home: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    ports = {"DAGSTER_PORT": str(port), "API_PORT": str(free_port())}
    often = {"MAX_FILES_PER_BATCH": "0", "POLL_INTERVAL_SECONDS": "2"}
    more = {"SAFT_HOME": str(home), **often, **ports}
    process = subprocess.Popen(
        [sys.executable, "-c", "from saft_pipeline.cli import main; main()", "up"],
        env={**os.environ, **project.env, **more},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(120)


def _files(store: Store, folder: str) -> list[LedgerFile]:
    return [file for file in store.files(limit=1000) if file.path.startswith(folder)]


def _states(store: Store, folder: str) -> dict[str, set[str]]:
    """Names by state, but of the broken one."""
    states: dict[str, set[str]] = {}
    for file in _files(store, folder):
        if file.filename != _BROKEN:
            states.setdefault(file.status, set()).add(file.filename)
    return states


def _first(count: int) -> set[str]:
    return {f"{number:03}.xml" for number in range(count)} - {_BROKEN}


def _says(store: Store, folder: str) -> dict[str, Says]:
    return {file.filename: (file.status, file.error) for file in _files(store, folder)}


def _broken_says(store: Store, folder: str) -> str:
    status, error = _says(store, folder)[_BROKEN]
    assert status == "failed"
    return error or ""


def test_who_terminates_a_run_at_the_page_marks_only_what_was_not_finished(
    held: Held, files: str, store: Store
) -> None:
    held.asked(_TERMINATE, id=held.run()["runId"])
    held.let_go()
    wait_for(lambda: held.run()["status"] == "CANCELED")
    states = _states(store, files)
    assert states["loaded"] >= _first(50)
    assert states["failed"] == _first(_FILES) - states["loaded"] != set()
    said = {error for status, error in _says(store, files).values() if status == "failed"}
    assert said == {CANCELLED, _broken_says(store, files)}
    assert f"UnitPrice of invoice FT {files}/8" in _broken_says(store, files)


def test_who_terminates_a_backfill_takes_nothing_from_what_was_loaded_or_failed_before(
    loaded_before: dict[str, Says], backfill: Held, files: str, store: Store
) -> None:
    assert {says for name, says in loaded_before.items() if name != _BROKEN} == {("loaded", None)}
    backfill.asked(_TERMINATE, id=backfill.run()["runId"])
    backfill.let_go()
    wait_for(lambda: backfill.run()["status"] == "CANCELED")
    assert _says(store, files) == loaded_before


def test_sigterm_puts_off_what_was_not_finished_and_marks_nothing(
    held: Held, files: str, store: Store
) -> None:
    held.process.terminate()
    held.let_go()
    held.process.wait(120)
    states = _states(store, files)
    assert states["loaded"] >= _first(50)
    assert states == {
        "loaded": states["loaded"],
        "pending": _first(_FILES) - states["loaded"],
    }
    assert f"UnitPrice of invoice FT {files}/8" in _broken_says(store, files)
