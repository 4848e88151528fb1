"""The seam between what the store says and the way it goes: straight to Postgres, or over REST."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from saft_pipeline.store.spool import Spool

Arguments = Mapping[str, Any]
"""Of a function of the migrations, by name: None, text, numbers, lists of those, JSON objects."""

# For stamina. A restart of the server takes some seconds, a pooler's failover some more.
RETRY: dict[str, Any] = {"attempts": 10, "timeout": 40, "wait_max": 10}


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
