"""Events about the files of a run, and their JSON as Dagster's storage keeps it.

Thousands of events of a run differ only in partition, time and plain values. Dagster's own
serializer makes the JSON of the first of each kind, with marks in the place of those; the others
are filled into that form, at a tenth of the price. What has no form goes the way of all events.
A test holds both ways to the same event.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii
from math import isfinite
from typing import Any

import dagster as dg
from dagster import (
    DagsterEvent,
    DagsterEventType,
    EventLogEntry,
    deserialize_value,
    serialize_value,
)
from dagster._core.events import (
    AssetMaterializationPlannedData,
    AssetObservationData,
    StepMaterializationData,
)

Metadata = Mapping[str, Any]

MATERIALIZED = DagsterEventType.ASSET_MATERIALIZATION
OBSERVED = DagsterEventType.ASSET_OBSERVATION
PLANNED = DagsterEventType.ASSET_MATERIALIZATION_PLANNED
CHECKED = DagsterEventType.ASSET_CHECK_EVALUATION

_PLAIN = (str, int, float)
_WRAPPED = (dg.PathMetadataValue, dg.TimestampMetadataValue)


@dataclass(frozen=True, slots=True)
class Step:
    """The step of a run that events come from."""

    run_id: str
    job_name: str
    step_key: str

    def entry(self, kind: DagsterEventType, data: Any, timestamp: float) -> EventLogEntry:
        """An event of the step as Dagster passes it around."""
        event = DagsterEvent(
            event_type_value=kind.value,
            job_name=self.job_name,
            step_key=self.step_key,
            event_specific_data=data,
        )
        return EventLogEntry(  # type: ignore[no-untyped-call]
            error_info=None,
            user_message="",
            level=logging.DEBUG,
            run_id=self.run_id,
            timestamp=timestamp,
            step_key=self.step_key,
            job_name=self.job_name,
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


class Serializer:
    """Makes the JSON of the events of one step."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._forms: dict[tuple[Any, ...], _Form | None] = {}

    def text(self, event: FileEvent) -> str:
        """JSON that Dagster reads as the event."""
        shape = (event.kind, event.asset, *((k, type(v)) for k, v in event.metadata.items()))
        if shape not in self._forms:
            self._forms[shape] = _form_of(event, self._step)
        form = self._forms[shape]
        if form is None:
            return serialize_value(event.entry(self._step))
        return form.filled(_values(event))


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


def _values(event: FileEvent) -> list[Any]:
    plain = (v.value if isinstance(v, _WRAPPED) else v for v in event.metadata.values())
    return [event.partition, event.timestamp, *plain]


def _form_of(event: FileEvent, step: Step) -> _Form | None:
    """The form of events like this one; None if a value is of a kind that has no mark."""
    kinds = [type(value) for value in event.metadata.values()]
    if not all(kind in _PLAIN or kind in _WRAPPED for kind in kinds):
        return None
    all_kinds: list[type] = [str, float, *kinds]
    marks = [_mark(kind, n) for n, kind in enumerate(all_kinds)]
    named = dict(zip(event.metadata, marks[2:], strict=True))
    marked = FileEvent(event.kind, event.asset, marks[0], named, marks[1])
    entry = marked.entry(step)
    return _cut(_compact(json.loads(serialize_value(entry)), entry), _values(marked))


def _compact(document: dict[str, Any], entry: EventLogEntry) -> str:
    """The event's JSON without blanks and without what Dagster fills in when it is not there.

    A third of the bytes, for millions of rows. Each member is left out only if the rest is still
    read as the same event.
    """
    for parent, key in list(_empty_members(document)):
        value = parent.pop(key)
        if not _reads_as(document, entry):
            parent[key] = value
    return _dumps(document)


def _empty_members(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    if isinstance(value, list):
        for item in value:
            yield from _empty_members(item)
    elif isinstance(value, dict):
        for key, member in value.items():
            if member in (None, "", [], {}):
                yield value, key
            else:
                yield from _empty_members(member)


def _reads_as(document: dict[str, Any], entry: EventLogEntry) -> bool:
    try:
        return bool(deserialize_value(_dumps(document), EventLogEntry) == entry)
    except Exception:
        return False


def _dumps(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))


def _mark(kind: type, number: int) -> Any:
    """A value of a kind that stands nowhere else."""
    if kind is int:
        return 7_700_000_000_000 + number
    if kind in (float, dg.TimestampMetadataValue):
        mark = 7_700_000_000.5 + number
        return mark if kind is float else dg.MetadataValue.timestamp(mark)
    mark_text = f"@saft:{number}@"
    return mark_text if kind is str else dg.MetadataValue.path(mark_text)


def _cut(text: str, marks: Sequence[Any]) -> _Form | None:
    shown = [json.dumps(mark) for mark in marks]
    if any(text.count(mark) != 1 for mark in shown):
        return None
    order = sorted(range(len(shown)), key=lambda n: text.index(shown[n]))
    parts = []
    for n in order:
        part, _, text = text.partition(shown[n])
        parts.append(part)
    return _Form([*parts, text], order)
