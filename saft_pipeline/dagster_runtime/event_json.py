"""Events about the files of a run, and their JSON as Dagster's storage keeps it.

Thousands of events of a run differ only in names, time and plain values. Dagster's own
serializer makes the JSON of the first of each kind, with marks in the place of those; the others
are filled into that form, at a tenth of the price. What has no form goes the way of all events.
A test holds both ways to the same event.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii
from math import isfinite
from typing import Any

import dagster as dg
from dagster import DagsterEvent, DagsterEventType, EventLogEntry, serialize_value
from dagster._core.events import (
    AssetMaterializationPlannedData,
    AssetObservationData,
    StepMaterializationData,
)

from saft_pipeline.dagster_runtime.compact_json import compact

Metadata = Mapping[str, Any]

MATERIALIZED = DagsterEventType.ASSET_MATERIALIZATION
OBSERVED = DagsterEventType.ASSET_OBSERVATION
PLANNED = DagsterEventType.ASSET_MATERIALIZATION_PLANNED
CHECKED = DagsterEventType.ASSET_CHECK_EVALUATION


@dataclass(frozen=True, slots=True)
class Step:
    """The step of a run that events come from."""

    run_id: str
    job_name: str
    step_key: str

    def entry(self, kind: DagsterEventType, data: Any, timestamp: float) -> EventLogEntry:
        """An event of the step as Dagster passes it around; job and step are named in it once.

        The page reads all events that are of a step twice for a step's times, which are in none of
        these.
        """
        event = DagsterEvent(
            event_type_value=kind.value,
            job_name=self.job_name,
            event_specific_data=data,
        )
        return EventLogEntry(  # type: ignore[no-untyped-call]
            error_info=None,
            user_message="",
            level=logging.DEBUG,
            run_id=self.run_id,
            timestamp=timestamp,
            step_key=self.step_key,
            dagster_event=event,
        )


@dataclass(frozen=True, slots=True)
class CheckEvent:
    """What a check found in one file or, without a partition, in all of a run."""

    evaluation: dg.AssetCheckEvaluation
    timestamp: float

    def entry(self, step: Step) -> EventLogEntry:
        """The event as Dagster passes it around."""
        return step.entry(CHECKED, self.evaluation, self.timestamp)

    @property
    def shape(self) -> tuple[Any, ...]:
        """What events have in common that differ in their values alone."""
        found = self.evaluation
        words = type(found.partition), type(found.description)
        same = (found.asset_key, found.passed, found.severity, found.blocking, *words)
        return (*same, *_types(found.metadata))

    @property
    def values(self) -> list[Any]:
        """The time, the check, the file, the words and the figures."""
        found = self.evaluation
        words = found.check_name, found.partition, found.description
        return [self.timestamp, *words, *found.metadata.values()]

    def with_values(self, values: Sequence[Any]) -> CheckEvent:
        """One of the same shape."""
        timestamp, check_name, partition, description, *figures = values
        found = self.evaluation
        evaluation = dg.AssetCheckEvaluation(
            asset_key=found.asset_key,
            check_name=check_name,
            passed=found.passed,
            metadata=dict(zip(found.metadata, figures, strict=True)),
            severity=found.severity,
            description=description,
            blocking=found.blocking,
            partition=partition,
        )
        return CheckEvent(evaluation, timestamp)


@dataclass(frozen=True, slots=True)
class FileEvent:
    """Something that happened to one asset of one file; `timestamp` in epoch seconds.

    `asset` is the path of its key.
    """

    kind: DagsterEventType
    asset: tuple[str, ...]
    partition: str
    metadata: Metadata
    timestamp: float

    def entry(self, step: Step) -> EventLogEntry:
        """The event as Dagster passes it around."""
        return step.entry(self.kind, self._data(), self.timestamp)

    def _data(self) -> Any:
        public = self.public()
        if public is None:
            key = dg.AssetKey(self.asset)
            return AssetMaterializationPlannedData(key, partition=self.partition)
        if isinstance(public, dg.AssetObservation):
            return AssetObservationData(public)
        return StepMaterializationData(public)

    def public(self) -> dg.AssetMaterialization | dg.AssetObservation | None:
        """The event as `context.log_event` takes it; None if it takes no such events."""
        if self.kind is PLANNED:
            return None
        kind = dg.AssetObservation if self.kind is OBSERVED else dg.AssetMaterialization
        return kind(dg.AssetKey(self.asset), partition=self.partition, metadata=self.metadata)

    @property
    def shape(self) -> tuple[Any, ...]:
        """What events have in common that differ in their values alone."""
        return (self.kind, self.asset, *_types(self.metadata))

    @property
    def values(self) -> list[Any]:
        """The file, the time and the figures."""
        return [self.partition, self.timestamp, *self.metadata.values()]

    def with_values(self, values: Sequence[Any]) -> FileEvent:
        """One of the same shape."""
        partition, timestamp, *figures = values
        named = dict(zip(self.metadata, figures, strict=True))
        return FileEvent(self.kind, self.asset, partition, named, timestamp)


class Serializer:
    """Makes the JSON of the events of one step."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._forms: dict[tuple[Any, ...], _Form | None] = {}

    def text(self, event: FileEvent | CheckEvent) -> str:
        """JSON that Dagster reads as the event."""
        shape = event.shape
        if shape not in self._forms:
            self._forms[shape] = _form_of(event, self._step)
        form = self._forms[shape]
        if form is None:
            return compact(serialize_value(event.entry(self._step)))
        return form.filled(_plain(event.values))


