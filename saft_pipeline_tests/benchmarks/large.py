"""A file of 100 MB from SFTP to rows: `saft poll` against dlt pipelines, in time and memory.

Its home is there before, as in the benchmark of tiny files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from saft_pipeline.demo.generator import write_large
from saft_pipeline_tests.benchmarks.designs import dlt, saft
from saft_pipeline_tests.benchmarks.measuring import below, sampled
from saft_pipeline_tests.benchmarks.report import Ratio
from saft_pipeline_tests.benchmarks.rig import rig

_MEGABYTES = 100
_MEGABYTES_RESIDENT = 200
_SAMPLE_SECONDS = 0.05


def run() -> Iterable[Ratio]:
    """The goal is set for dlt's `records`; `tables` is dlt at its fastest."""
    with rig(redis=False) as near:
        remote = near.remote_folder("large")
        installation = saft(near, remote)
        idle = min(installation.poll().seconds for _ in range(2))
        with (remote / "large.xml").open("wb") as file:
            write_large(file, _MEGABYTES)
        sessions = _Sessions()
        with sampled(sessions.look, _SAMPLE_SECONDS):
            ours = installation.poll()
        for way, wanted in (("records", 2.0), ("tables", None)):
            theirs = dlt(near, remote, way)
            note = (
                f"{ours.seconds:.1f} s and {ours.largest_megabytes:.0f} MB, with no file "
                f"{idle:.1f} s; dlt {theirs.seconds:.1f} s and {theirs.largest_megabytes:.0f} MB"
            )
            ratio = theirs.seconds / ours.seconds
            yield Ratio(f"100 MB, as fast as dlt {way}", ratio, wanted, note=note)
        for name, memory in (
            ("largest process", ours.largest_megabytes),
            ("largest session of a database, its own memory", sessions.largest / 1e6),
        ):
            yield Ratio(f"memory of the {name}", memory, _MEGABYTES_RESIDENT, "MB", most=True)


class _Sessions:
    """How much memory of its own any session of a database has, here or below, at most."""

    def __init__(self) -> None:
        self.largest = 0

    def look(self) -> None:
        self.largest = max(self.largest, *map(_own_bytes, below(os.getpid())), 0)


def _own_bytes(pid: int) -> int:
    """RssAnon of proc(5), if it is a session's process."""
    with suppress(OSError, ValueError):
        if Path(f"/proc/{pid}/cmdline").read_text().startswith("postgres: "):
            words = Path(f"/proc/{pid}/status").read_text().split()
            return 1024 * int(words[words.index("RssAnon:") + 1])
    return 0
