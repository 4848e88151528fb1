"""What Dagster is told that checks found: of files, of runs, and what keeps a file out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.event_api import PartitionKeyFilter
from dagster_graphql.test.utils import execute_dagster_graphql

from saft_pipeline.dagster_runtime.in_process import LocalRuns
from saft_pipeline.dagster_runtime.submission import loaded
from saft_pipeline.defs.assets import load_files
from saft_pipeline.defs.file_checks import (
    CONFLICT,
    DOCUMENTS,
    ROWS,
    SPECS,
    Evaluations,
    evaluated,
    findings_by_check,
)
from saft_pipeline.defs.folder_check import CHECK
from saft_pipeline.loading.file_load import Load
from saft_pipeline.loading.read import Reading
from saft_pipeline.saft.rules.checks import NAMES
from saft_pipeline.store.model import Outcome
from saft_pipeline.store.spool import FileRows
from saft_pipeline.store.store import Store
from saft_pipeline_tests.fixtures.project import (
    Polled,
    Project,
    ledger_file,
    one_invoice,
    partition_of,
)

ROOT = Path(__file__).parents[2]
ALL = {spec.name for spec in SPECS}
KEYS = {spec.name: spec.key for spec in SPECS}


def wrong(number: str) -> str:
    """A file with a GrossTotal that is ten cents too much, and nothing else wrong."""
    return one_invoice(number).replace("<GrossTotal>12.30", "<GrossTotal>12.40")


def evaluations(
    instance: dg.DagsterInstance, run_id: str, partition: str | None
) -> dict[str, dg.AssetCheckEvaluation]:
    """What a run told of one file, or with None, of all of them."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    events = (entry.get_dagster_event().asset_check_evaluation_data for entry in entries)
    return {e.check_name: e for e in events if e.partition == partition}


def latest(
    instance: dg.DagsterInstance, check: str, partition: str | None = None
) -> dg.AssetCheckEvaluation:
    """The newest of a check, or the newest of a check and a file."""
    only = PartitionKeyFilter(key=partition) if partition else None
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key([KEYS[check]], only)
    evaluation = found[KEYS[check]].evaluation
    assert evaluation
    return evaluation


def rows(evaluation: dg.AssetCheckEvaluation) -> list[dict[str, object]]:
    """The first findings."""
    table = evaluation.metadata["first findings"]
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


def poll(project: Project, runs: LocalRuns) -> str:
    """One tick and the run that it asks for, which is shared if so set."""
    runs.tick()
    (run_id,) = runs.run_waiting()
    return run_id


def test_there_are_ten_checks_and_more_in_words() -> None:
    assert len([spec for spec in SPECS if spec.description]) >= 10


@pytest.mark.parametrize("name", sorted({*ALL, CHECK}))
def test_the_readme_names_every_check(name: str) -> None:
    assert f"`{name}`" in (ROOT / ".deploy" / "checks.md").read_text(encoding="utf-8")


def test_the_example_of_settings_names_every_check_that_can_block() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert [name for name in NAMES if name not in text] == []


def test_all_checks_are_of_the_step_that_loads() -> None:
    assert {spec.name for spec in load_files.check_specs} == ALL > set(NAMES)


def test_a_shared_run_tells_once_of_each_check(polled: Polled) -> None:
    assert set(evaluations(polled.runs.instance, polled.run.run_id, None)) == ALL


def test_a_shared_run_tells_how_many_of_its_files_a_check_finds_something_in(
    polled: Polled,
) -> None:
    found = evaluations(polled.runs.instance, polled.run.run_id, None)["control_totals"]
    counts = [found.metadata[n].value for n in ("files", "files with findings", "findings")]
    assert (found.passed, counts) == (False, [3, 1, 1])


def test_a_shared_run_tells_of_a_file_what_was_found_in_it(polled: Polled) -> None:
    run_id, partition = polled.run.run_id, polled.partition("sub/warned.xml")
    (found,) = evaluations(polled.runs.instance, run_id, partition).values()
    assert rows(found) == [
        {
            "file": "sub/warned.xml", "line": 21, "document": "SalesInvoices/TotalCredit",
            "expected": "10.00", "found": "11.00", "severity": "error",
        }
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["good.xml", "twin.xml", "broken.xml", "half.xml"])
def test_a_shared_run_tells_nothing_of_other_files(polled: Polled, path: str) -> None:
    assert not evaluations(polled.runs.instance, polled.run.run_id, polled.partition(path))


def test_what_is_found_warns_unless_it_blocks(polled: Polled) -> None:
    found = evaluations(polled.runs.instance, polled.run.run_id, None)["control_totals"]
    assert (found.severity, found.blocking) == (dg.AssetCheckSeverity.WARN, None)


def test_the_newest_of_a_check_is_that_of_the_whole_run(polled: Polled) -> None:
    filters = dg.RunsFilter(run_ids=[polled.run.run_id])
    assert polled.runs.instance.get_runs(filters)
    history = polled.runs.instance.event_log_storage.get_asset_check_execution_history(
        KEYS["control_totals"], limit=1000
    )
    of_run = [record for record in history if record.run_id == polled.run.run_id]
    assert of_run[0].partition is None