class _Form:
    def __init__(self, parts: Sequence[str], order: Sequence[int]) -> None:
        self._parts = parts
        self._order = order

    def filled(self, values: Sequence[str | float]) -> str:
        text = [self._parts[0]]
        for part, place in zip(self._parts[1:], self._order, strict=True):
            text += (_dumped(values[place]), part)
        return "".join(text)


def _dumped(value: str | float) -> str:
    """What `json.dumps` gives, without the making of an encoder: half of the price of an event."""
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    return repr(value) if isfinite(value) else json.dumps(value)


def _types(metadata: Metadata) -> Iterator[tuple[str, type]]:
    return ((name, type(value)) for name, value in metadata.items())


def _plain(values: Sequence[Any]) -> list[Any]:
    return [value.value if isinstance(value, dg.MetadataValue) else value for value in values]


def _form_of(event: FileEvent | CheckEvent, step: Step) -> _Form | None:
    """The form of events like this one; None if a value is of a kind that has no mark."""
    kinds = [type(value) for value in event.values]
    if not all(kind in _MARKS for kind in kinds):
        return None
    marks = [_MARKS[kind](number) for number, kind in enumerate(kinds)]
    entry = event.with_values(marks).entry(step)
    return _cut(compact(serialize_value(entry)), _plain(marks))


def _mark_text(number: int) -> str:
    return f"@saft:{number}@"


def _mark_int(number: int) -> int:
    return 7_700_000_000_000 + number


def _mark_float(number: int) -> float:
    return 7_700_000_000.5 + number


# For each kind of value, how to make one that stands nowhere else.
_MARKS: dict[type, Callable[[int], Any]] = {
    type(None): lambda _: None,  # all of the same shape have none there
    str: _mark_text,
    int: _mark_int,
    float: _mark_float,
    dg.IntMetadataValue: lambda n: dg.MetadataValue.int(_mark_int(n)),
    dg.PathMetadataValue: lambda n: dg.MetadataValue.path(_mark_text(n)),
    dg.TimestampMetadataValue: lambda n: dg.MetadataValue.timestamp(_mark_float(n)),
}


def _cut(text: str, marks: Sequence[Any]) -> _Form | None:
    shown = {n: json.dumps(mark) for n, mark in enumerate(marks) if mark is not None}
    if any(text.count(mark) != 1 for mark in shown.values()):
        return None
    order = sorted(shown, key=lambda n: text.index(shown[n]))
    parts = []
    for n in order:
        part, _, text = text.partition(shown[n])
        parts.append(part)
    return _Form([*parts, text], order)
