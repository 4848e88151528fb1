"""The metrics, read by Prometheus's own parser."""

from __future__ import annotations

import re

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from saft_pipeline.dagster_runtime.names import JOB
from saft_pipeline.store.model import STATES
from saft_pipeline_tests.dagster_runtime.neighbours import run_of_theirs
from saft_pipeline_tests.fixtures.project import Polled, Project
from saft_pipeline_tests.web.serving import Api, serving


def metrics(api: Api) -> dict[str, Metric]:
    answer = api.client.get("/metrics")
    assert answer.status_code == 200, answer.text
    return {m.name: m for m in text_string_to_metric_families(answer.text)}


@pytest.fixture(scope="module")
def found(polled: Polled) -> dict[str, Metric]:
    """The metrics of an installation that has polled once."""
    with serving(polled.project.settings) as api:
        return metrics(api)


def value(metric: Metric, **labels: str) -> float:
    (sample,) = (
        s
        for s in metric.samples
        if s.labels == labels and s.name.removesuffix("_total") == metric.name
    )
    return sample.value


def test_every_name_is_ours_and_by_the_conventions(found: dict[str, Metric]) -> None:
    assert all(re.fullmatch(r"saft_[a-z][a-z_]*[a-z]", name) for name in found)


def test_every_metric_says_what_it_is(found: dict[str, Metric]) -> None:
    assert all(
        m.documentation and m.type in ("gauge", "counter", "histogram") for m in found.values()
    )


def test_counters_end_in_total(found: dict[str, Metric]) -> None:
    samples = [s.name for m in found.values() if m.type == "counter" for s in m.samples]
    assert [name for name in samples if not name.endswith("_total")] == []


def test_files_are_counted_by_state(found: dict[str, Metric]) -> None:
    states = {s.labels["state"]: s.value for s in found["saft_files"].samples}
    expected = {"loaded": 3, "failed": 1, "incomplete": 1, "gone": 1}
    assert states == {state: expected.get(state, 0) for state in STATES}


def test_files_are_counted_by_source(found: dict[str, Metric], polled: Polled) -> None:
    (source,) = polled.project.settings.sources
    assert {s.labels["source"] for s in found["saft_files"].samples} == {source.source}


def test_what_was_loaded_is_added_up(found: dict[str, Metric], polled: Polled) -> None:
    loaded = polled.store.files(state="loaded")
    assert value(found["saft_files_loaded"]) == 3
    assert value(found["saft_loaded_bytes"]) == sum(f.size for f in loaded)
    assert value(found["saft_loaded_rows"], table="invoices") == 3
    assert value(found["saft_loaded_rows"], table="invoice_lines") == 3


def test_batching_is_set_against_a_call_for_each_row(found: dict[str, Metric]) -> None:
    customers = value(found["saft_loaded_rows"], table="customers")
    calls = value(found["saft_publish_calls"])
    # Of three files: a company, a ledger row, an invoice, a link and a line each.
    assert value(found["saft_publish_calls_saved"]) == 3 * 5 + customers - calls
    assert calls == 1


def test_every_loaded_file_is_in_the_histogram(found: dict[str, Metric]) -> None:
    samples = {
        (s.name, s.labels.get("le")): s.value for s in found["saft_file_wait_seconds"].samples
    }
    assert samples["saft_file_wait_seconds_count", None] == 3
    assert samples["saft_file_wait_seconds_bucket", "+Inf"] == 3
    buckets = [v for (_, bound), v in samples.items() if bound]
    assert buckets == sorted(buckets)


def test_a_file_that_waits_has_an_age(found: dict[str, Metric]) -> None:
    assert value(found["saft_oldest_file_age_seconds"], state="pending") == 0
    assert value(found["saft_oldest_file_age_seconds"], state="incomplete") > 0


def test_what_the_tick_and_its_run_asked_of_servers_is_counted(found: dict[str, Metric]) -> None:
    assert value(found["saft_ticks"]) == 1
    assert value(found["saft_sftp_connections"]) >= 2
    # The folder is opened and read; each of six files is opened, read and closed.
    assert value(found["saft_sftp_requests"]) >= 20
    # The tick observes, claims and hands over; the run renews, settles and publishes.
    assert value(found["saft_database_calls"]) >= 6


def test_a_counter_that_nobody_fed_is_there(api: Api, project: Project) -> None:
    assert value(metrics(api)["saft_sftp_reconnects"]) == 0


def test_ticks_and_runs_are_those_of_dagster(found: dict[str, Metric]) -> None:
    assert value(found["saft_last_day_ticks"], status="success") >= 1
    assert value(found["saft_last_tick_timestamp_seconds"], status="success") > 1_700_000_000
    assert value(found["saft_runs"], status="failure") >= 1


def test_runs_of_another_team_are_not_counted(api: Api, project: Project) -> None:
    before = value(metrics(api)["saft_runs"], status="failure")
    run_of_theirs(api.services.instance, JOB)
    assert value(metrics(api)["saft_runs"], status="failure") == before


def test_an_empty_installation_has_all_metrics(api: Api, project: Project) -> None:
    assert value(metrics(api)["saft_files_loaded"]) == 0
