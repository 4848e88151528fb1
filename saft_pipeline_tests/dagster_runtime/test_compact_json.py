"""Dagster reads of the shortened JSON what it reads of its own."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import dagster as dg
import pytest
from dagster._core.events import (
    AssetMaterializationPlannedData,
    EngineEventData,
    StepMaterializationData,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.plan.objects import StepFailureData
from dagster._serdes import deserialize_value, serialize_value, whitelist_for_serdes
from dagster_shared.error import SerializableErrorInfo
from hypothesis import given
from hypothesis import strategies as st

from saft_pipeline.dagster_runtime.compact_json import compact, compact_alike
from saft_pipeline.dagster_runtime.event_json import Step
from saft_pipeline_tests.fixtures.project import Polled

STEP = Step("00000000-0000-4000-8000-000000000001", "load_files_job", "load_files")
LOOK_ALIKE: dict[str, Any] = {"__class__": "IntMetadataEntryData", "value": 1}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
keys = st.lists(texts.filter(bool), min_size=1, max_size=2).map(dg.AssetKey)
tables = st.lists(texts, max_size=2).map(
    lambda cells: (
        dg.MetadataValue.table([dg.TableRecord({"a": x, "": 1}) for x in cells])
        if cells
        else dg.MetadataValue.table([], dg.TableSchema([dg.TableColumn("a", "")]))
    )
)
values: st.SearchStrategy[Any] = st.one_of(
    texts,
    st.integers(-5, 5),
    st.floats(-5, 5),
    st.booleans(),
    st.none(),
    tables,
    texts.map(dg.MetadataValue.path),
    texts.map(dg.MetadataValue.url),
    texts.map(dg.MetadataValue.md),
    st.floats(0, 5).map(dg.MetadataValue.timestamp),
    keys.map(dg.MetadataValue.asset),
    st.sampled_from(
        [dg.MetadataValue.json(LOOK_ALIKE), dg.MetadataValue.json({"a": LOOK_ALIKE, "b": ""})]
    ),
)
metadata = st.dictionaries(texts, values, max_size=3)
words = st.none() | texts
errors: st.SearchStrategy[SerializableErrorInfo] = st.builds(
    SerializableErrorInfo, texts, st.lists(texts, max_size=2), words, st.none()
)
tags = st.none() | st.sampled_from([{}, {"team": "a"}, {"team": ""}])
said = dg.DagsterEventType
data: st.SearchStrategy[tuple[dg.DagsterEventType, Any]] = st.one_of(
    st.tuples(
        st.just(said.ASSET_MATERIALIZATION),
        st.builds(dg.AssetMaterialization, keys, words, metadata, partition=words, tags=tags).map(
            StepMaterializationData
        ),
    ),
    st.tuples(
        st.just(said.ASSET_CHECK_EVALUATION),
        st.builds(
            dg.AssetCheckEvaluation,
            asset_key=keys,
            check_name=texts,
            passed=st.booleans(),
            target_materialization_data=st.none(),
            metadata=metadata,
            severity=st.sampled_from(dg.AssetCheckSeverity),
            description=words,
            blocking=st.none() | st.booleans(),
            partition=words,
        ),
    ),
    st.tuples(
        st.just(said.ASSET_MATERIALIZATION_PLANNED),
        st.tuples(keys, words).map(lambda of: AssetMaterializationPlannedData(*of)),
    ),
    st.tuples(
        st.just(said.ENGINE_EVENT),
        st.builds(EngineEventData, metadata, st.none() | errors, words, words),
    ),
    st.tuples(
        st.just(said.STEP_FAILURE), st.builds(StepFailureData, st.none() | errors, st.none())
    ),
)
events = st.tuples(data, st.floats(0, 4e9)).map(lambda of: STEP.entry(of[0][0], of[0][1], of[1]))


@given(st.lists(events, min_size=1, max_size=4))
def test_dagster_reads_a_shorter_event_as_it_was(given_events: list[EventLogEntry]) -> None:
    """Whatever was tried on other events before."""
    for event in given_events:
        text = serialize_value(event)
        assert serialize_value(deserialize_value(compact_alike(text))) == text


@pytest.mark.parametrize(
    ("usual", "value"),
    [
        (dg.MetadataValue.int(1), dg.IntMetadataValue(None)),
        (dg.MetadataValue.int(1), dg.MetadataValue.int(True)),
        (dg.MetadataValue.float(1.5), dg.FloatMetadataValue(None)),
        (dg.MetadataValue.bool(True), dg.BoolMetadataValue(None)),
    ],
)
def test_a_value_of_another_kind_than_usual_keeps_what_wraps_it(usual: Any, value: Any) -> None:
    for each in (usual, value):
        made = StepMaterializationData(dg.AssetMaterialization("a", metadata={"rows": each}))
        text = serialize_value(STEP.entry(said.ASSET_MATERIALIZATION, made, 1.5))
        assert serialize_value(deserialize_value(compact_alike(text))) == text


@pytest.mark.parametrize("value", [1, 1.5, True, "one"])
def test_what_dagster_fills_in_is_left_out(value: Any) -> None:
    made = dg.AssetMaterialization("a", metadata={"rows": value})
    text = serialize_value(
        STEP.entry(said.ASSET_MATERIALIZATION, StepMaterializationData(made), 1.5)
    )
    document = json.loads(compact(text))
    assert document["dagster_event"]["event_specific_data"]["materialization"] == {
        "__class__": "AssetMaterialization",
        "asset_key": ["a"],
        "metadata_entries": [
            {"__class__": "EventMetadataEntry", "entry_data": value, "label": "rows"}
        ],
    }


def test_a_usual_severity_is_left_out_and_another_stays() -> None:
    stored = []
    for severity in dg.AssetCheckSeverity:
        found = dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("a"), check_name="c", passed=False, severity=severity
        )
        text = compact(serialize_value(STEP.entry(said.ASSET_CHECK_EVALUATION, found, 1.5)))
        stored.append("severity" in json.loads(text)["dagster_event"]["event_specific_data"])
    assert stored == [severity.name != "ERROR" for severity in dg.AssetCheckSeverity]


def test_nothing_blank_stands_between_members() -> None:
    text = compact(serialize_value(STEP.entry(said.STEP_START, None, 1.5)))
    assert not set(text) & set(" \n\t")


def test_what_dagster_can_not_do_without_stays() -> None:
    document = json.loads(compact(serialize_value(STEP.entry(said.STEP_START, None, 1.5))))
    assert (document["error_info"], document["user_message"]) == (None, "")


@pytest.mark.parametrize("column", ["event_logs.event", "asset_check_executions.evaluation_event"])
def test_all_that_a_run_says_is_stored_short(polled: Polled, column: str) -> None:
    table, name = column.split(".")
    storage: Any = polled.runs.instance.event_log_storage
    with storage.index_connection() as connection:
        query = f"select {name} from {table} where run_id = '{polled.run.run_id}'"
        stored = [text for (text,) in connection.exec_driver_sql(query)]
    short = [compact(serialize_value(deserialize_value(text))) for text in stored]
    assert [json.loads(text) for text in stored] == [json.loads(text) for text in short]


@whitelist_for_serdes
class Figure(NamedTuple("_Figure", [("value", dg.MetadataValue[Any])])):
    """Something that Dagster might have one day: what it reads of a text depends on the text."""

    def __new__(cls, value: dg.MetadataValue[Any] | str) -> Figure:
        """A bare text is a number if it looks like one."""
        if isinstance(value, str):
            number = value.isdigit()
            value = dg.MetadataValue.int(int(value)) if number else dg.MetadataValue.text(value)
        return super().__new__(cls, value)


def test_a_value_that_is_read_unlike_the_first_of_its_kind_is_stored_as_it_was() -> None:
    shorter = []
    for word in ("ten", "10"):
        text = serialize_value(Figure(dg.MetadataValue.text(word)))
        assert serialize_value(deserialize_value(compact(text))) == text
        shorter.append(len(compact(text)) < len(text))
    assert shorter == [True, False]
