"""A file of 100 MB from SFTP to rows: `saft poll` against dlt pipelines, in time and memory."""

from __future__ import annotations

from collections.abc import Iterable

from saft_pipeline.demo.generator import write_large
from saft_pipeline_tests.benchmarks.designs import dlt, saft
from saft_pipeline_tests.benchmarks.report import Ratio
from saft_pipeline_tests.benchmarks.rig import rig

_MEGABYTES = 100
_MEGABYTES_RESIDENT = 250


def run() -> Iterable[Ratio]:
    """The goal is set for dlt's `records`; `tables` is dlt at its fastest."""
    with rig() as near:
        remote = near.remote_folder("large")
        with (remote / "large.xml").open("wb") as file:
            write_large(file, _MEGABYTES)
        ours = saft(near, remote).poll()
        for way, wanted in (("records", 1.5), ("tables", None)):
            theirs = dlt(near, remote, way)
            note = (
                f"{ours.seconds:.1f} s and {ours.largest_megabytes:.0f} MB, "
                f"dlt {theirs.seconds:.1f} s and {theirs.largest_megabytes:.0f} MB"
            )
            ratio = theirs.seconds / ours.seconds
            yield Ratio(f"100 MB, as fast as dlt {way}", ratio, wanted, note=note)
        memory = ours.largest_megabytes
        yield Ratio("memory of the process", memory, _MEGABYTES_RESIDENT, "MB", most=True)