def test_a_run_plans_no_check(polled: Polled) -> None:
    planned = dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
    assert not polled.runs.instance.all_logs(polled.run.run_id, of_type=planned)


def test_a_run_does_not_miss_outputs_for_its_checks(polled: Polled) -> None:
    said = [entry.user_message for entry in polled.runs.instance.all_logs(polled.run.run_id)]
    assert not [text for text in said if "did not yield" in text]


PAGE = """query Page($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) {
    ... on AssetNode { assetChecksOrError { ... on AssetChecks { checks {
        name executionForLatestMaterialization { status } } } } } } }"""


def test_the_page_shows_what_the_checks_of_an_asset_found(
    project: Project, runs: LocalRuns
) -> None:
    project.put("f.xml", wrong("FT K/1"))
    poll(project, runs)
    with loaded(runs.instance) as workspace:
        context, variables = workspace.create_request_context(), {"key": {"path": ["invoices"]}}
        answer = execute_dagster_graphql(context, PAGE, variables)
    shown = {
        check["name"]: check["executionForLatestMaterialization"]["status"]
        for check in answer.data["assetNodeOrError"]["assetChecksOrError"]["checks"]
        if check["name"] in ALL
    }
    expected = {spec.name for spec in SPECS if spec.asset_key == dg.AssetKey("invoices")}
    assert shown == dict.fromkeys(expected, "SUCCEEDED") | {"gross_total": "FAILED"}


