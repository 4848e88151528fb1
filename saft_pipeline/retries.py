"""Trying a call again that failed for a reason that passes: stamina's back-off, told in the log.

When a file is taken again whose load failed so is in `loading/loader`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import stamina
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

_log = logging.getLogger(__name__)


def tries(
    on: type[Exception] | Callable[[Exception], bool],
    *,
    attempts: int,
    timeout: float | None = 45.0,
    wait_max: float = 5.0,
) -> Iterator[stamina.Attempt]:
    """Blocks to run until one goes through: `for attempt in tries(…): with attempt: …`.

    The pauses double, jittered, up to `wait_max` seconds, `timeout` seconds in all; the error of
    the last attempt is raised.
    """
    # Where structlog happens to be installed, stamina would print to stdout, amid our JSON.
    set_on_retry_hooks([_tell])
    return iter(stamina.retry_context(on, attempts=attempts, timeout=timeout, wait_max=wait_max))


def _tell(details: RetryDetails) -> None:
    _log.warning("%s; try %d in %.1f s", details.caused_by, details.retry_num + 1, details.wait_for)
