"""What Dagster is told of each file of a run: materializations, findings, failures.

Events are stored in one batch a group of files: logged one by one they cost more than the work
itself. Dagster's own names for this are private; all uses are in this module and tested.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.events import (
    AssetMaterializationPlannedData,
    AssetObservationData,
    DagsterEvent,
    DagsterEventType,
    StepMaterializationData,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.plan.outputs import StepOutputHandle

Metadata = Mapping[str, Any]


def output_context(context: dg.AssetExecutionContext, output: str) -> dg.OutputContext:
    """What an IO manager is given for an output of the step that runs."""
    step = context.op_execution_context.get_step_execution_context()
    return step.get_output_context(StepOutputHandle(step.step.key, output))


class FileEvents:
    """Collects the events of one step of one run; `store` writes them."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._instance = context.instance
        self._run = context.run
        self._step_key = context.op_execution_context.get_step_execution_context().step.key
        self._entries: list[EventLogEntry] = []

    def materialized(self, asset: str, files: Iterable[tuple[str, Metadata]]) -> None:
        """`asset` was made for each (partition, metadata)."""
        key = dg.AssetKey(asset)
        for partition, metadata in files:
            made = dg.AssetMaterialization(key, partition=partition, metadata=metadata)
            self._add(DagsterEventType.ASSET_MATERIALIZATION, StepMaterializationData(made))

    def observed(self, asset: str, files: Iterable[tuple[str, Metadata]]) -> None:
        """Something worth knowing about `asset` for each (partition, metadata)."""
        for partition, metadata in files:
            seen = dg.AssetObservation(asset, partition=partition, metadata=metadata)
            self._add(DagsterEventType.ASSET_OBSERVATION, AssetObservationData(seen))

    def planned(self, assets: Sequence[str], files: Sequence[str]) -> None:
        """Each of `assets` was meant to be made for each partition.

        In a run that ends in failure this is what shows a partition as failed.
        """
        for asset in assets:
            for partition in files:
                meant = AssetMaterializationPlannedData(dg.AssetKey(asset), partition=partition)
                self._add(DagsterEventType.ASSET_MATERIALIZATION_PLANNED, meant)

    def store(self) -> None:
        """Write what was collected."""
        if self._entries:
            self._instance.event_log_storage.store_event_batch(self._entries)
            self._entries = []

    def _add(self, event_type: DagsterEventType, data: Any) -> None:
        event = DagsterEvent(
            event_type_value=event_type.value,
            job_name=self._run.job_name,
            step_key=self._step_key,
            event_specific_data=data,
        )
        self._entries.append(
            EventLogEntry(  # type: ignore[no-untyped-call]
                error_info=None,
                user_message="",
                level=logging.DEBUG,
                run_id=self._run.run_id,
                timestamp=time.time(),
                step_key=self._step_key,
                job_name=self._run.job_name,
                dagster_event=event,
            )
        )
