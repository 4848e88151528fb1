"""The ledger and the tables: the one store, over whichever transport."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any, Unpack

from saft_pipeline.store.encoding import (
    PAGE,
    failure_json,
    in_parts,
    ledger_files,
    publication_json,
    seen_row,
    staged_texts,
)
from saft_pipeline.store.errors import StoreError, TransientStoreError
from saft_pipeline.store.model import (
    CANCELLED,
    Backlog,
    Failure,
    FetchedContent,
    LedgerFile,
    Observation,
    Outcome,
    Publication,
    SeenFile,
    Settled,
    Wanted,
)
from saft_pipeline.store.spool import SPOOLED_TABLES, Spool, copy_text
from saft_pipeline.store.transport import Transport
from saft_pipeline.store.values import converter

# A group up to this many characters is published in one call that brings its rows along.
SMALL_GROUP = 4 << 20


class Store:
    """All methods raise `StoreError`, or `TransientStoreError` where waiting may help.

    Safe for use by several threads, except for `stage` and `publish`, which belong together.
    """

    def __init__(self, transport: Transport, batch_size: Callable[[str], int]) -> None:
        self._transport = transport
        self._rows_a_write = {table: batch_size(table) for table in SPOOLED_TABLES}
        self._staged: list[Spool] = []
        self._counting = threading.Lock()
        self._counted = 0

    def observe(
        self, source: str, seen: Sequence[SeenFile], *, whole: bool, age: timedelta = timedelta(0)
    ) -> Observation:
        """Bring the ledger up to what a listing shows.

        Args:
            source: the folder, as the ledger names it.
            seen: every file of the listing, each path once.
            whole: nothing is missing from the listing, so that what it lacks is gone.
            age: how long ago the listing began: what happened since then it can't know.
        """
        by_path = {each.path: each for each in seen}
        total: Counter[str] = Counter()
        for _, found in self.observe_each(
            source, sorted(by_path), by_path.__getitem__, whole=whole, age=age
        ):
            total.update({name: n for name, n in found.items() if name != "busy"})
        return Observation(**total)

    def observe_each(
        self,
        source: str,
        paths: Sequence[str],
        seen_of: Callable[[str], SeenFile],
        *,
        whole: bool,
        age: timedelta,
        above: str | None = None,
    ) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
        """The same for sorted paths above one of them, in parts, each file made when it is sent.

        Gives after each part up to which path the ledger knows the listing now (None: to its end),
        and how many files are new and the like; `busy` are the paths of changed files that runs are
        loading: they must be told again.
        """
        began = time.monotonic() - age.total_seconds()
        for after, part, until in in_parts(paths, above):
            arguments = {
                "source": source,
                "listed": copy_text([seen_row(seen_of(p)) for p in part]).decode() if part else "",
                "whole": whole,
                "age_seconds": time.monotonic() - began,
                "after": after,
                "until": until,
            }
            yield until, self._transport.call("saft_observe", arguments)

    def adopt(self, source: str, former: Sequence[str]) -> int:
        """Go on under a source's new name with what the ledger has under the first known former
        one, unless the new one is known already; how many rows.
        """  # fmt: skip
        return int(self._transport.call("saft_adopt", {"source": source, "former": list(former)}))

    def claim(
        self,
        owner: str,
        *,
        lease: timedelta,
        source: str | None = None,
        limit: int | None = None,
        ids: Sequence[int] | None = None,
    ) -> list[LedgerFile]:
        """Take files for `owner`, oldest first: pending, due again, or of an expired lease.

        With `ids`: those, whatever their state, unless another's claim on them is alive.
        """
        if ids is not None and not ids:
            return []
        arguments = {
            "owner": owner,
            "lease_seconds": lease.total_seconds(),
            "source": source,
            "limit": limit,
            "ids": None if ids is None else list(ids),
        }
        return ledger_files(self._transport.call("saft_claim", arguments))

    def claimed(self, owner: str) -> list[LedgerFile]:
        """What `owner` holds, oldest first."""
        return ledger_files(self._transport.call("saft_claimed", {"owner": owner}))

    def hand_over(self, owner: str, parts: Mapping[str, Sequence[int]], lease: timedelta) -> int:
        """Give parts of a claim (ledger ids) to new owners; how many files."""
        arguments = {
            "owner": owner,
            "parts": {new: list(ids) for new, ids in parts.items()},
            "lease_seconds": lease.total_seconds(),
        }
        return int(self._transport.call("saft_hand_over", arguments))

    def renew(self, owner: str, lease: timedelta) -> int:
        """Extend a claim; how many files it has. May be called from another thread at any time."""
        arguments = {"owner": owner, "lease_seconds": lease.total_seconds()}
        return int(self._transport.call("saft_renew", arguments))

    def release(self, owner: str) -> int:
        """Put what `owner` holds back to what it was before the claim; how many files."""
        return int(self._transport.call("saft_release", {"owner": owner}))

    def give_up(self, owner: str, *, run_id: str | None = None) -> int:
        """Mark what `owner` has not finished as cancelled, release the rest; how many were marked.

        What was loaded before, or had failed for good, is so again, with its own reason.
        """
        arguments = {"owner": owner, "reason": CANCELLED, "run_id": run_id}
        return int(self._transport.call("saft_give_up", arguments))

    def expired_owners(self, source: str) -> list[str]:
        """Who holds files of `source` with a lease that has ended."""
        return list(self._transport.call("saft_expired_owners", {"source": source}))

    def hashes(self, company_id: str, invoice_nos: Sequence[str]) -> dict[str, str]:
        """The Hash of each of these documents that the tables have, by InvoiceNo."""
        arguments = {"company_id": company_id, "invoice_nos": list(invoice_nos)}
        return dict(self._transport.call("saft_hashes", arguments))

    def settle(
        self, owner: str, contents: Sequence[FetchedContent], saft_version: str
    ) -> list[Settled]:
        """Record what was fetched; the answers are in the order of `contents`."""
        if not contents:
            return []
        sent = [{**asdict(c), "modified_at": c.modified_at.isoformat()} for c in contents]
        arguments = {"owner": owner, "contents": sent, "saft_version": saft_version}
        return [Settled(**s) for s in self._transport.call("saft_settle", arguments)]

    def fail(self, owner: str, failures: Sequence[Failure], *, run_id: str | None = None) -> None:
        """Note why files were not loaded; one that was, and was not seen to change, stays loaded.

        Nothing happens to a file that `owner` no longer holds.
        """
        if not failures:
            return
        sent = [failure_json(f) for f in failures]
        self._transport.call("saft_fail", {"owner": owner, "failures": sent, "run_id": run_id})

    def mark_removed(self, ledger_ids: Sequence[int]) -> None:
        """Note that we archived or deleted files: if a path comes back it is a new version."""
        if ledger_ids:
            self._transport.call("saft_mark_removed", {"ids": list(ledger_ids)})

    def uncleared(self, source: str, grace: timedelta) -> list[LedgerFile]:
        """Loaded files that still lie on the server `grace` after they were loaded; at most 500."""
        arguments = {"source": source, "grace_seconds": grace.total_seconds()}
        return ledger_files(self._transport.call("saft_uncleared", arguments))

    def racy(self, source: str, racy_for: timedelta) -> list[LedgerFile]:
        """Files whose time may have deceived us when they were read, and can't any more; some."""
        arguments = {"source": source, "racy_seconds": racy_for.total_seconds()}
        return ledger_files(self._transport.call("saft_racy", arguments))

    def looked_again(self, same: Sequence[int], changed: Sequence[int]) -> None:
        """Note that racy files were looked at once more; the `changed` are taken again."""
        if same or changed:
            arguments = {"ids": list(same), "changed": list(changed)}
            self._transport.call("saft_looked_again", arguments)

    def backlog(self, source: str | None, incomplete_after: timedelta) -> Backlog:
        """How long the oldest file has waited, and which files stay without their end.

        Of one folder, or with None of all that the ledger knows.
        """
        arguments = {"source": source, "incomplete_seconds": incomplete_after.total_seconds()}
        return Backlog(**self._transport.call("saft_backlog", arguments))

    def counts(self, source: str | None = None) -> dict[str, int]:
        """How many files are in each state, by their newest version."""
        return dict(self._transport.call("saft_counts", {"source": source}))

    def files(self, **wanted: Unpack[Wanted]) -> list[LedgerFile]:
        """Ledger rows, newest first; older versions for a path, ids or a run too."""
        return [file for page in self.pages(**wanted) for file in page]

    def pages(self, **wanted: Unpack[Wanted]) -> Iterator[list[LedgerFile]]:
        """The same, at most 10,000 at once: a ledger may be larger than memory."""
        limit = wanted.pop("limit", None)
        arguments: dict[str, Any] = {**dict.fromkeys(Wanted.__annotations__), **wanted}
        arguments["before"] = None
        left = math.inf if limit is None else limit
        while left > 0:
            arguments["limit"] = int(min(left, PAGE))
            page = ledger_files(self._transport.call("saft_files", arguments))
            yield page
            if len(page) < arguments["limit"]:
                return
            left -= len(page)
            arguments["before"] = page[-1].id

    def retry(self, *, paths: Sequence[str] | None, source: str | None = None) -> list[LedgerFile]:
        """Let files that were not loaded be taken again; None is all that failed, of any source."""
        arguments = {"paths": None if paths is None else list(paths), "source": source}
        return ledger_files(self._transport.call("saft_retry", arguments))

    def stage(self, spools: Sequence[Spool]) -> int:
        """Take a table's rows of a group of files for the `publish` that follows; how many."""
        self._staged += spools
        return sum(spool.count for spool in spools)

    def publish(
        self,
        owner: str,
        publications: Sequence[Publication],
        *,
        run_id: str | None,
        saft_version: str,
    ) -> list[Outcome]:
        """Make a group's rows visible with their ledger rows, in one transaction.

        A file that can't be published harms no other; the answers are in the order of
        `publications`.
        """
        spools, self._staged = self._staged, []
        facts = {"owner": owner, "run_id": run_id, "saft_version": saft_version}
        return self._publish(facts, publications, spools)

    def _publish(
        self, facts: Mapping[str, Any], publications: Sequence[Publication], spools: list[Spool]
    ) -> list[Outcome]:
        if not publications:
            return []
        try:
            return self._publish_once(facts, publications, spools)
        except TransientStoreError as error:
            return [_failed(p, error, transient=True) for p in publications]
        except StoreError as error:
            if len(publications) == 1:
                return [_failed(publications[0], error, transient=False)]
        return [o for p in publications for o in self._publish(facts, [p], _of([p], spools))]

    def _publish_once(
        self, facts: Mapping[str, Any], publications: Sequence[Publication], spools: list[Spool]
    ) -> list[Outcome]:
        outcomes = self._send(facts, publications, spools)
        again = [p for p, o in zip(publications, outcomes, strict=True) if o.transient]
        if not again:
            return outcomes
        # What a crash of the server emptied is staged again.
        second = {o.ledger_id: o for o in self._send(facts, again, _of(again, spools))}
        return [second.get(o.ledger_id, o) for o in outcomes]

    def _send(
        self, facts: Mapping[str, Any], publications: Sequence[Publication], spools: list[Spool]
    ) -> list[Outcome]:
        arguments = {**facts, "publications": [publication_json(p) for p in publications]}
        if sum(spool.size for spool in spools) <= SMALL_GROUP:
            arguments["staged"] = staged_texts(spools)
            answers = self._transport.call("saft_publish", arguments)
        else:
            answers = self._transport.publish(arguments, spools, self._rows_a_write)
        return [Outcome(**answer) for answer in answers]

    def rows(
        self, table: str, keys: Sequence[str] = (), *, ids: Sequence[int] = ()
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Columns and rows of `table` that files hold; amounts are Decimal, dates `date`.

        Args:
            table: a table of the contract.
            keys: files by `file_key`: the newest version that was loaded.
            ids: versions of files by ledger id.
        """
        names: list[str] = []
        rows: list[tuple[Any, ...]] = []
        for page in self._pages(table, keys, ids):
            names = [name for name, _ in page["columns"]]
            convert = converter([kind for _, kind in page["columns"]])
            rows += (convert([row[name] for name in names]) for row in page["rows"])
        return names, rows

    def _pages(self, table: str, keys: Sequence[str], ids: Sequence[int]) -> Iterator[Any]:
        after = None
        while True:
            arguments = {
                "table_name": table,
                "keys": list(keys) or None,
                "ids": list(ids) or None,
                "after": after,
                "limit": PAGE,
            }
            text = self._transport.call("saft_rows", arguments)
            page = json.loads(text, parse_float=Decimal)
            yield page
            if len(page["rows"]) < PAGE:
                return
            after = [str(page["rows"][-1][name]) for name in page["key"]]

    def count(self, counts: Mapping[str, int]) -> None:
        """Add to the counters of the metrics: `counts`, and the calls made since the last time."""
        with self._counting:
            calls = self._transport.calls + 1  # this one is one, too
            fresh, self._counted = calls - self._counted, calls
        sent = {**counts, "database_calls": fresh}
        self._transport.call("saft_count", {"counts": sent})

    def company_totals(self) -> list[tuple[str, int, str, str, str]]:
        """Name, documents, net, tax and gross of each company; status A and F are left out."""
        return [tuple(row) for row in self._transport.call("saft_company_totals", {})]

    def close(self) -> None:
        """Close what is open."""
        self._transport.close()


def _of(publications: Sequence[Publication], spools: Sequence[Spool]) -> list[Spool]:
    ids = {p.ledger_id for p in publications}
    return [spool for spool in spools if spool.ledger_id in ids]


def _failed(publication: Publication, error: StoreError, *, transient: bool) -> Outcome:
    return Outcome(publication.ledger_id, "failed", str(error), transient=transient)
