"""The two small programs around the embedded server; a script of the standard library alone.

It is run by its path (``python -I -S watcher.py ...``), so that neither the virtual
environment nor the package is imported: 9 MB and 30 ms instead of a second.

``watch USERS_LOCK LOG HELD_FD COMMAND...``
    goes to the background, is the parent of the server (so no zombie is left), hands it HELD_FD,
    whose lock thus lasts exactly as long as any process of the server, keeps the log bounded, and
    stops the server when nobody holds USERS_LOCK any more: users that were killed close nothing.
``run UID GID CAPABILITY COMMAND...``
    becomes that account and then COMMAND. CAPABILITY, unless it is -1, is kept across the change.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

if sys.platform != "win32":
    import fcntl

LOOK_EVERY = 2.0
"""Seconds between two looks at the users and at the log."""

LOG_LIMIT = 10_000_000
"""Bytes after which the log starts anew; one older log is kept beside it."""

_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522


def bound_log(log: Path) -> None:
    """Move a log above the limit aside: by copy, since the server keeps it open for appending."""
    with contextlib.suppress(OSError):
        if log.stat().st_size > LOG_LIMIT:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            os.truncate(log, 0)


def _unused(users: int) -> bool:
    """Whether no user is left; if so the lock is kept, which holds newcomers off until the end."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _serve(log: Path, held: int, command: list[str]) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server; the descriptor returned is at its end when its last process is gone."""
    ended, alive = os.pipe()
    with log.open("ab") as output:
        server = subprocess.Popen(  # noqa: S603 - the command is the launcher's
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(held, alive),
            start_new_session=True,
        )
    os.close(alive)
    os.close(held)
    return server, ended


def _watch(users_lock: str, log_name: str, held: str, *command: str) -> None:
    if os.fork():
        return
    log = Path(log_name)
    users = os.open(users_lock, os.O_RDWR | os.O_CLOEXEC)
    server, ended = _serve(log, int(held), list(command))
    while not select.select([ended], [], [], LOOK_EVERY)[0]:
        bound_log(log)
        if server.poll() is None and _unused(users):
            server.send_signal(signal.SIGINT)
    server.wait()


def _keep(libc: ctypes.CDLL, capability: int) -> None:
    """Raise a permitted capability into the ambient set, which survives exec (capabilities(7))."""
    low, high = (1 << capability) & 0xFFFFFFFF, 1 << capability >> 32
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(low, low, low, high, high, high)
    raised = libc.capset(header, sets) == 0 and (
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0
    )
    if not raised:
        sys.exit(f"can't keep capability {capability}: {os.strerror(ctypes.get_errno())}")


def _run(uid: str, gid: str, capability: str, *command: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if int(capability) >= 0:
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    try:
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
        if int(capability) >= 0:
            _keep(libc, int(capability))
        os.execv(command[0], command)  # noqa: S606 - a program of the wheel
    except OSError as error:
        sys.exit(f"can't run {command[0]} as uid {uid}: {error.strerror}")


if __name__ == "__main__":
    {"watch": _watch, "run": _run}[sys.argv[1]](*sys.argv[2:])
