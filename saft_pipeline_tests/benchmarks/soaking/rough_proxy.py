"""A TCP proxy whose connections may meet a fault, at a random moment and of a random kind."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_PIECE = 16_384
_MEAN_BYTES = 20_000  # from the server, before the fault
_SLOW_PAUSE = 0.05  # seconds a piece: about 300 KB/s


class RoughProxy:
    """On loopback, in front of a port of it; `met` counts the faults by kind.

    Kinds are RST, FIN, silence (for up to `longest` seconds, then it goes on) and slow.
    """

    def __init__(self, port: int, kinds: Sequence[str], rate: float, longest: float) -> None:
        self.met: Counter[str] = Counter()
        self._target, self._kinds, self._rate, self._longest = port, kinds, rate, longest
        self._chance = random.Random(port)
        self._calm = threading.Event()
        self._down_until = 0.0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def down(self, seconds: float) -> None:
        """Refuse new connections for a while."""
        self._down_until = time.monotonic() + seconds

    def calm(self) -> None:
        """No fault from now on."""
        self._down_until = 0.0
        self._calm.set()

    def close(self) -> None:
        """Take no more connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if time.monotonic() < self._down_until:
                    _reset(client)
                    self.met["refused"] += 1
                    continue
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            _reset(client)
            return
        threading.Thread(target=_copy, args=(client, server), daemon=True).start()
        fated = self._chance.random() < self._rate and not self._calm.is_set()
        fault = self._chance.choice(self._kinds) if fated else ""
        with contextlib.suppress(OSError):
            self._copy_back(server, client, fault, self._chance.expovariate(1 / _MEAN_BYTES))
        for end in (client, server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _copy_back(
        self, server: socket.socket, client: socket.socket, fault: str, after: float
    ) -> None:
        slow = False
        while piece := server.recv(_PIECE):
            after -= len(piece)
            if fault and after < 0:
                self.met[fault] += 1
                if self._meet(fault, client):
                    return
                slow, fault = fault == "slow", ""
            if slow:
                self._calm.wait(_SLOW_PAUSE)
            client.sendall(piece)

    def _meet(self, fault: str, client: socket.socket) -> bool:
        """Whether the connection ends by it."""
        if fault == "silence":
            self._calm.wait(self._chance.uniform(1, self._longest))
        elif fault == "RST":
            _reset(client)
        return fault in ("RST", "FIN")


def _reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):
        # Who reads in the other direction keeps the socket open: end it for both.
        client.shutdown(socket.SHUT_RD)
    client.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    with contextlib.suppress(OSError):  # a client that was reset is gone for the server, too
        target.shutdown(socket.SHUT_WR)


@contextmanager
def rough(port: int, *kinds: str, rate: float, longest: float = 0.0) -> Iterator[RoughProxy]:
    """A proxy while the block lasts."""
    proxy = RoughProxy(port, kinds, rate, longest)
    try:
        yield proxy
    finally:
        proxy.close()
