"""The environment of processes in which Dagster runs us: what is set there stands above `.env`.

Dagster's command line copies all of the working folder's `.env` over the environment before it
makes its instance (`dagster._cli.utils._inject_local_env_file`), in `dagster dev`, the daemon, code
servers and workers. `undo_dotenv` takes that back for our settings, and what is started afterwards
inherits the environment as it was; others' variables stay as Dagster likes them.
"""

from __future__ import annotations

import os
from pathlib import Path

from dotenv import dotenv_values

from saft_pipeline.settings import variables


def undo_dotenv() -> None:
    """Give our settings back the values that this process was started with."""
    started_with = _at_start()
    for name, value in dotenv_values(".env").items():
        if name in variables() and os.environ.get(name) == value:
            if name in started_with:
                os.environ[name] = started_with[name]
            else:
                del os.environ[name]


def _at_start() -> dict[str, str]:
    """The environment that this process was started with; nothing where the system has no /proc."""
    try:
        text = os.fsdecode(Path("/proc/self/environ").read_bytes())
    except OSError:
        return {}
    return dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair)
