"""Which process executes a run, or has claimed files for one, and whether it is certainly gone.

Processes are told apart by the machine's boot, the namespace of process ids (that of a container)
and the time of their start (proc(5)). Of another machine's, or where there is no such file system,
nothing is certain.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

import dagster as dg

from saft_pipeline.dagster_runtime.names import JOB

_TAG = "saft/process"
_START = 22 - 4  # of proc_pid_stat(5), counted from what follows the state
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def note(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Tag a run of our job, all of which is executed in one process, with this one."""
    if run.job_name == JOB and (here := _name(os.getpid())):
        # A run that is executed again begins with its parent's tags.
        instance.add_run_tags(run.run_id, {_TAG: f"{run.run_id} {here}"})


def is_gone(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether the process that began a run has ended without an end of the run.

    False where that can't be known.
    """
    of_run, _, began = run.tags.get(_TAG, "").partition(" ")
    if of_run != run.run_id or not _has_ended(began):
        return False
    now = instance.get_run_by_id(run.run_id)  # it may have ended while we looked
    return now is not None and not now.is_finished


def claim_of_this() -> str:
    """A name for a claim of this process, by which others know when it is gone."""
    return f"ingest-{time.time_ns()}-{_name(os.getpid())}"


def is_left(owner: str) -> bool:
    """Whether the process that named its claim so has ended; False where that can't be known."""
    return _has_ended(owner.split("-", 2)[-1])


def _has_ended(process: str) -> bool:
    machine, _, rest = process.rpartition("/")
    return machine != "" and machine == _machine() and _name(int(rest.partition("@")[0])) != process


def _name(pid: int) -> str:
    """`MACHINE/PID@START`; empty if there is no such process, or one that has ended."""
    with suppress(OSError):
        status, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        if status != "Z":
            return f"{_machine()}/{pid}@{fields[_START]}"
    return ""


def _machine() -> str:
    with suppress(OSError):
        namespace = Path("/proc/self/ns/pid").stat().st_ino
        return f"{_BOOT.read_text().strip()}:{namespace}"
    return ""
