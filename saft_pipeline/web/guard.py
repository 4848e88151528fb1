"""Who may ask, and how often: judged before a request reaches an endpoint.

With a token, whoever has it. Without one the API listens on the loopback only, and a browser there
must not lend itself to web pages: no other name in Host (DNS rebinding), no Origin of another site.
"""

from __future__ import annotations

import hmac
import math
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from saft_pipeline.web.errors import ApiError

OPEN = ("/docs", "/openapi.json")
"""What anyone may read: it says nothing about this installation."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MOST_CLIENTS = 1000


class RateLimit:
    """A bucket for each client: `burst` requests at once, `per_second` in the long run."""

    def __init__(
        self, per_second: float = 20, burst: float = 60, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, client: str) -> float:
        """Count a request; seconds to wait if it is one too many, else 0."""
        now = self._clock()
        left, since = self._buckets.get(client, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._per_second)
        if left < 1:
            return (1 - left) / self._per_second
        self._buckets[client] = (left - 1, now)
        if len(self._buckets) > _MOST_CLIENTS:
            self._forget(now)
        return 0

    def _forget(self, now: float) -> None:
        """Drop buckets that are full again by now."""
        full = self._burst / self._per_second
        self._buckets = {c: b for c, b in self._buckets.items() if now - b[1] < full}


class Guard:
    """ASGI middleware that answers what may not pass."""

    def __init__(self, app: ASGIApp, token: str | None, limit: RateLimit) -> None:
        self._app = app
        self._token = token
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer why not."""
        if scope["type"] == "http":
            try:
                self._admit(Request(scope))
            except ApiError as error:
                await error.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _admit(self, request: Request) -> None:
        client = request.client.host if request.client else ""
        if wait := self._limit.take(client):
            after = {"Retry-After": str(math.ceil(wait))}
            raise ApiError(429, "too_many_requests", "too many requests; slow down", after)
        if self._token is None:
            _same_machine(request)
        elif request.url.path not in OPEN:
            self._check(request.headers.get("Authorization", ""), self._token)

    @staticmethod
    def _check(given: str, token: str) -> None:
        kind, _, shown = given.partition(" ")
        if kind.lower() == "bearer" and hmac.compare_digest(shown.strip().encode(), token.encode()):
            return
        message = "wrong token" if given else "a token is needed"
        raise ApiError(
            401,
            "unauthorized",
            f"{message}: send the header `Authorization: Bearer …` with what API_TOKEN is set to",
            {"WWW-Authenticate": "Bearer"},
        )


def _same_machine(request: Request) -> None:
    if request.url.hostname not in LOOPBACK:
        raise ApiError(403, "wrong_host", "without API_TOKEN only localhost is answered")
    origin = request.headers.get("Origin")
    if origin and urlsplit(origin).netloc != request.url.netloc:
        raise ApiError(403, "cross_origin", "without API_TOKEN no other site may ask")
