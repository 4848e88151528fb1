"""Which process executes a run, and whether it is certainly gone.

Processes are told apart by the machine's boot, the namespace of process ids (that of a container)
and the time of their start (proc(5)). Of another machine's, or where there is no such file system,
nothing is certain.
"""

from __future__ import annotations

import os
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
    machine, _, process = began.rpartition("/")
    if of_run != run.run_id or not machine or machine != _machine():
        return False
    if _name(int(process.partition("@")[0])) == began:
        return False
    now = instance.get_run_by_id(run.run_id)  # it may have ended while we looked
    return now is not None and not now.is_finished


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
