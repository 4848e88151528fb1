"""Redis, the queue between the machine that polls and those that load."""

from __future__ import annotations

from contextlib import closing
from urllib.parse import urlsplit

TASK_TAG = "dagster-celery/task_id"
"""The tag of a run that went through the queue (`dagster_celery.tags`)."""
_PATIENCE = 5.0  # seconds


class BrokerError(Exception):
    """Redis does not answer; the message says what to do, and no password."""


class UsesBroker:
    """What marks a run launcher that hands runs to the workers of other processes, over Redis."""


def require_answer(url: str) -> None:
    """Ask Redis for a sign of life. Raises BrokerError."""
    import redis

    wait = {"socket_connect_timeout": _PATIENCE, "socket_timeout": _PATIENCE}
    try:
        with closing(redis.Redis.from_url(url, **wait)) as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        parts = urlsplit(url)
        raise BrokerError(
            f"Redis at {parts.hostname}:{parts.port or 6379} does not answer ({error}): start it, "
            "or mend REDIS_URL; files wait meanwhile"
        ) from None
