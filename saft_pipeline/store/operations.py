"""What who operates the pipeline asks of the store: pages of the ledger, runs' files, figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from saft_pipeline.store.transport import Transport

LedgerRow = Mapping[str, Any]
"""As JSON has it: times are text."""


class Operations:
    """Questions over one transport; all methods raise `StoreError` like `Store`'s."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def page(
        self,
        *,
        state: str | None,
        path: str | None,
        before: int | None,
        limit: int,
        source: str | None = None,
    ) -> list[LedgerRow]:
        """Ledger rows, newest first, with ids below `before`; a path has all its versions."""
        arguments = {
            "source": source,
            "state": state,
            "path": path,
            "before": before,
            "limit": limit,
        }
        return list(self._transport.call("saft_files", arguments))

    def run_files(self, run_ids: Sequence[str]) -> list[LedgerRow]:
        """What became of the files that runs were the last to try: `run_id`, `path`, `status`,
        `error` and `total_invoices`.
        """  # fmt: skip
        return list(self._transport.call("saft_run_files", {"run_ids": list(run_ids)}))

    def figures(self) -> Mapping[str, Any]:
        """Files by state, ages, what was loaded, waits, counters; see `50_operations.sql`."""
        return dict(self._transport.call("saft_figures", {}))

    def empty(self, *, before: int | None, limit: int) -> list[LedgerRow]:
        """Files that are loaded and hold no invoice, newest first, with ids below `before`."""
        return list(self._transport.call("saft_empty", {"before": before, "limit": limit}))

    def overview(self) -> Mapping[str, Any]:
        """What the status page shows of the ledger; see `saft_overview`."""
        return dict(self._transport.call("saft_overview", {}))

    def failed_since(self, since: datetime) -> int:
        """How many files that were seen first since then are not loaded and don't wait to be."""
        return int(self._transport.call("saft_count_failed", {"since": since.isoformat()}))

    def rights(self) -> Mapping[str, Any]:
        """As lists, what this login lacks (`missing`) and what Supabase's public roles were granted
        without a policy that has a condition (`open`); how many `policies` have one; how many
        `members` company_readers has, None without that table.
        """  # fmt: skip
        return dict(self._transport.call("saft_rights", {}))
