"""A TCP proxy that makes loopback as slow to answer as a far network, at full throughput.

`python -m saft_pipeline_tests.benchmarks.delay_proxy --one-way 0.01 HOST:PORT...` prints a port of
127.0.0.1 for each target and forwards until its parent ends. It is a process of its own, so that
what is measured doesn't share its interpreter's lock.
"""

import argparse
import contextlib
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

_PIECE = 256 * 1024
# Pieces on their way in one direction: more than any link holds, less than memory does.
_IN_FLIGHT = 1024

_Pieces = queue.Queue[tuple[float, bytes]]


@contextlib.contextmanager
def delayed(host: str, port: int, seconds_one_way: float) -> Iterator[int]:
    """Give a port of 127.0.0.1 that leads to a server, each way `seconds_one_way` long."""
    with delayed_all([(host, port)], seconds_one_way) as ports:
        yield ports[0]


@contextlib.contextmanager
def delayed_all(targets: list[tuple[str, int]], seconds_one_way: float) -> Iterator[list[int]]:
    """Give a port for each of several servers, all behind one process."""
    addresses = [f"{host}:{port}" for host, port in targets]
    command = [sys.executable, "-m", __name__, "--one-way", str(seconds_one_way), *addresses]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield [int(process.stdout.readline()) for _ in targets]
        finally:
            process.terminate()


def serve(host: str, port: int, delay: float) -> int:
    """Forward connections in threads of this process; gives the port to connect to."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)

    def accept() -> None:
        while True:
            client, _ = listener.accept()
            _thread(_forward, client, (host, port), delay)

    _thread(accept)
    return int(listener.getsockname()[1])


def _forward(client: socket.socket, target: tuple[str, int], delay: float) -> None:
    """Pass a connection on, set up as late as TCP's own three packets would."""
    there: _Pieces = queue.Queue(_IN_FLIGHT)
    back: _Pieces = queue.Queue(_IN_FLIGHT)
    time.sleep(2 * delay)
    _thread(_read, client, there, delay)
    time.sleep(delay)
    try:
        server = socket.create_connection(target)
    except OSError:
        client.close()
        return
    for sock in (client, server):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _thread(_write, there, server)
    _thread(_read, server, back, delay)
    _write(back, client)


def _read(source: socket.socket, pieces: _Pieces, delay: float) -> None:
    """Take what comes, noting when it is due at the other end; an empty piece is the end."""
    piece = b"-"
    while piece:
        try:
            piece = source.recv(_PIECE)
        except OSError:
            piece = b""
        pieces.put((time.monotonic() + delay, piece))


def _write(pieces: _Pieces, target: socket.socket) -> None:
    piece = b"-"
    while piece:
        due, piece = pieces.get()
        time.sleep(max(0.0, due - time.monotonic()))
        with contextlib.suppress(OSError):  # a reader that left: go on, so that nobody waits
            if piece:
                target.sendall(piece)
            else:
                target.shutdown(socket.SHUT_WR)


def _thread(work: Callable[..., None], *args: object) -> None:
    threading.Thread(target=work, args=args, daemon=True).start()


def main() -> None:
    """Serve the targets of the command line."""
    parser = argparse.ArgumentParser(description="Delay TCP connections.")
    parser.add_argument("--one-way", type=float, required=True, metavar="SECONDS")
    parser.add_argument("targets", nargs="+", metavar="HOST:PORT")
    given = parser.parse_args()
    parent = os.getppid()
    for target in given.targets:
        host, _, port = target.rpartition(":")
        sys.stdout.write(f"{serve(host, int(port), given.one_way)}\n")
    sys.stdout.flush()
    while os.getppid() == parent:
        time.sleep(0.5)


if __name__ == "__main__":
    main()
