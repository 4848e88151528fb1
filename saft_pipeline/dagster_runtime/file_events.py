"""What Dagster is told of each file of a run: materializations, findings, failures.

Events are stored in one batch a group of files: logged one by one they cost more than the work.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import dagster as dg

from saft_pipeline.dagster_runtime.event_json import (
    MATERIALIZED,
    OBSERVED,
    PLANNED,
    CheckEvent,
    FileEvent,
    Metadata,
    Serializer,
    Step,
)
from saft_pipeline.dagster_runtime.storage import BatchedEventLog


def store_batch(
    instance: dg.DagsterInstance,
    step: Step,
    events: Sequence[FileEvent],
    serializer: Serializer | None = None,
) -> None:
    """Write the events of a group of files at once; raises what the storage raises."""
    storage = instance.event_log_storage
    if isinstance(storage, BatchedEventLog):
        storage.store_file_events(events, step, serializer or Serializer(step))
    elif events:
        storage.store_event_batch([event.entry(step) for event in events])


class FileEvents:
    """Collects the events of one step of one run; `store` writes them."""

    def __init__(self, context: dg.AssetExecutionContext, prefix: Sequence[str] = ()) -> None:
        """`prefix`: what the keys of the assets begin with."""
        key = context.op_execution_context.get_step_execution_context().step.key
        self._context = context
        self._prefix = tuple(prefix)
        self._storage = context.instance.event_log_storage
        self._batched = True
        self._step = Step(context.run.run_id, context.run.job_name, key)
        self._serializer = Serializer(self._step)
        self._events: list[FileEvent] = []
        self._times: dict[str, float] = {}
        self._last = 0
        self._checks: list[CheckEvent] = []

    def materialized(self, asset: str, files: Iterable[tuple[str, Metadata]]) -> None:
        """`asset` was made for each (partition, metadata)."""
        self._events += (
            FileEvent(MATERIALIZED, (*self._prefix, asset), p, m, self._at(p)) for p, m in files
        )

    def observed(self, asset: str, files: Iterable[tuple[str, Metadata]]) -> None:
        """Something worth knowing about `asset` for each (partition, metadata)."""
        self._events += (
            FileEvent(OBSERVED, (*self._prefix, asset), p, m, self._at(p)) for p, m in files
        )

    def planned(self, assets: Sequence[str], files: Sequence[str]) -> None:
        """Each of `assets` was meant to be made for each partition.

        In a run that ends in failure this is what shows a partition as failed.
        """
        self._events += (
            FileEvent(PLANNED, (*self._prefix, a), p, {}, self._at(p))
            for a in assets
            for p in files
        )

    def checked(self, evaluations: Iterable[dg.AssetCheckEvaluation]) -> None:
        """What checks found."""
        now = time.time()
        self._checks += (CheckEvent(evaluation, now) for evaluation in evaluations)

    def store(self) -> None:
        """Write what was collected: in batches, or where that fails, as Dagster documents it.

        That way has no word for a partition that was meant to be made: a failed file of a shared
        run is then missing on the page instead of failed.
        """
        events, self._events, self._times = self._events, [], {}
        checks, self._checks = self._checks, []
        if self._batched:
            try:
                self._store_batches(events, checks)
            except Exception as error:
                self._batched = False
                self._context.log.warning(
                    "events go to Dagster one by one, which is slower: this version of Dagster, or "
                    f"its storage, refuses batches ({type(error).__name__}: {error})"
                )
        if not self._batched:
            for event in filter(None, (event.public() for event in events)):
                self._context.log_event(event)
            for check in checks:
                self._context.log_event(check.evaluation)

    def _store_batches(self, events: Sequence[FileEvent], checks: Sequence[CheckEvent]) -> None:
        store_batch(self._context.instance, self._step, events, self._serializer)
        if isinstance(self._storage, BatchedEventLog):
            self._storage.store_check_events(checks, self._step, self._serializer)
            return
        for check in checks:
            self._storage.store_event(check.entry(self._step))

    def _at(self, partition: str) -> float:
        """A millisecond for each file: of the events of a run's one time the page shows only one.

        All assets of a file have the same, so that none looks older than what it is made from.
        """
        if partition not in self._times:
            self._last = max(self._last + 1, int(time.time() * 1000))
            self._times[partition] = (self._last + 0.5) / 1000  # away from where it is cut off
        return self._times[partition]
