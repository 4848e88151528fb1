"""For sshd: `Subsystem sftp PYTHON -m saft_pipeline_tests.sftp.quirks NAME…`, on stdin and stdout.

A name that is a file holds names, one a line, that are read at each connection.
"""

import os
import struct
import sys
import time
from pathlib import Path

from saft_pipeline.sftp import wire
from saft_pipeline_tests.sftp.quirks.catalog import behaviour_of
from saft_pipeline_tests.sftp.quirks.server import Server

_SLOWLY = 1.0


def main(arguments: list[str]) -> None:
    """Serve until the other side ends."""
    names = [name for given in arguments for name in _names_in(given)]
    server, packets = Server(behaviour_of(*names)), wire.Packets()
    drip = server.behaviour.drip
    while received := os.read(0, 1 << 16):
        asked = list(packets.feed(received))
        if server.behaviour.drips_from in [packet[0] for packet in asked]:
            drip = "bytes"
        for answer in server.answers(asked):
            framed = struct.pack(">I", len(answer)) + answer
            slow = answer[0] in ({wire.NAME} if drip == "names" else {wire.DATA})
            if drip == "bytes" and answer[0] != wire.VERSION:
                for byte in framed:
                    os.write(1, bytes([byte]))
                    time.sleep(_SLOWLY)
                continue
            if drip and slow:
                time.sleep(_SLOWLY)
            _write(framed)


def _names_in(given: str) -> list[str]:
    path = Path(given)
    return path.read_text().splitlines() if path.is_absolute() else [given]


def _write(framed: bytes) -> None:
    while framed:
        framed = framed[os.write(1, framed) :]


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (EOFError, BrokenPipeError):
        sys.exit(1)
