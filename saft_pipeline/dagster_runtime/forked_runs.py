"""Runs of a code server begin as forks of a process that has imported all they need.

Dagster's code server starts a new interpreter for each run, whose imports take longer than loading
a few files. What is forked instead (by multiprocessing's fork server) has one thread and has opened
nothing: importing does no I/O here.
"""

from __future__ import annotations

import sys
from multiprocessing import forkserver, get_context
from typing import Any

from dagster._grpc import server

_IMPORTED = ["saft_pipeline.dagster_runtime.preloaded"]


class _ForkingServer(server.DagsterApiServer):
    _mp_ctx: Any

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._mp_ctx = get_context("forkserver")
        self._mp_ctx.set_forkserver_preload(_IMPORTED)
        forkserver.ensure_running()  # it imports while nobody waits for it


def fork_runs() -> None:
    """Have the code server that this process is about to start fork its runs, where that is safe.

    Apple's libraries don't bear a fork without an exec.
    """
    if sys.platform == "linux":
        server.DagsterApiServer = _ForkingServer  # type: ignore[misc]
