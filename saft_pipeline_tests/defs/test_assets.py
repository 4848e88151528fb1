"""What a run leaves of each file: materializations, failed partitions, states of the ledger."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterEventType, DagsterRunStatus

from saft_pipeline.dagster_runtime import partitions
from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.dagster_runtime.names import FILE_ASSETS
from saft_pipeline.store.errors import TransientStoreError
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import (
    Polled,
    Project,
    broken,
    half,
    one_invoice,
    partition_of,
)

CONTRACT = {
    "raw_xml", "parsed_json", "companies", "customers", "invoices", "invoice_lines",
    "invoice_file_links", "invoice_files",
}  # fmt: skip
AFTER_READING = CONTRACT - {"raw_xml"}


def statuses(runs: LocalRuns, partition: str) -> dict[str, str | None]:
    """The colour of a partition in the UI, asset by asset."""
    found: dict[str, str | None] = {}
    for asset in FILE_ASSETS:
        by_partition = runs.instance.get_status_by_partition(
            dg.AssetKey(asset), [partition], partitions.files
        )
        status = by_partition[partition] if by_partition else None
        found[asset] = status.value if status else None
    return found


def poll(runs: LocalRuns) -> dg.DagsterRun:
    """One tick and the only run that it asks for."""
    runs.tick()
    (run_id,) = runs.run_waiting()
    return run_of(runs, run_id)


def run_of(runs: LocalRuns, run_id: str) -> dg.DagsterRun:
    run = runs.instance.get_run_by_id(run_id)
    assert run
    return run


def reason_of(runs: LocalRuns, run: dg.DagsterRun) -> str:
    """Why the run's step failed, as the UI shows it."""
    (event,) = (
        entry.dagster_event
        for entry in runs.instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_FAILURE)
    )
    assert event
    assert event.step_failure_data.error
    return event.step_failure_data.error.message


def the_file(store: Store, path: str = "f.xml") -> LedgerFile:
    return store.files(path=path)[0]


def updated_at(store: Store, path: str = "f.xml") -> object:
    columns, rows = store.rows("invoices", [the_file(store, path).key])
    return [row[columns.index("updated_at")] for row in rows]


def test_the_assets_are_those_of_the_contract() -> None:
    assert set(FILE_ASSETS) == CONTRACT


@pytest.mark.parametrize("path", ["good.xml", "sub/warned.xml", "twin.xml"])
def test_a_good_file_has_a_materialization_of_every_asset(polled: Polled, path: str) -> None:
    found = statuses(polled.runs, polled.partition(path))
    assert found == dict.fromkeys(CONTRACT, "MATERIALIZED")


def test_a_broken_file_of_a_shared_run_shows_failed_after_its_bytes(polled: Polled) -> None:
    found = statuses(polled.runs, polled.partition("broken.xml"))
    assert found == dict.fromkeys(AFTER_READING, "FAILED") | {"raw_xml": "MATERIALIZED"}


def test_a_file_that_vanished_shows_failed_everywhere(polled: Polled) -> None:
    found = statuses(polled.runs, polled.partition("vanished.xml"))
    assert found == dict.fromkeys(CONTRACT, "FAILED")


def test_a_file_still_uploading_is_missing_not_failed(polled: Polled) -> None:
    found = statuses(polled.runs, polled.partition("half.xml"))
    assert found == dict.fromkeys(AFTER_READING) | {"raw_xml": "MATERIALIZED"}


def test_the_ledger_has_each_file_of_the_run_in_its_state(polled: Polled) -> None:
    found = {f.path: f.status for f in polled.store.files(run_id=polled.run.run_id)}
    assert found == {
        "good.xml": "loaded",
        "twin.xml": "loaded",
        "sub/warned.xml": "loaded",
        "broken.xml": "failed",
        "half.xml": "incomplete",
        "vanished.xml": "gone",
    }


