"""A Postgres of our own, for who has no database: the public face of the embedded server.

`EmbeddedPostgres` is used by every process that needs the database; who comes first starts the
server, the last one out stops it. Three locks in ``SAFT_HOME/postgres`` decide everything, and all
are the kernel's (flock(2)), so that a process that is killed leaves none behind: *start* is held
while the server is started or stopped, *users* is shared by all users, *server* is held by the
server's own processes. Folders and accounts are in `place`, the server process in
`server`, what survives our own death in `watcher`.
"""

import atexit
import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import errors, sql

from saft_pipeline.embedded_postgres import server
from saft_pipeline.embedded_postgres.place import (
    CURE,
    EmbeddedPostgresError,
    ServerPlace,
    server_place,
)

if sys.platform != "win32":
    import fcntl

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError"]

_LOCK_LIMIT = server.READY_LIMIT + server.STOP_LIMIT
"""Seconds to wait for another process that is starting or stopping the server."""


class EmbeddedPostgres:
    """The server of one home (SAFT_HOME), shared by all processes; safe for threads and forks.

    Usable as a context manager. What was not closed is closed when the interpreter ends.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._guard = threading.RLock()
        self._place: ServerPlace | None = None
        self._used: int | None = None
        self._pid = 0

    @staticmethod
    def is_made(home: Path) -> bool:
        """Whether a home has a cluster, running or not."""
        return (home.resolve() / "postgres" / "data").is_dir()

    def start(self) -> bool:
        """Have the server running and ready; cheap when it is, and a recovery when it was killed.

        Gives False if it was. Raises EmbeddedPostgresError, with the cure, when it can't be had.
        """
        with self._guard:
            place = self._place
            mine = self._used is not None and self._pid == os.getpid()
            if mine and place and server.answers(place):
                return False
            try:
                self._start(server_place(self._home))
            except OSError as error:
                message = f"the embedded Postgres can't be started: {error}; {CURE}"
                raise EmbeddedPostgresError(message) from error
            return True

    def _start(self, place: ServerPlace) -> None:
        with _locked(place, place.start_lock):
            used = _wait_lock(place, place.users_lock, fcntl.LOCK_SH)
            try:
                server.ensure(place)
            except BaseException:
                os.close(used)
                raise
        # An older one is of a server that died, of a home that was removed, or of our parent.
        if self._used is not None:
            os.close(self._used)
        self._place, self._used, self._pid = place, used, os.getpid()
        atexit.register(self.close)

    def url(self, database: str) -> str:
        """Where a database of that name is, in libpq's form; it is made if there is none.

        Good for psycopg and, with another scheme, for SQLAlchemy. Starts the server if need be.
        """
        self.start()
        self._create(database)
        return self._url(database)

    def _url(self, database: str) -> str:
        assert self._place is not None
        folder = quote(str(self._place.sockets), safe="")
        where = f"host={folder}&port={server.PORT}"
        return f"postgresql://{server.USER}@/{quote(database, safe='')}?{where}"

    def _create(self, database: str) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            known = "select 1 from pg_database where datname = %s"
            if connection.execute(known, [database]).fetchone():
                return
            # Another process may be quicker; template0, for nobody can be connected to it.
            with contextlib.suppress(errors.DuplicateDatabase, errors.UniqueViolation):
                create = sql.SQL("create database {} template template0")
                connection.execute(create.format(sql.Identifier(database)))

    def close(self) -> None:
        """Leave the server; who is the last to leave stops it. A forked child only leaves."""
        if self._used is None or self._place is None:
            return
        if self._pid != os.getpid():
            os.close(self._used)
            self._used = None
            return
        with self._guard:
            used, self._used = self._used, None
            atexit.unregister(self.close)
            os.close(used)
            if self._place.root.exists():
                _stop_if_last(self._place)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _stop_if_last(place: ServerPlace) -> None:
    with _locked(place, place.start_lock):
        alone = server.lock(place, place.users_lock, fcntl.LOCK_EX)
        if alone is not None:
            server.stop(place)
            os.close(alone)
        elif (shared := server.lock(place, place.users_lock, fcntl.LOCK_SH)) is not None:
            os.close(shared)
            return
        # Already gone, unless the watcher was quicker, or is the only one to know the process.
        server.wait_stopped(place, server.STOP_LIMIT)


@contextlib.contextmanager
def _locked(place: ServerPlace, path: Path) -> Iterator[None]:
    held = _wait_lock(place, path, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(held)


def _wait_lock(place: ServerPlace, path: Path, operation: int) -> int:
    waiting = server.Patience(_LOCK_LIMIT, f"another process that holds {path}")
    while (held := server.lock(place, path, operation)) is None:
        if not waiting.more():
            raise EmbeddedPostgresError(
                f"another process has held {path} for {_LOCK_LIMIT:.0f} s: it seems to hang while "
                f"starting or stopping the embedded Postgres; end it (fuser {path} names it)"
            )
    return held
