"""What a process that loads files has imported, for the one that is forked: see `forked_runs`."""

import gc
import signal
from importlib import import_module

from saft_pipeline.dagster_runtime.names import LOCATION

for _name in (
    LOCATION,
    "saft_pipeline.dagster_runtime.storage",
    "dagster._core.instance.factory",
    "dagster._core.storage.root",
    "dagster._grpc.impl",
):
    import_module(_name)
# Looking for garbage among all of it would take longer than loading a file, and copy its pages.
gc.freeze()
# Who ends the group of the code server waits for the runs: their parent must be there to see them
# end. It goes with the code server.
signal.signal(signal.SIGTERM, signal.SIG_IGN)
