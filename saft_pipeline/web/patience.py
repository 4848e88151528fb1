"""HTTP/1.1 as uvicorn has it, for clients that send half a request and keep the connection.

Used of uvicorn: `Server.startup`, which calls the loop's `create_server`; `H11Protocol`, its
`cycle` (the request under way), `connections` and `transport`; a test sends half requests to a
running server.
"""

from __future__ import annotations

import asyncio
import resource
import socket
from functools import partial
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_WITHIN = 10.0
"""Seconds until a request's headers are whole, from its first byte or the connection's start."""

MOST_CONNECTIONS = 4000
_SPARE_FILES = 200


class PatientProtocol(H11Protocol):
    """Ends connections whose request does not come, and those that are too many."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        else:
            self._wait()

    def data_received(self, data: bytes) -> None:
        """Take some bytes; whoever has sent all headers is waited for no more."""
        super().data_received(data)
        if self._is_idle():
            if self._deadline is None:
                self._wait()
        else:
            self._wait_no_more()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._wait_no_more()
        super().connection_lost(exc)

    def _is_idle(self) -> bool:
        """Whether no request is under way; a websocket has a protocol of its own by now."""
        return self in self.connections and (self.cycle is None or self.cycle.response_complete)

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(HEADERS_WITHIN, self._give_up)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self._is_idle() and not self.transport.is_closing():
            self.transport.abort()


class PatientServer(uvicorn.Server):
    """Ends connections whose TLS handshake does not come: they are none of the protocol's yet."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; uvicorn has no setting for how long a handshake may take."""
        if self.config.ssl:
            loop = asyncio.get_running_loop()
            patient = partial(loop.create_server, ssl_handshake_timeout=HEADERS_WITHIN)
            loop.create_server = patient  # type: ignore[method-assign]
        await super().startup(sockets)


def allow_connections() -> None:
    """Let this process have as many open files as its connections may need, if it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + _SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
