"""Whether what the pipeline needs answers: each service asked at most once in a while.

A server that refuses our login is left alone for five minutes: asking on would lock the account.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

from saft_pipeline.dagster_runtime import sensor_ticks
from saft_pipeline.dagster_runtime.instance import daemons
from saft_pipeline.dagster_runtime.names import CANNOT_POLL
from saft_pipeline.dagster_runtime.redis_queue import BrokerError, require_answer
from saft_pipeline.durations import format_duration
from saft_pipeline.settings import Settings, SourceSettings
from saft_pipeline.sftp.client import connect
from saft_pipeline.sftp.errors import PermanentSftpError, SftpError
from saft_pipeline.web.errors import api_error
from saft_pipeline.web.models import Health, ServiceStates
from saft_pipeline.web.services import Services

CONNECTED = "connected"
_PATIENCE = 10.0
_STALLED = 600.0


class Probe:
    """One service: its last answer is good for a while, and it is asked by one at a time."""

    def __init__(self, ask: Callable[[], str], fresh: float, refused: float) -> None:
        """`fresh` and `refused`: seconds that an answer, or a refusal for good, stands."""
        self._ask = ask
        self._lasts = {False: fresh, True: refused}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="health")
        self._asking: asyncio.Future[tuple[str, bool]] | None = None
        self._answer = ""
        self._until = 0.0

    async def answer(self) -> str:
        """`connected`, or why not; within 10 s."""
        if time.monotonic() < self._until:
            return self._answer
        if self._asking is None:
            loop = asyncio.get_running_loop()
            self._asking = loop.run_in_executor(self._thread, self._judged)
            self._asking.add_done_callback(self._keep)
        done, _ = await asyncio.wait({self._asking}, timeout=_PATIENCE)
        return self._answer if done else f"no answer within {_PATIENCE:.0f} s"

    def _judged(self) -> tuple[str, bool]:
        try:
            return self._ask(), False
        except SftpError as error:
            return str(error), isinstance(error, PermanentSftpError)
        except Exception as error:
            return str(api_error(error)), False

    def _keep(self, asked: asyncio.Future[tuple[str, bool]]) -> None:
        self._asking = None
        if not asked.cancelled():
            self._answer, refused = asked.result()
            self._until = time.monotonic() + self._lasts[refused]

    def close(self) -> None:
        """A question that is under way is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class Probes:
    """The three services of the contract; each source has a server, and a probe, of its own."""

    def __init__(self, services: Services) -> None:
        since = time.time()
        self._sources = {
            each.source: Probe(partial(_sftp, each), fresh=60, refused=300)
            for each in services.settings.sources
        }
        self._supabase = Probe(lambda: _supabase(services), fresh=5, refused=5)
        self._dagster = Probe(lambda: _dagster(services, since), fresh=5, refused=5)

    async def health(self) -> Health:
        """Ask all at once."""
        supabase, dagster, *sources = await asyncio.gather(
            *(probe.answer() for probe in self._all())
        )
        sftp = _together(dict(zip(self._sources, sources, strict=True)))
        well = sftp == supabase == dagster == CONNECTED
        return Health(
            status="healthy" if well else "unhealthy",
            timestamp=datetime.now(UTC).isoformat(timespec="seconds"),
            services=ServiceStates(sftp=sftp, supabase=supabase, dagster=dagster),
        )

    def _all(self) -> tuple[Probe, ...]:
        return (self._supabase, self._dagster, *self._sources.values())

    def close(self) -> None:
        """Let go of the threads."""
        for probe in self._all():
            probe.close()


def _together(answers: Mapping[str, str]) -> str:
    """Whether every source answers; of several that do not, each with its name."""
    if len(answers) == 1:
        return next(iter(answers.values()))
    problems = (f"{name}: {said}" for name, said in answers.items() if said != CONNECTED)
    return "; ".join(problems) or CONNECTED


def _sftp(source: SourceSettings) -> str:
    connect(source.require_sftp()).close()
    return CONNECTED


def _supabase(services: Services) -> str:
    services.ledger.store.claimed("nobody")
    return CONNECTED


def _dagster(services: Services, since: float) -> str:
    statuses = services.instance.get_daemon_statuses(daemons(services.instance))
    if all(status.healthy for status in statuses.values()):
        return _unpolled(services) or _stalled(services, since) or _queue(services.settings)
    return "its daemon shows no sign of life: nothing is polled or loaded; start it with `saft up`"


def _unpolled(services: Services) -> str | None:
    """Why nothing is polled though the daemon is well: the sensor lacks settings."""
    tick = sensor_ticks.newest_ended(services.instance, services.location)
    said = (tick and tick.skip_reason) or ""
    return said if said.startswith(CANNOT_POLL) else None


def _stalled(services: Services, since: float) -> str | None:
    """Why no look has ended well for long, though the daemon is well; `since` is when we began."""
    well = sensor_ticks.last_well(services.instance, services.location)
    seconds = time.time() - max(since, well.began if well else 0.0)
    if seconds < max(_STALLED, 3 * services.settings.look_interval):
        return None
    newest = sensor_ticks.newest_ended(services.instance, services.location)
    why = (newest and (newest.error or newest.skip_reason)) or (
        "no tick ends: is the sensor switched off, or can't the code location be loaded?"
    )
    return f"no look at the folder has ended well for {format_duration(int(seconds))}: {why}"


def _queue(settings: Settings) -> str:
    """Whether runs can be handed to the workers, where there are any."""
    if settings.redis_url:
        try:
            require_answer(settings.redis_url.get_secret_value())
        except BrokerError as error:
            return str(error)
    return CONNECTED
