"""Names of claims that tell which process made them, and whether a process is certainly gone.

Processes are told apart by the machine's boot, the namespace of process ids (that of a container)
and the time of their start (proc(5)). Of another machine's, or where there is no such file system,
nothing is certain.
"""

from __future__ import annotations

import os
import re
import uuid
from contextlib import suppress
from pathlib import Path

_START = 22 - 4  # of proc_pid_stat(5), counted from what follows the state
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PROCESS = re.compile(r"[0-9a-f-]{36}:[0-9]+/[0-9]+@[0-9]+")


def new_owner(*, of_this: bool = False) -> str:
    """A name for a claim; one that ends with this process tells that it is `of_this`."""
    here = process_name(os.getpid()) if of_this else ""
    return f"claim-{uuid.uuid4().hex[:12]}{here and '-'}{here}"


def is_left(owner: str) -> bool:
    """Whether the process that named its claim so has ended; False where that can't be known."""
    found = _PROCESS.search(owner)
    return found is not None and has_ended(found[0])


def has_ended(process: str) -> bool:
    """Whether a process of that name has ended; False where that can't be known."""
    machine, _, rest = process.rpartition("/")
    if machine == "" or machine != _machine():
        return False
    pid = int(rest.partition("@")[0])
    return process_name(pid) != process and not _is_hidden(pid)


def process_name(pid: int) -> str:
    """`MACHINE/PID@START`; empty if there is no such process, or one that has ended."""
    with suppress(OSError):
        # Bytes: its name may be cut off amid a character (proc(5), comm).
        said = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2]
        status, *fields = said.decode().split()
        if status != "Z":
            return f"{_machine()}/{pid}@{fields[_START]}"
    return ""


def _is_hidden(pid: int) -> bool:
    """Whether there is a process of which only its own user may know more (proc(5), hidepid)."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return not os.access(f"/proc/{pid}/stat", os.R_OK)
    except OSError:
        pass
    return False


def _machine() -> str:
    with suppress(OSError):
        namespace = Path("/proc/self/ns/pid").stat().st_ino
        return f"{_BOOT.read_text().strip()}:{namespace}"
    return ""
