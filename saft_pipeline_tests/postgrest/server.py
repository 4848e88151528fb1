"""The stand-in on a TCP port of 127.0.0.1: in this process for tests, or as a program."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from saft_pipeline_tests.postgrest.app import create_app
from saft_pipeline_tests.postgrest.database import Database
from saft_pipeline_tests.postgrest.faults import Faults
from saft_pipeline_tests.postgrest.roles import create_roles


class _Protocol(HttpToolsProtocol):
    """Gives the application its connection, as `request.state.transport`, to break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class Server:
    """One running stand-in over the database of `url`, a superuser's.

    Makes the roles of Supabase if they are missing. `key` is the one secret key; with None every
    key that is not an anonymous one is secret.
    """

    def __init__(self, url: str, *, port: int = 0, key: str | None = None) -> None:
        create_roles(url)
        self.faults = Faults()
        self._database = Database(url)
        self._socket = socket.create_server(("127.0.0.1", port))
        app = create_app(self._database, key, self.faults)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=_Protocol,
                lifespan="on",
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=1,
            )
        )

    @property
    def url(self) -> str:
        """What a Supabase client takes as its URL."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def reload(self) -> None:
        """Load the schema cache now; `notify pgrst` does it a moment later."""
        self._database.load()

    def run(self) -> None:
        """Serve until a signal."""
        self._server.run(sockets=[self._socket])

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Serve in a thread."""
        thread = threading.Thread(target=self.run, name="postgrest", daemon=True)
        thread.start()
        try:
            while not self._server.started:
                if not thread.is_alive():
                    raise RuntimeError("the stand-in for PostgREST did not start")
                time.sleep(0.005)
            yield
        finally:
            self._server.should_exit = True
            thread.join()
            self._socket.close()
