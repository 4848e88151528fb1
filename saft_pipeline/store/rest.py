"""Through Supabase's REST API, with supabase-py: `SUPABASE_URL` and `SUPABASE_KEY`, rpc only.

Every call may be sent again: the functions of the migrations give the same when they are.
"""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import cached_property
from typing import TYPE_CHECKING, Any

from saft_pipeline.retries import tries
from saft_pipeline.store import schema
from saft_pipeline.store.errors import StoreError, TransientStoreError
from saft_pipeline.store.rest_errors import ADDRESS, APPLY, DIRECT, KEY, raise_for_error
from saft_pipeline.store.spool import Spool, in_batches
from saft_pipeline.store.transport import RETRY, Arguments, Outage

if TYPE_CHECKING:
    from supabase import Client

# Supabase ends a request after 60 s. Publishing so many lines takes 15 s on two cores of a server,
# and Supabase's smallest projects have slower ones.
MOST_LINES = 2_000_000
_ANSWER_SECONDS = 75.0
_CONNECT_SECONDS = 10.0
_IN_FLIGHT = 4
_VERSION = re.compile(r"[0-9]{14}(\.\w+)?")


def open_rest(url: str, key: str) -> RestTransport:
    """A transport over tables that are this program's.

    Raises:
        StoreError: the tables are missing, older or newer than this program, or another service
            answers; with the cure.
    """
    transport = RestTransport(url, key)
    newest = schema.migrations()[-1].version
    answer = transport.call("saft_schema_version", {})
    if not (isinstance(answer, str) and _VERSION.fullmatch(answer)):
        raise StoreError(
            f"what answers at {url} is not the API of this program's tables: check that "
            f"SUPABASE_URL is the project's own address ({ADDRESS})"
        )
    found, _, checksum = answer.partition(".")
    if found < newest or (found == newest and checksum != schema.repeatable_checksum()):
        raise StoreError(f"the tables are older than this program, or not whole ({found}): {APPLY}")
    if found > newest:
        raise StoreError(
            f"the tables are newer than this program (migration {found}): install the newer "
            "version of saft_pipeline"
        )
    return transport


class RestTransport:
    """Calls over one client and its connections; safe for threads."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = key
        self._guard = threading.Lock()
        self._outage = Outage()
        self.calls = 0

    @cached_property
    def _client(self) -> Client:
        import httpx
        from supabase import create_client
        from supabase.lib.client_options import SyncClientOptions

        if not (self._key.isascii() and self._key.isprintable()) or " " in self._key:
            raise StoreError(f"SUPABASE_KEY holds characters that no key has; it is {KEY}")
        timeout = httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS)
        hooks = {"response": [raise_for_error]}
        http = httpx.Client(timeout=timeout, event_hooks=hooks)
        try:
            return create_client(self._url, self._key, SyncClientOptions(httpx_client=http))
        except Exception:
            raise StoreError(f"SUPABASE_URL is not the address of a project; {ADDRESS}") from None

    def call(self, function: str, arguments: Arguments) -> Any:
        """See Transport."""
        for attempt in tries(self._outage.may_pass, **RETRY):
            with attempt:
                return self._once(function, arguments)
        raise AssertionError("stamina raises after its last attempt")

    def _once(self, function: str, arguments: Arguments) -> Any:
        import httpx

        with self._guard:
            self.calls += 1
        try:
            data = self._client.rpc(function, dict(arguments)).execute().data
        except httpx.RequestError as error:
            self._outage.goes_on()
            kind = type(error).__name__
            asked = "; is the project paused, or SUPABASE_URL mistyped?"
            unknown = asked if isinstance(error, httpx.ConnectError) else ""
            raise TransientStoreError(
                f"{self._url} gave no answer ({kind}: {error}){unknown}"
            ) from None
        self._outage.is_over()
        return data

    def publish(
        self, arguments: Arguments, spools: Sequence[Spool], rows_a_write: Mapping[str, int]
    ) -> Any:
        """See Transport. Rows are staged in batches, several at a time, then published by one call.

        Raises:
            StoreError: too many lines for the time that Supabase gives a call.
        """
        lines = sum(spool.count for spool in spools if spool.table == "invoice_lines")
        if lines > MOST_LINES:
            raise StoreError(
                f"{lines:,} lines are too many to publish within the 60 s that Supabase's API "
                f"gives a call (at most {MOST_LINES:,}); {DIRECT}"
            )
        self._stage(arguments["owner"], spools, rows_a_write)
        return self.call("saft_publish", arguments)

    def _stage(self, owner: str, spools: Sequence[Spool], rows_a_write: Mapping[str, int]) -> None:
        """Stop when a file was lost to another owner: publishing will say which."""
        calls = _stage_calls(owner, spools, rows_a_write)
        # The first clears what earlier tries left.
        if not self.call("saft_stage", next(calls)):
            return
        with ThreadPoolExecutor(_IN_FLIGHT) as pool:
            waiting: set[Future[bool]] = set()
            for batch in calls:
                waiting.add(pool.submit(self.call, "saft_stage", batch))
                if len(waiting) == _IN_FLIGHT:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    if not all(call.result() for call in done):
                        return
            for call in waiting:
                call.result()

    def close(self) -> None:
        """Close the connections."""
        client = self.__dict__.pop("_client", None)
        if client is not None:
            client.postgrest.session.close()


def _stage_calls(
    owner: str, spools: Sequence[Spool], rows_a_write: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    ids = sorted({spool.ledger_id for spool in spools})
    usual = {"owner": owner, "ids": ids, "attempt": str(uuid.uuid4())}
    for number, (table, batch) in enumerate(in_batches(spools, rows_a_write)):
        yield {**usual, "number": number, "table_name": table, "batch": batch.decode()}
