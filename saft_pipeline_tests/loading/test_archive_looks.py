"""Zips on a real server: members of their own in the ledger, cleared away when all are loaded."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from saft_pipeline.dagster_runtime import partitions
from saft_pipeline.dagster_runtime.instance import open_instance
from saft_pipeline.loading import archive_looks
from saft_pipeline.settings import load
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import (
    Command,
    Project,
    broken,
    one_invoice,
    partition_of,
)
from saft_pipeline_tests.loading.without_dagster import go_round

GOOD, OTHER = one_invoice("FT Z/1"), one_invoice("FT Z/2")

LONG_AGO = 1_750_000_000  # what changed just now is read again before it is cleared away


def zip_of(**files: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(f"in/{name}.xml", content)
    return stream.getvalue()


def states(store: Store) -> dict[str, str]:
    return {file.path: file.status for file in store.files()}


def test_members_are_files_of_their_own(project: Project, store: Store, saft: Command) -> None:
    project.put("a.zip", zip_of(good=GOOD, bad=broken("FT Z/3")))
    project.put("c.xml.gz", gzip.compress(OTHER.encode()))
    done = saft("poll", "--json").json
    assert (done["listed"], done["loaded"], done["failed"]) == (3, 2, 1)
    assert states(store) == {
        "a.zip/in/good.xml": "loaded",
        "a.zip/in/bad.xml": "failed",
        "c.xml.gz": "loaded",
    }


def test_members_have_partitions_and_checks_of_their_own(
    project: Project, store: Store, saft: Command
) -> None:
    project.put("a.zip", zip_of(good=GOOD, odd=one_invoice("FT Z/2", "11"), bad=broken("FT Z/3")))
    saft("poll")
    asset = dg.AssetKey("invoice_files")
    keys = {file.filename: partition_of(file) for file in store.files()}
    assert all(key.startswith("a-zip-in-") for key in keys.values())
    with open_instance(project.settings) as instance:
        found = instance.get_status_by_partition(asset, [*keys.values()], partitions.files)
        checks = dg.DagsterEventType.ASSET_CHECK_EVALUATION
        entries = [
            entry.get_dagster_event().asset_check_evaluation_data
            for file in store.files()
            for entry in instance.all_logs(str(file.run_id), of_type=checks)
        ]
    assert found
    states = {name: str(found[key]).rpartition(".")[2] for name, key in keys.items()}
    assert states == {
        "good.xml": "MATERIALIZED",
        "odd.xml": "MATERIALIZED",
        "bad.xml": "FAILED",
    }
    # What finds nothing is told of the whole run.
    assert {entry.partition for entry in entries} == {None, keys["odd.xml"]}


@pytest.mark.parametrize("after_load", ["delete", "archive"])
def test_a_zip_goes_when_all_of_it_is_loaded(
    project: Project, store: Store, after_load: str
) -> None:
    settings = load({**project.env, "AFTER_LOAD": after_load})
    project.put("whole.zip", zip_of(good=GOOD, other=OTHER), modified_at=LONG_AGO)
    project.put(
        "half.zip", zip_of(good=one_invoice("FT Z/4"), bad=broken("FT Z/3")), modified_at=LONG_AGO
    )
    project.put("c.xml.gz", gzip.compress(one_invoice("FT Z/5").encode()), modified_at=LONG_AGO)
    for _ in range(2):
        go_round(settings, store)
    assert [path.name for path in project.folder.iterdir() if path.is_file()] == ["half.zip"]
    assert states(store)["whole.zip/in/other.xml"] == "loaded"


@pytest.mark.parametrize("after_load", ["delete", "archive"])
def test_what_is_not_read_of_a_zip_is_not_deleted_with_it(
    project: Project, store: Store, after_load: str
) -> None:
    settings = load({**project.env, "AFTER_LOAD": after_load})
    packed = io.BytesIO(zip_of(good=GOOD))
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("in/inner.zip", zip_of(other=OTHER))
    project.put("mixed.zip", packed.getvalue(), modified_at=LONG_AGO)
    said = ["\n".join(go_round(settings, store)[0].problems()) for _ in range(3)]
    assert states(store) == {"mixed.zip/in/good.xml": "loaded"}
    assert (project.folder / "mixed.zip").exists() is (after_load == "delete")
    goes = "not deleted" if after_load == "delete" else "archived whole, unread"
    told = f"it is {goes}: 1 file in it does not fit SFTP_PATTERN"
    assert [told in each for each in said] == [True, False, False]


def test_a_file_that_another_of_its_zip_has_the_name_of_is_told_and_not_deleted(
    project: Project, store: Store
) -> None:
    settings = load({**project.env, "AFTER_LOAD": "delete"})
    packed = io.BytesIO(zip_of(same=OTHER))
    with zipfile.ZipFile(packed, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("in/same.xml", GOOD)
    project.put("twice.zip", packed.getvalue(), modified_at=LONG_AGO)
    said = ["\n".join(go_round(settings, store)[0].problems()) for _ in range(3)]
    told = "more than one file in it is called in/same.xml: only the last is read"
    assert [told in each for each in said] == [True, False, False]
    assert states(store) == {"twice.zip/in/same.xml": "loaded"}
    assert (project.folder / "twice.zip").exists()


def test_what_is_no_longer_in_a_zip_is_not_said_to_stay_on_the_server(
    project: Project, store: Store
) -> None:
    settings = load({**project.env, "AFTER_LOAD": "delete", "LEASE_SECONDS": "5"})
    half = zip_of(good=GOOD, bad=broken("FT Z/3"))
    project.put("half.zip", half, modified_at=LONG_AGO)
    go_round(settings, store)
    project.put("half.zip", zip_of(bad=broken("FT Z/3")), modified_at=LONG_AGO)
    with psycopg.connect(project.env["SUPABASE_DB_URL"], autocommit=True) as connection:
        connection.execute("update invoice_files set loaded_at = loaded_at - interval '1 h'")
    (source,) = settings.sources
    assert [f.filename for f in store.uncleared(source.source, source.lease)] == ["good.xml"]
    go_round(settings, store)
    assert store.uncleared(source.source, source.lease) == []


def test_a_zip_is_fetched_for_its_members_once(
    project: Project, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.put("a.zip", zip_of(good=GOOD))
    go_round(project.settings, store)
    monkeypatch.setattr(archive_looks, "_look_into", lambda *_: pytest.fail("again"))
    found, _ = go_round(project.settings, store)
    assert found.figures()["listed"] == 1


def test_a_changed_zip_is_looked_into_again(project: Project, store: Store) -> None:
    project.put("a.zip", zip_of(good=GOOD), modified_at=1_750_000_000)
    go_round(project.settings, store)
    project.put("a.zip", zip_of(good=GOOD, other=OTHER), modified_at=1_750_000_100)
    go_round(project.settings, store)
    assert states(store) == {"a.zip/in/good.xml": "loaded", "a.zip/in/other.xml": "loaded"}


def test_a_zip_that_can_not_be_taken_has_its_reason(project: Project, store: Store) -> None:
    project.put("b.7z", b"7z")
    project.put("c.rar", b"Rar!")
    project.put("d.zip", zip_of(**{"n" * 260: GOOD}))
    project.put("note.txt", b"hello")
    go_round(project.settings, store)
    reasons = {file.path: str(file.error) for file in store.files(state="unreadable")}
    assert "7z archives can't be read" in reasons["b.7z"]
    assert "rar archives can't be read" in reasons["c.rar"]
    assert any("no more than 255 are taken" in reason for reason in reasons.values())


def test_what_nobody_wants_is_counted_and_told_once(project: Project, store: Store) -> None:
    project.put("a.zip", zip_of())
    project.put("note.txt", b"hello")
    first, second = (go_round(project.settings, store)[0].summary() for _ in range(2))
    assert "1 file doesn't fit SFTP_PATTERN" in first
    assert "a.zip: no member of it fits SFTP_PATTERN" in first
    assert "a.zip" not in second
    assert store.files() == []


def test_local_zips_are_ingested_parsed_and_validated(
    project: Project, store: Store, saft: Command, tmp_path: Path
) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zip_of(good=GOOD, other=OTHER))
    assert saft("ingest", str(path), "--json").json["loaded"] == 2
    assert states(store).keys() == {f"{path}/in/good.xml", f"{path}/in/other.xml"}
    files = saft("validate", str(path), "--json").json["files"]
    assert [file["file"] for file in files] == [f"{path}/in/good.xml", f"{path}/in/other.xml"]
    numbers = [record["invoice_no"] for record in _parsed(saft, path, "invoice")]
    assert numbers == ["FT Z/1", "FT Z/2"]


def _parsed(saft: Command, path: Path, kind: str) -> list[dict[str, str]]:
    records = map(json.loads, saft("parse", str(path)).out.splitlines())
    return [record for record in records if record["record"] == kind]


def test_local_gzipped_files_are_ingested_parsed_and_validated(
    project: Project, store: Store, saft: Command, tmp_path: Path
) -> None:
    path = tmp_path / "a.xml.gz"
    path.write_bytes(gzip.compress(GOOD.encode()))
    assert saft("ingest", str(path), "--json").json["loaded"] == 1
    assert '"record":"header"' in saft("parse", str(path)).out.replace(" ", "")
    (file,) = saft("validate", str(path), "--json").json["files"]
    assert file["file"] == str(path)
