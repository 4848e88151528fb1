"""The seam between what the store says and the way it goes: straight to Postgres, or over REST."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from saft_pipeline.store.errors import TransientStoreError
from saft_pipeline.store.spool import Spool

Arguments = Mapping[str, Any]
"""Of a function of the migrations, by name: None, text, numbers, lists of those, JSON objects."""

# For stamina. A restart of the server takes some seconds, a pooler's failover some more.
RETRY: dict[str, Any] = {"attempts": 10, "timeout": 40, "wait_max": 10}


class Outage:
    """Whether the server of a transport can't be reached, and for how long.

    All calls wait for the end of an outage together. Once that took too long they are given up, and
    each call is tried once until one goes through.
    """

    def __init__(self) -> None:
        self._began: float | None = None

    def goes_on(self) -> None:
        """The server was asked for, and could not be reached."""
        self._began = self._began or time.monotonic()

    def is_over(self) -> None:
        """A call went through."""
        self._began = None

    def may_pass(self, error: Exception) -> bool:
        """Whether it is worth to try again what met this error."""
        late = self._began is not None and time.monotonic() - self._began > RETRY["timeout"]
        return isinstance(error, TransientStoreError) and not late


class Transport(Protocol):
    """Calls functions of the migrations; each call is one transaction, and is repeated on faults
    that pass: every function gives the same when it is asked again by the same owner.

    `calls` is how many transactions were asked for so far, those asked for again among them.
    All methods raise `StoreError`, or `TransientStoreError` when all tries failed.
    """  # fmt: skip

    calls: int

    def call(self, function: str, arguments: Arguments) -> Any:
        """Call `public.FUNCTION` with named arguments; its JSON answer, decoded."""
        ...

    def publish(
        self, arguments: Arguments, spools: Sequence[Spool], rows_a_write: Mapping[str, int]
    ) -> Any:
        """Publish a group too large for one call, whose rows are in `spools`.

        Takes what `public.saft_publish` takes, and gives what it answers; `rows_a_write` is by
        table.
        """
        ...

    def close(self) -> None:
        """Close what is open."""
        ...