def test_a_run_of_one_file_tells_of_every_check(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    project.put("f.xml", wrong("FT K/1"))
    run_id = poll(project, runs)
    found = evaluations(runs.instance, run_id, partition_of(store.files()[0]))
    assert {name: e.passed for name, e in found.items()} == dict.fromkeys(ALL, True) | {
        "gross_total": False
    }


def test_a_run_of_one_file_has_no_sum(project: Project, runs: LocalRuns) -> None:
    project.put("f.xml", one_invoice("FT K/1"))
    assert not evaluations(runs.instance, poll(project, runs), None)


def test_a_file_that_was_mended_passes_the_check_that_it_failed(
    project: Project, runs: LocalRuns, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUN_PER_FILE_UP_TO", "0")
    project.put("f.xml", wrong("FT K/1"), modified_at=1_750_000_000)
    project.put("other.xml", one_invoice("FT K/2"), modified_at=1_750_000_000)
    poll(project, runs)
    partition = partition_of(store.files(path="f.xml")[0])
    before = latest(runs.instance, "gross_total", partition)
    project.put("f.xml", one_invoice("FT K/1"), modified_at=1_750_000_060)
    project.put("other.xml", one_invoice("FT K/3"), modified_at=1_750_000_060)
    found = evaluations(runs.instance, poll(project, runs), partition)
    assert (before.passed, {n: e.passed for n, e in found.items()}) == (
        False,
        {"gross_total": True},
    )


def test_what_block_on_names_keeps_a_file_out_and_no_other(
    project: Project, runs: LocalRuns, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUN_PER_FILE_UP_TO", "0")
    monkeypatch.setenv("BLOCK_ON", "atcud,gross_total")
    project.put("bad.xml", wrong("FT K/1"))
    project.put("good.xml", one_invoice("FT L/1"))
    poll(project, runs)
    states = {f.path: f.status for f in store.files()}
    (_, held) = store.rows("invoices", [f.key for f in store.files()])
    assert (states, len(held)) == ({"bad.xml": "failed", "good.xml": "loaded"}, 1)


def test_a_file_that_is_kept_out_says_why(
    project: Project, runs: LocalRuns, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLOCK_ON", "gross_total")
    project.put("f.xml", wrong("FT K/1"))
    run_id = poll(project, runs)
    (file,) = store.files()
    assert file.error == (
        "f.xml:25: check gross_total: FT K/1: 12.40, expected 12.30 "
        "(findings: 1; BLOCK_ON names this check)"
    )
    found = evaluations(runs.instance, run_id, partition_of(file))["gross_total"]
    assert (found.severity, found.blocking) == (dg.AssetCheckSeverity.ERROR, True)


def test_a_file_that_is_kept_out_is_loaded_once_nothing_blocks(
    project: Project, runs: LocalRuns, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLOCK_ON", "gross_total")
    project.put("f.xml", wrong("FT K/1"))
    poll(project, runs)
    monkeypatch.setenv("BLOCK_ON", "")
    store.retry(paths=["f.xml"])
    poll(project, runs)
    assert store.files()[0].status == "loaded"


def test_the_ledger_sums_up_what_was_found(project: Project, runs: LocalRuns, store: Store) -> None:
    project.put("f.xml", wrong("FT K/1"))
    poll(project, runs)
    ((warning),) = store.files()[0].warnings
    assert (warning["code"], warning["line"], warning["findings"]) == ("gross_total", 25, 1)


def test_the_same_bytes_under_another_name_have_the_same_found(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    project.put("a.xml", wrong("FT K/1"))
    poll(project, runs)
    project.put("b.xml", wrong("FT K/1"))
    run_id = poll(project, runs)
    found = evaluations(runs.instance, run_id, partition_of(store.files(path="b.xml")[0]))
    assert [name for name, e in found.items() if not e.passed] == ["gross_total"]


@pytest.mark.parametrize("first", [True, False])
def test_what_reading_warns_of_has_its_rules_severity_each_time_it_comes(
    project: Project,
    runs: LocalRuns,
    store: Store,
    first: bool,
) -> None:
    twice = "<InvoiceDate>2025-03-01</InvoiceDate>"
    text = one_invoice("FT K/1").replace(twice, twice * 2)
    run_id = ""
    for name in ("a.xml",) if first else ("a.xml", "b.xml"):
        project.put(name, text)
        run_id = poll(project, runs)
    found = evaluations(runs.instance, run_id, partition_of(store.files(path=name)[0]))["reading"]
    assert [row["severity"] for row in rows(found)] == ["error"]


def test_the_same_bytes_are_not_kept_out_of_where_they_are(
    project: Project, runs: LocalRuns, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.put("a.xml", wrong("FT K/1"))
    poll(project, runs)
    monkeypatch.setenv("BLOCK_ON", "gross_total")
    project.put("b.xml", wrong("FT K/1"))
    poll(project, runs)
    assert store.files(path="b.xml")[0].status == "loaded"


def test_two_documents_of_one_number_are_a_conflict(
    project: Project, runs: LocalRuns, store: Store
) -> None:
    project.put("a.xml", one_invoice("FT K/1"), modified_at=1_750_000_000)
    poll(project, runs)
    other = one_invoice("FT K/1").replace("<InvoiceDate>2025-03-01", "<InvoiceDate>2025-02-28")
    project.put("b.xml", other, modified_at=1_750_000_060)
    run_id = poll(project, runs)
    partition = partition_of(store.files(path="b.xml")[0])
    (row,) = rows(evaluations(runs.instance, run_id, partition)[CONFLICT])
    assert (row["document"], row["expected"], row["found"]) == (
        "FT K/1", "2025-02-28, Hash 0", "2025-03-01, Hash 0",
    )  # fmt: skip


def load_of(outcome: Outcome, *, invoices: int = 1) -> Load:
    """A file of so many invoices, read and handed over to be published."""
    read = FileRows(1)
    for table, count in (("customers", 1), ("invoices", invoices), ("invoice_lines", 2)):
        read.spools[table].append(b"", count)
    return Load(ledger_file("f.xml"), reading=Reading(read), outcome=outcome)


HELD = {"companies": 1, "customers": 1, "invoices": 1, "invoice_lines": 2}


def test_what_was_loaded_for_all_that_only_warns(polled: Polled) -> None:
    warnings = [{"code": "gross_total", "message": "m", "line": 1, "findings": 2}]
    outcome = Outcome(1, "loaded", rows=HELD, warnings=warnings)
    load = replace(load_of(outcome), same_as=7)
    checks = Evaluations(polled.runs.instance, ["gross_total"], (), alone=False)
    (found,) = checks.of([("p~1", load)])
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_tables_that_hold_what_was_read_pass() -> None:
    load = load_of(Outcome(1, "loaded", rows=HELD))
    assert ROWS in evaluated(load)
    assert findings_by_check(load) == {}


def test_tables_that_hold_other_rows_than_were_read_are_told() -> None:
    (row,) = findings_by_check(load_of(Outcome(1, "loaded", rows=HELD), invoices=3))[ROWS].first
    assert (row.document, row.expected, row.found) == ("invoices", "3", "1")


def test_what_the_database_refused_is_told_with_its_reason() -> None:
    load = load_of(Outcome(1, "failed", "staging holds 1 companies", rows=HELD))
    assert findings_by_check(load)[ROWS].first[0].found == "staging holds 1 companies"


def test_a_file_that_loads_nothing_is_told() -> None:
    nothing = dict.fromkeys([*HELD, "invoice_file_links"], 0)
    load = load_of(Outcome(1, "loaded", rows=nothing), invoices=0)
    assert DOCUMENTS in findings_by_check(load)
    assert DOCUMENTS in evaluated(load)


def test_a_file_that_another_run_took_is_judged_there() -> None:
    assert evaluated(load_of(Outcome(1, "lost", rows=HELD))) == ()


def test_of_many_findings_twenty_are_shown(polled: Polled) -> None:
    conflicts = [{"code": CONFLICT, "message": "m", "invoice_no": f"FT A/{n}"} for n in range(15)]
    load = load_of(Outcome(1, "loaded", rows=HELD, warnings=conflicts))
    files = [(f"p~{n}", replace(load, file=ledger_file(f"{n}.xml"))) for n in range(3)]
    whole = Evaluations(polled.runs.instance, [], (), alone=False)
    assert len(list(whole.of(files))) == 3
    (found,) = (e for e in whole.finish() if e.check_name == CONFLICT)
    assert (found.metadata["findings"].value, len(rows(found))) == (45, 20)
