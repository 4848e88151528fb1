"""What Dagster is told of each file of a run: materializations, findings, failures.

Events are stored in one batch an asset: logged one by one they cost more than the work itself.
Dagster's own names for this are private, so all uses of them are in this module and tested.
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

Metadata = Mapping[str, Any]


class FileEvents:
    """Writes the events of one step of one run."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._instance = context.instance
        self._run = context.run
        self._step_key = context.op_execution_context.get_step_execution_context().step.key

    def materialized(self, asset: str, files: Iterable[tuple[str, Metadata]]) -> None:
        """`asset` was made for each (partition, metadata)."""
        key = dg.AssetKey(asset)
        self._store(
            DagsterEventType.ASSET_MATERIALIZATION,
            [
                StepMaterializationData(
                    dg.AssetMaterialization(key, partition=partition, metadata=metadata)
                )
                for partition, metadata in files
            ],
        )

    def observed(self, asset: str, files: Iterable[tuple[str, Metadata]]) -> None:
        """Something worth knowing about `asset` for each (partition, metadata)."""
        self._store(
            DagsterEventType.ASSET_OBSERVATION,
            [
                AssetObservationData(
                    dg.AssetObservation(asset, partition=partition, metadata=metadata)
                )
                for partition, metadata in files
            ],
        )

    def planned(self, assets: Sequence[str], files: Sequence[str]) -> None:
        """Each of `assets` was meant to be made for each partition.

        In a run that ends in failure this is what shows a partition as failed.
        """
        self._store(
            DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
            [
                AssetMaterializationPlannedData(dg.AssetKey(asset), partition=partition)
                for asset in assets
                for partition in files
            ],
        )

    def _store(self, event_type: DagsterEventType, data: Sequence[Any]) -> None:
        if data:
            self._instance.event_log_storage.store_event_batch(
                [self._entry(event_type, one) for one in data]
            )

    def _entry(self, event_type: DagsterEventType, data: Any) -> EventLogEntry:
        event = DagsterEvent(
            event_type_value=event_type.value,
            job_name=self._run.job_name,
            step_key=self._step_key,
            event_specific_data=data,
        )
        return EventLogEntry(  # type: ignore[no-untyped-call]
            error_info=None,
            user_message="",
            level=logging.DEBUG,
            run_id=self._run.run_id,
            timestamp=time.time(),
            step_key=self._step_key,
            job_name=self._run.job_name,
            dagster_event=event,
        )
