"""The forms that events are filled into are read by Dagster as the events they stand for."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster._core.events.log import EventLogEntry
from dagster._serdes import deserialize_value, serialize_value
from hypothesis import example, given
from hypothesis import strategies as st

from saft_pipeline.dagster_runtime import event_json
from saft_pipeline.dagster_runtime.event_json import (
    MATERIALIZED,
    OBSERVED,
    PLANNED,
    CheckEvent,
    FileEvent,
    Serializer,
    Step,
)

STEP = Step("00000000-0000-4000-8000-000000000001", "load_files_job", "load_files")

texts = st.text(st.characters(exclude_categories=["Cs"]))
times = st.floats(0, 4e9)
numbers = st.integers(-(2**63), 2**63 - 1)
floats = st.floats(allow_nan=False, allow_infinity=False)
values = {
    "text": texts,
    "int": numbers,
    "float": floats,
    "path": texts.map(dg.MetadataValue.path),
    "timestamp": times.map(dg.MetadataValue.timestamp),
    "url": texts.map(dg.MetadataValue.url),
    "bool": st.booleans(),
    "none": st.none(),
}
metadata = st.fixed_dictionaries({}, optional=values)
events = st.builds(
    FileEvent,
    st.sampled_from([MATERIALIZED, OBSERVED, PLANNED]),
    st.sampled_from(["raw_xml", "invoice_files"]),
    texts,
    metadata,
    times,
)

evaluations = st.builds(
    dg.AssetCheckEvaluation,
    asset_key=st.sampled_from([dg.AssetKey("invoices"), dg.AssetKey(["ours", "customers"])]),
    check_name=texts,
    passed=st.booleans(),
    target_materialization_data=st.none(),
    metadata=st.fixed_dictionaries({"findings": numbers}, optional=values),
    severity=st.sampled_from(dg.AssetCheckSeverity),
    description=st.none() | texts,
    blocking=st.none() | st.booleans(),
    partition=st.none() | texts,
)
checks = st.builds(CheckEvent, evaluations, times)


@given(st.lists(events, min_size=1, max_size=6))
@example(
    [FileEvent(MATERIALIZED, ("raw_xml",), '"\\', {"a": "@saft:0@", "b": "@saft:1@"}, 1.0)] * 2
)
@example([FileEvent(OBSERVED, ("raw_xml",), "@saft:0@", {"n": 7_700_000_000_002}, 7_700_000_001.5)])
@example([FileEvent(MATERIALIZED, ("raw_xml",), "p", {"n": 0}, float(n)) for n in (1, 1e22)])
@example([FileEvent(MATERIALIZED, ("raw_xml",), "p", {"n": float("inf")}, 1.0)])
def test_dagster_reads_an_event_as_it_is(given_events: list[FileEvent]) -> None:
    serializer = Serializer(STEP)
    for event in given_events:
        found = deserialize_value(serializer.text(event), EventLogEntry)
        assert serialize_value(found) == serialize_value(event.entry(STEP))


@given(st.lists(checks, min_size=2, max_size=6))
def test_dagster_reads_an_evaluation_as_it_is(given_checks: list[CheckEvent]) -> None:
    serializer = Serializer(STEP)
    for event in given_checks:
        found = deserialize_value(serializer.text(event), EventLogEntry)
        assert serialize_value(found) == serialize_value(event.entry(STEP))


@pytest.mark.parametrize("partition", [None, "p"])
def test_evaluations_that_differ_in_words_alone_are_serialized_once(
    partition: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    serialized = []

    def noted(text: str) -> str:
        serialized.append(text)
        return text

    monkeypatch.setattr(event_json, "compact", noted)
    serializer = Serializer(STEP)
    for name in ("nif", "hash", "series"):
        found = dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("invoices"),
            check_name=name,
            passed=True,
            metadata={"findings": 0},
            partition=partition,
        )
        serializer.text(CheckEvent(found, 1.5))
    assert len(serialized) == 1


def test_an_event_takes_a_third_less_than_dagster_makes_of_it() -> None:
    event = FileEvent(MATERIALIZED, ("invoices",), "p", {"dagster/row_count": 1}, 1.5)
    assert len(Serializer(STEP).text(event)) < 0.66 * len(serialize_value(event.entry(STEP)))


@pytest.mark.parametrize("kind", [MATERIALIZED, OBSERVED])
def test_a_table_in_the_metadata_is_serialized_too(kind: dg.DagsterEventType) -> None:
    table = dg.MetadataValue.table([dg.TableRecord({"code": "totals", "line": 1})])
    event = FileEvent(kind, ("invoice_files",), "p", {"warnings": 1, "first warnings": table}, 1.5)
    assert deserialize_value(Serializer(STEP).text(event), EventLogEntry) == event.entry(STEP)


def test_the_entry_is_of_the_step() -> None:
    entry = FileEvent(PLANNED, ("companies",), "p", {}, 1.5).entry(STEP)
    assert (entry.run_id, entry.step_key, entry.timestamp) == (STEP.run_id, STEP.step_key, 1.5)
