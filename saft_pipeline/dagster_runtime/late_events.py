"""What a run had loaded and did not come to tell of: the ledger knows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import dagster as dg

from saft_pipeline.dagster_runtime.event_json import MATERIALIZED, FileEvent, Step
from saft_pipeline.dagster_runtime.file_events import store_batch
from saft_pipeline.dagster_runtime.location import Location
from saft_pipeline.dagster_runtime.names import FILE_ASSETS, LOADING_STEP, PUBLISHING
from saft_pipeline.dagster_runtime.partitions import partition_key
from saft_pipeline.store.model import LedgerFile
from saft_pipeline.store.store import Store


def tell_of_loaded(
    instance: dg.DagsterInstance, location: Location, store: Store, run: dg.DagsterRun
) -> int:
    """Materialize the files that the run loaded and its history lacks; how many these are.

    What checks found in them is in the ledger alone.
    """
    known = _materialized(instance, location, run.run_id)
    loaded = {
        partition_key(file): file
        for file in store.files(run_id=run.run_id)
        if file.is_current and file.status == "loaded"
    }
    missing = [(key, file) for key, file in loaded.items() if key not in known]
    step, began = Step(run.run_id, run.job_name, LOADING_STEP), time.time() - len(missing) / 1000
    events = [
        # A millisecond for each file, as in `FileEvents`.
        FileEvent(
            MATERIALIZED, (*location.prefix, asset), key, _figures(asset, file), began + n / 1000
        )
        for n, (key, file) in enumerate(missing)
        for asset in FILE_ASSETS
    ]
    if events:
        store_batch(instance, step, events)
    return len(missing)


def _materialized(instance: dg.DagsterInstance, location: Location, run_id: str) -> set[str]:
    """Partitions that the run told of; the events of a file are stored together."""
    last = dg.AssetKey([*location.prefix, PUBLISHING])
    entries = instance.all_logs(run_id, of_type=MATERIALIZED)
    made = (entry.asset_materialization for entry in entries)
    return {each.partition for each in made if each and each.partition and each.asset_key == last}


def _figures(asset: str, file: LedgerFile) -> Mapping[str, Any]:
    counts = {"invoices": file.total_invoices or 0, "invoice_lines": file.total_lines or 0}
    if asset != PUBLISHING:
        return {"dagster/row_count": counts[asset]} if asset in counts else {}
    return {
        "version": file.version,
        "attempt": file.attempts,
        "invoices": counts["invoices"],
        "lines": counts["invoice_lines"],
        "told by": "the ledger: the run did not come to tell of this file",
    }
