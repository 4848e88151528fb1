"""What the endpoints work with: settings, Dagster's instance, the ledger, and threads to wait in.

A call to a server waits in one of a few threads of our own, which live as long as the API: the
ledger keeps a connection for each thread, so others would leave connections behind.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

import dagster as dg

from saft_pipeline.dagster_runtime import sensor_ticks
from saft_pipeline.dagster_runtime.instance import open_instance
from saft_pipeline.dagster_runtime.location import Location, find_location
from saft_pipeline.dagster_runtime.submission import Launcher, loaded
from saft_pipeline.settings import Settings
from saft_pipeline.store.opening import open_transport
from saft_pipeline.store.operations import Operations
from saft_pipeline.store.reports import Reports
from saft_pipeline.store.store import Store

_T = TypeVar("_T")

THREADS = 4
PATIENCE = 30.0
"""Seconds that a call may take; its thread may need longer to give up, and others wait for it."""


class Ledger(NamedTuple):
    """The faces of the store."""

    store: Store
    operations: Operations
    reports: Reports


class Services:
    """Opened by `services`; the ledger at its first use, so that the API starts without it."""

    def __init__(
        self, settings: Settings, instance: dg.DagsterInstance, launcher: Launcher
    ) -> None:
        self.settings = settings
        self.instance = instance
        self.launcher = launcher
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="api")
        self._guard = threading.Lock()
        self._ledger: Ledger | None = None
        self._closing = threading.Event()
        self._watch: tuple[int, threading.Thread] | None = None

    async def call(self, work: Callable[[], _T]) -> _T:
        """Do something that waits for a server, without stopping other requests.

        Raises what `work` raises, and TimeoutError after 30 s.
        """
        async with asyncio.timeout(PATIENCE):
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    @property
    def ledger(self) -> Ledger:
        """The ledger; raises `StoreError` while its database can't be had."""
        with self._guard:
            if self._ledger is None:
                transport = open_transport(self.settings)
                store = Store(transport, self.settings.batch_size)
                self._ledger = Ledger(store, Operations(transport), Reports(transport))
            return self._ledger

    @property
    def location(self) -> Location:
        """Where our definitions are in the instance now; raises `NoLocationError`."""
        return find_location(self.instance, self.settings)

    def ask_for_tick(self) -> int:
        """Have the sensor tick now; the id of the tick after which it comes."""
        location = self.location
        last = sensor_ticks.ask(self.instance, location)
        with self._guard:
            if self._watch is None or self._watch[0] != last or not self._watch[1].is_alive():
                asking = (self.instance, location, last, self._closing)
                thread = threading.Thread(
                    target=sensor_ticks.ask_until_begun, args=asking, name="tick"
                )
                thread.start()
                self._watch = (last, thread)
        return last

    def close(self) -> None:
        """Leave the ledger; calls that still wait for a server are not waited for."""
        self._closing.set()
        if self._watch:
            self._watch[1].join()
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._ledger is not None:
            self._ledger.store.close()


@contextmanager
def services(settings: Settings) -> Iterator[Services]:
    """Open Dagster's instance and load the definitions."""
    with open_instance(settings) as instance, loaded(instance) as workspace:
        launcher = Launcher(instance, workspace, settings)
        opened = Services(settings, instance, launcher)
        try:
            yield opened
        finally:
            opened.close()
