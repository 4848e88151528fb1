"""A transaction pooler before a test's database: pgbouncer, as Supabase has one on port 6543."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from psycopg import conninfo

from saft_pipeline_tests.fixtures import in_thread
from saft_pipeline_tests.fixtures.sshd import free_port

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")

_SETTINGS = """
[databases]
* = host=127.0.0.1 port={server_port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
"""


@contextlib.contextmanager
def transaction_pooler(url: str) -> Iterator[str]:
    """Run pgbouncer with two sessions of the server; the URL of the same database through it."""
    assert PGBOUNCER is not None
    server = conninfo.conninfo_to_dict(url)
    with _relay(f"{server['host']}/.s.PGSQL.{server['port']}") as server_port:
        port = free_port()
        text = _SETTINGS.format(server_port=server_port, user=server["user"], port=port)
        with tempfile.NamedTemporaryFile("w", suffix=".ini") as settings:
            settings.write(text)
            settings.flush()
            Path(settings.name).chmod(0o644)
            other_user = ["-u", "nobody"] if os.geteuid() == 0 else []
            process = subprocess.Popen([PGBOUNCER, "-q", *other_user, settings.name])
            try:
                _wait(port, process)
                yield f"postgresql://{server['user']}@127.0.0.1:{port}/{server['dbname']}"
            finally:
                process.terminate()
                process.wait()


class _Handler(socketserver.BaseRequestHandler):
    """Copies both ways between a client and the server's socket, which only we may open."""

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.connect(self.server.path)  # type: ignore[attr-defined]
            back = threading.Thread(target=_copy, args=(server, self.request), daemon=True)
            back.start()
            _copy(self.request, server)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def _relay(path: str) -> Iterator[int]:
    class Relay(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    relay = Relay(("127.0.0.1", 0), _Handler)
    relay.path = path  # type: ignore[attr-defined]
    with in_thread.answering(relay) as port:
        yield port


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.01)
    raise RuntimeError(f"pgbouncer ended with {process.returncode}")