def test_a_run_with_a_broken_file_fails_and_says_where_it_is_broken(polled: Polled) -> None:
    assert polled.run.status == DagsterRunStatus.FAILURE
    assert "broken.xml:45:1: UnitPrice of invoice FT A/3 is '10,00'" in reason_of(
        polled.runs, polled.run
    )


def test_a_run_is_tagged_with_how_many_of_its_files_failed(polled: Polled) -> None:
    run = run_of(polled.runs, polled.run.run_id)
    assert run.tags["saft/failed"] == "2 of 6"


def test_a_run_does_not_name_an_incomplete_file_as_failed(polled: Polled) -> None:
    assert "half.xml" not in reason_of(polled.runs, polled.run)


def test_an_incomplete_file_fails_no_run(project: Project, runs: LocalRuns, store: Store) -> None:
    project.put("f.xml", half("FT B/1"))
    run = poll(runs)
    assert (run.status, the_file(store).status) == (DagsterRunStatus.SUCCESS, "incomplete")


def test_an_incomplete_file_is_left_alone_until_it_changes(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    project.put("f.xml", half("FT B/1"))
    poll(runs)
    assert runs.tick().run_ids == []


def test_an_incomplete_file_is_taken_when_it_changed(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    project.put("f.xml", half("FT B/1"))
    poll(runs)
    project.put("f.xml", one_invoice("FT B/1"))
    poll(runs)
    assert the_file(store).status == "loaded"


def test_the_same_bytes_again_change_no_row(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    project.put("f.xml", one_invoice("FT B/1"), modified_at=1_750_000_000)
    poll(runs)
    before = updated_at(store)
    project.put("f.xml", one_invoice("FT B/1"), modified_at=1_750_000_060)
    poll(runs)
    assert (updated_at(store), the_file(store).version) == (before, 1)


def test_a_corrected_file_is_a_new_version_of_the_same_partition(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    project.put("f.xml", one_invoice("FT B/1"), modified_at=1_750_000_000)
    before = poll(runs).tags["dagster/partition"]
    project.put("f.xml", one_invoice("FT B/1", "11.00"), modified_at=1_750_000_060)
    after = poll(runs).tags["dagster/partition"]
    assert (after, the_file(store).version) == (before, 2)


def test_a_run_of_one_broken_file_shows_its_partition_failed(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    project.put("f.xml", broken("FT B/1"))
    run = poll(runs)
    found = statuses(runs, partition_of(the_file(store)))
    assert run.status == DagsterRunStatus.FAILURE
    assert found == dict.fromkeys(AFTER_READING, "FAILED") | {"raw_xml": "MATERIALIZED"}


def test_a_failed_partition_turns_good_when_the_file_was_mended(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    project.put("f.xml", broken("FT B/1"), modified_at=1_750_000_000)
    poll(runs)
    project.put("f.xml", one_invoice("FT B/1"), modified_at=1_750_000_060)
    poll(runs)
    found = statuses(runs, partition_of(the_file(store)))
    assert found == dict.fromkeys(CONTRACT, "MATERIALIZED")


def test_a_known_partition_is_loaded_by_a_run_that_has_no_claim(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    project.put("f.xml", one_invoice("FT B/1"))
    poll(runs)
    run_id = runs.execute(dg.RunRequest(partition_key=partition_of(the_file(store))))
    assert run_of(runs, run_id).status == DagsterRunStatus.SUCCESS
    assert the_file(store).run_id == run_id


def test_a_range_of_partitions_is_loaded_by_one_run(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    for name in ("a.xml", "b.xml"):
        project.put(name, one_invoice(f"FT {name[0]}/1"))
    runs.tick()
    list(runs.run_waiting())
    first, last = (partition_of(the_file(store, name)) for name in ("a.xml", "b.xml"))
    tags = {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }
    run_id = runs.execute(dg.RunRequest(tags=tags))
    assert {f.path for f in store.files(run_id=run_id)} == {"a.xml", "b.xml"}


def test_an_unknown_partition_is_refused_by_name(project: Project, runs: LocalRuns) -> None:
    runs.instance.add_dynamic_partitions("saft_files", ["nobody~0123456789ab"])
    run_id = runs.execute(dg.RunRequest(partition_key="nobody~0123456789ab"))
    reason = reason_of(runs, run_of(runs, run_id))
    assert "no file in the ledger for nobody~0123456789ab" in reason


def test_the_readmes_dagster_command_loads_a_known_partition(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    project.put("f.xml", broken("FT B/1"))
    poll(runs)
    project.put("f.xml", one_invoice("FT B/1"))
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (typed,) = re.findall(r"`(dagster asset materialize [^`]+)`", readme)
    words = shlex.split(typed.replace("KEY", partition_of(the_file(store))))
    command = [sys.executable, "-m", *words]
    env = {**os.environ, "DAGSTER_HOME": str(project.settings.dagster_home)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert the_file(store).status == "loaded"


def test_a_fault_that_stays_ends_the_run_with_its_cure(
    project: Project, runs: LocalRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.put("f.xml", one_invoice("FT B/1"))
    runs.tick()
    monkeypatch.setenv("SFTP_PRIVATE_KEY_PATH", "/no/such/key")
    (run_id,) = runs.run_waiting()
    assert "correct SFTP_PRIVATE_KEY_PATH" in reason_of(runs, run_of(runs, run_id))


def test_a_fault_that_stays_gives_the_claimed_files_back(
    project: Project, runs: LocalRuns, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.put("f.xml", one_invoice("FT B/1"))
    runs.tick()
    monkeypatch.setenv("SFTP_PRIVATE_KEY_PATH", "/no/such/key")
    list(runs.run_waiting())
    file = the_file(store)
    assert (file.status, file.claimed_by, file.attempts) == ("pending", None, 0)


def test_a_run_keeps_its_claim_alive(
    project: Project, runs: LocalRuns, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed: list[str] = []
    real = Store.renew

    def renew(store: Store, owner: str, lease: timedelta) -> int:
        renewed.append(owner)
        return real(store, owner, lease)

    project.put("f.xml", one_invoice("FT B/1"))
    runs.tick()
    owner = the_file(store).claimed_by
    monkeypatch.setattr(Store, "renew", renew)
    list(runs.run_waiting())
    assert owner in renewed


def test_a_run_that_dies_leaves_its_files_failed_with_the_reason(
    project: Project, runs: LocalRuns, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_args: object, **_named: object) -> None:
        raise ZeroDivisionError("out of paper")

    project.put("f.xml", one_invoice("FT B/1"))
    monkeypatch.setattr(Store, "publish", die)
    poll(runs)
    file = the_file(store)
    assert (file.status, file.claimed_by) == ("failed", None)
    assert "the run ended early: ZeroDivisionError: out of paper" in (file.error or "")


def test_a_run_that_loses_the_database_leaves_its_files_to_be_tried_again(
    project: Project, runs: LocalRuns, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*_args: object, **_named: object) -> None:
        raise TransientStoreError("the connection is lost")

    project.put("f.xml", one_invoice("FT B/1"))
    monkeypatch.setattr(Store, "settle", lose)
    poll(runs)
    file = the_file(store)
    assert file.status == "pending" or file.next_attempt_at


def test_a_run_whose_claim_is_gone_touches_nothing(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    project.put("a.xml", one_invoice("FT B/1"))
    project.put("b.xml", one_invoice("FT B/2"))
    runs.tick()
    for file in store.files():
        assert file.claimed_by
        store.release(file.claimed_by)
    store.claim("somebody-else", lease=timedelta(minutes=2), ids=[f.id for f in store.files()])
    list(runs.run_waiting())
    assert {f.claimed_by for f in store.files()} == {"somebody-else"}
