"""The figures in Prometheus's words (names and units by its conventions), computed when asked.

The work is done in other processes: what they did is read from the ledger and Dagster's history.
What neither tells is in the ledger's counters, which those processes add to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import dagster as dg
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily as Counter
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.core import HistogramMetricFamily as Histogram
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from saft_pipeline.dagster_runtime import sensor_ticks
from saft_pipeline.dagster_runtime.location import REPOSITORY_TAG, Location
from saft_pipeline.dagster_runtime.names import JOB
from saft_pipeline.store.model import STATES
from saft_pipeline.web.services import Services

COUNTERS = {
    "ticks": "Looks of the sensor at the folder.",
    "database_calls": "Calls (transactions) of the database by runs and polls.",
    "sftp_requests": "Requests sent to the SFTP server by runs and polls.",
    "sftp_connections": "Logins to the SFTP server by runs and polls.",
    "sftp_reconnects": "Connections to the SFTP server that were lost, so that it took another.",
}
"""What runs and polls add to the ledger's counters (`Store.count`)."""


def text(services: Services) -> bytes:
    """All metrics in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(_Figures(services))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> list[Metric]:
        """Nothing: so that registering asks no server."""
        return []

    def collect(self) -> Iterator[Metric]:
        figures = self._services.ledger.operations.figures()
        names = [each.source for each in self._services.settings.sources]
        yield from _files(figures, names)
        yield from _loaded(figures["loaded"])
        yield _waits(figures)
        for name, help_text in COUNTERS.items():
            yield Counter(f"saft_{name}", help_text, value=figures["counters"].get(name, 0))
        yield from _runs(self._services.instance, self._services.location)
        yield from _sensor(self._services.instance, self._services.location)


def _files(figures: Mapping[str, Any], sources: Sequence[str]) -> Iterator[Metric]:
    files = Gauge(
        "saft_files",
        "Files by source and state, by their newest version.",
        labels=["source", "state"],
    )
    for source in dict.fromkeys([*sources, *figures["files"]]):
        for state in STATES:
            files.add_metric([source, state], figures["files"].get(source, {}).get(state, 0))
    yield files
    oldest = Gauge(
        "saft_oldest_file_age_seconds",
        "How long ago the oldest file in a state was first seen; 0 if there is none.",
        labels=["state"],
    )
    for state in ("pending", "incomplete"):
        oldest.add_metric([state], float(figures["oldest_seconds"].get(state, 0)))
    yield oldest


def _loaded(loaded: Mapping[str, Any]) -> Iterator[Metric]:
    yield Counter("saft_files_loaded", "Versions of files loaded.", value=loaded["files"])
    yield Counter("saft_loaded_bytes", "Bytes of the files loaded.", value=loaded["bytes"])
    rows = Counter("saft_loaded_rows", "Rows that the files loaded hold.", labels=["table"])
    for table in ("customers", "invoices", "invoice_lines"):
        rows.add_metric([table], loaded[table])
    yield rows
    yield Counter("saft_publish_calls", "Calls that published files.", value=loaded["calls"])
    yield Counter(
        "saft_publish_calls_saved",
        "Calls that publishing in batches saved, against one for each row written.",
        value=_row_by_row(loaded) - loaded["calls"],
    )


def _row_by_row(loaded: Mapping[str, Any]) -> int:
    """Calls of a program that writes each row by itself: of a file its company, its ledger row, its
    customers, invoices, links to those, and lines.
    """  # fmt: skip
    links = loaded["invoices"]
    rows = sum(loaded[table] for table in ("customers", "invoices", "invoice_lines"))
    return int(2 * loaded["files"] + rows + links)


def _waits(figures: Mapping[str, Any]) -> Metric:
    names = [*(str(float(bound)) for bound in figures["wait_bounds"]), "+Inf"]
    gaps = [figures["waits"].get(str(gap), 0) for gap in range(len(names))]
    waits = Histogram(
        "saft_file_wait_seconds", "From first seen on the server to its rows in the tables."
    )
    waits.add_metric(
        [],
        buckets=list(zip(names, accumulate(gaps), strict=True)),
        sum_value=float(figures["loaded"]["wait_seconds"]),
    )
    return waits


def _runs(instance: dg.DagsterInstance, location: Location) -> Iterator[Metric]:
    runs = Gauge("saft_runs", f"Runs of {JOB} in Dagster's history, by status.", labels=["status"])
    ours = {REPOSITORY_TAG: location.label}
    for status in dg.DagsterRunStatus:
        found = dg.RunsFilter(job_name=JOB, statuses=[status], tags=ours)
        runs.add_metric([status.value.lower()], instance.get_runs_count(found))
    yield runs


def _sensor(instance: dg.DagsterInstance, location: Location) -> Iterator[Metric]:
    count = Gauge(
        "saft_last_day_ticks", "Ticks of the sensor in the last 24 hours.", labels=["status"]
    )
    newest = Gauge(
        "saft_last_tick_timestamp_seconds",
        "When the sensor last ticked with this end, within 24 hours (epoch).",
        labels=["status"],
    )
    found = sensor_ticks.of_last_day(instance, location)
    for status in sensor_ticks.ENDED:
        count.add_metric([status], len(found[status]))
        if found[status]:
            newest.add_metric([status], max(found[status]))
    yield count
    yield newest
