"""The code server under `saft up`: Dagster's own, whose connections to SFTP servers end with it.

Else a look at a server that drips would keep it until the supervisor loses patience.
"""

from __future__ import annotations

import runpy
import signal
from types import FrameType

from saft_pipeline.dagster_runtime.forked_runs import fork_runs
from saft_pipeline.sftp.open_connections import OPEN_CONNECTIONS


def main() -> None:
    """Run `dagster` with the arguments of this process, as `python -m dagster` does."""
    before = signal.getsignal(signal.SIGINT)

    def end(number: int, frame: FrameType | None) -> None:
        OPEN_CONNECTIONS.end()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGINT, end)  # Dagster's handler of SIGTERM is that of SIGINT
    fork_runs()
    runpy.run_module("dagster", run_name="__main__")
