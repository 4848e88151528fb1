"""How often the servers are asked for what the status page shows, by a clock of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from saft_pipeline.web.health import Probes
from saft_pipeline.web.services import Services
from saft_pipeline.web.snapshot import Snapshots


class Silent:
    """Services whose database does not answer in time, and servers that nobody asks about."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked = 0

    async def call(self, _work: Callable[[], Any]) -> Any:
        self.asked += 1
        self.now += 30
        raise TimeoutError

    async def health(self) -> None:
        """None: they are still asked."""


def test_a_database_that_was_silent_is_soon_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = Silent()
    clock = SimpleNamespace(monotonic=lambda: silent.now)
    monkeypatch.setattr("saft_pipeline.web.snapshot.time", clock)
    snapshots = Snapshots(cast("Services", silent), cast("Probes", silent))

    async def look_twice() -> None:
        await snapshots.newest()
        silent.now += 20
        await snapshots.newest()

    asyncio.run(look_twice())
    assert silent.asked == 4  # the ledger and Dagster, each time
