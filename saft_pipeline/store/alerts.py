"""What who keeps watch asks of the store: what somebody should be told, what is still in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from saft_pipeline.store.transport import Transport


@dataclass(frozen=True)
class AlertLimits:
    """After how long a file, or the lack of new ones of one of `sources`, is worth telling."""

    sources: list[str]
    pending: timedelta
    incomplete: timedelta
    silent: timedelta


@dataclass(frozen=True)
class Condition:
    """Something that holds now. `alert_key` tells it from all others.

    `kind` is a state of the ledger (failed, gone, unreadable, incomplete), `waiting` or `silent`;
    for `waiting` the subject is the file that waits longest, the reason how many wait. `seconds`:
    for how long it has held. `source` is whose the file is, where there are several.
    """

    alert_key: str
    kind: str | None = None
    subject: str | None = None
    reason: str | None = None
    seconds: int | None = None
    source: str | None = None


class Watch:
    """Questions over one transport; all methods raise `StoreError` like `Store`'s."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def unsent(self, channel: str, limits: AlertLimits, others: Sequence[str]) -> list[Condition]:
        """What `channel` was not told of yet: of the ledger, and of `others` the bare keys.

        Args:
            channel: who would be told.
            limits: from when on waiting and silence count.
            others: keys of what holds and that the ledger knows nothing of.
        """
        arguments: dict[str, Any] = {
            "channel": channel,
            "sources": limits.sources,
            "pending_seconds": limits.pending.total_seconds(),
            "incomplete_seconds": limits.incomplete.total_seconds(),
            "silent_seconds": limits.silent.total_seconds(),
            "others": list(others),
        }
        return [Condition(**c) for c in self._transport.call("saft_unsent", arguments)]

    def mark_sent(self, channel: str, alert_keys: Sequence[str]) -> None:
        """Note that `channel` was told of these."""
        arguments = {"channel": channel, "alert_keys": list(alert_keys)}
        self._transport.call("saft_mark_sent", arguments)

    def open_keys(self) -> list[str]:
        """`file_key` of every file that a run has or may have at any moment."""
        return list(self._transport.call("saft_open_keys", {}))

    def recent_hashes(self, hashes: Sequence[str], since: datetime) -> set[str]:
        """Those that are of bytes seen or loaded since then, or yet to be loaded."""
        arguments = {"hashes": list(hashes), "since": since.isoformat()}
        return set(self._transport.call("saft_recent_hashes", arguments))

    def recent_packs(self, packs: Sequence[str], since: datetime) -> set[str]:
        """Those that keep the artifacts of bytes seen or loaded since then, or yet to be loaded."""
        arguments = {"packs": list(packs), "since": since.isoformat()}
        return set(self._transport.call("saft_recent_packs", arguments))

    def close(self) -> None:
        """Close what is open."""
        self._transport.close()
