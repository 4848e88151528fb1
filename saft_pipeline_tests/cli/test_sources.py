"""Commands over several sources: two accounts' folders on one real server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from saft_pipeline.alerts.message import compose
from saft_pipeline.dagster_runtime.instance import open_instance
from saft_pipeline.settings import load
from saft_pipeline.store.alerts import AlertLimits
from saft_pipeline.store.opening import open_store, open_watch
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import Command, Project, one_invoice, partition_of
from saft_pipeline_tests.web.serving import serving

FILE = """
[gramido]
remote_dir = "{folder}/gramido"
companies = ["{company}"]

[shop-2]
remote_dir = "{folder}/shop-2"
companies = ["{other}"]
"""
OURS, OTHER = "599999993", "501964843"


@pytest.fixture
def two(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Two sources with the same good file; the second is another company's."""
    path = project.folder.parent / "sources.toml"
    path.write_text(FILE.format(folder=project.folder, company=OURS, other=OTHER))
    for name in ("gramido", "shop-2"):
        project.put(f"{name}/f.xml", one_invoice("FT S/1"))
    monkeypatch.setenv("SOURCES_FILE", str(path))
    store = open_store(load())
    yield store
    store.close()


def test_each_source_loads_its_companies_files_only(two: Store, saft: Command) -> None:
    assert saft("poll", "--json").json["loaded"] == 1
    files = {f.source: f for f in two.files()}
    assert files["gramido"].status == "loaded"
    assert files["shop-2"].status == "failed"
    assert f"it is of company {OURS}, and shop-2 brings files of {OTHER} only" in str(
        files["shop-2"].error
    )


def test_bytes_that_another_source_loaded_are_kept_out_too(two: Store, saft: Command) -> None:
    assert saft("poll", "--source", "gramido", "--json").json["listed"] == 1
    assert saft("poll", "--source", "shop-2", "--json").json["failed"] == 1


def test_the_ledger_is_shown_and_retried_by_source(two: Store, saft: Command) -> None:
    saft("poll")
    (row,) = saft("status", "--source", "shop-2", "--json").json["files"]
    assert (row["source"], row["status"]) == ("shop-2", "failed")
    assert "shop-2: f.xml" in saft("status").out
    assert saft("retry", "--failed", "--source", "gramido", "--json").json["pending"] == 0
    assert saft("retry", "--failed", "--source", "shop-2", "--json").json["pending"] == 1


def test_a_report_and_an_alert_know_whose_a_file_is(two: Store, saft: Command) -> None:
    saft("poll")
    rows = {s: saft("report", "vat", "--source", s, "--csv").out for s in ("gramido", "shop-2")}
    assert [len(out.splitlines()) > 1 for out in rows.values()] == [True, False]
    files = {s: saft("report", "files", "--source", s).err for s in rows}
    assert ("1 failed" in files["gramido"], "1 failed" in files["shop-2"]) == (False, True)
    with closing(open_watch(load())) as watch:
        found = watch.unsent("webhook", AlertLimits(list(rows), *[timedelta(days=1)] * 3), [])
    assert "\n• shop-2: f.xml: it is of company" in compose(found).text


def test_the_api_its_page_and_metrics_know_the_sources(two: Store, saft: Command) -> None:
    saft("poll")
    with serving(load()) as api:
        files = api.get("/api/files?source=shop-2")["files"]
        page, metrics = (api.client.get(path).text for path in ("/", "/metrics"))
        reports = {
            s: api.client.get(f"/reports/files.csv?source={s}").text for s in ("gramido", "shop-2")
        }
    assert [(file["source"], file["status"]) for file in files] == [("shop-2", "failed")]
    assert all(f'saft_files{{source="{s}",state=' in metrics for s in ("gramido", "shop-2"))
    assert 'saft_files{source="shop-2",state="failed"} 1.0' in metrics
    assert all(name in page for name in ("gramido", "shop-2"))
    assert ["failed" in report for report in reports.values()] == [False, True]


def test_ticks_and_runs_name_their_sources(two: Store, saft: Command) -> None:
    saft("poll")
    tags = {}
    with open_instance(load()) as instance:
        for file in two.files():
            run = instance.get_run_by_id(str(file.run_id))
            assert run
            tags[file.source] = run.tags["saft/source"]
        (observed,) = instance.fetch_observations(dg.AssetKey("sftp_folder"), limit=1).records
    assert tags == {"gramido": "gramido", "shop-2": "shop-2"}
    metadata = observed.asset_observation.metadata  # type: ignore[union-attr]
    assert [r.data["source"] for r in metadata["sources"].records] == ["gramido", "shop-2"]  # type: ignore[union-attr]
    assert {partition_of(f).partition("-f~")[0] for f in two.files()} == {"gramido", "shop-2"}


def test_an_unknown_source_is_named_with_those_that_there_are(two: Store, saft: Command) -> None:
    done = saft("poll", "--source", "shop-3")
    assert (done.status, "shop-3 is none of the sources: gramido, shop-2" in done.err) == (2, True)
    done = saft("status", "--source", "shop-3")
    assert "no file of shop-3 in the ledger; sources: gramido, shop-2" in done.err


def test_every_source_is_tried_and_stands_in_a_table(two: Store, saft: Command) -> None:
    file = Path(os.environ["SOURCES_FILE"])
    file.write_text(file.read_text().replace('/shop-2"', '/not-there"'))
    found = {each["check"]: each for each in saft("check", "--json").json}
    assert found["gramido: sftp folder"]["ok"]
    assert not found["shop-2: sftp folder"]["ok"]
    table = found["sources"]["message"].splitlines()
    assert table[0] == "1 of 2 answer"
    assert [line.split()[:2] for line in table[1:]] == [["gramido", "ok"], ["shop-2", "PROBLEM"]]
