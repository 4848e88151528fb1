"""Who may ask, and how often: judged before a request reaches the API, our pages or Dagster's.

Only what the server itself was sent counts: the path that the application routes by, and the one
Host header, byte by byte. A browser of this machine must not lend itself to pages of other sites:
no name but the loopback's and those of `WEB_HOSTS` (DNS rebinding), and nothing that a page of
another origin has it send, websockets included, but a person's step from there to here.
"""

from __future__ import annotations

import hmac
import math
import re
import time
from collections.abc import Callable, Iterable
from urllib.parse import quote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from saft_pipeline.web.bodies import MOST, whole
from saft_pipeline.web.errors import ApiError
from saft_pipeline.web.login_page import LoginPage

UNGUARDED = ("/docs", "/openapi.json")
"""What anyone may read: it says nothing about this installation."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_READS = ("GET", "HEAD", "OPTIONS")
_MOST_CLIENTS = 1000
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HTTPS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}


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
    """ASGI middleware that answers what may not pass, and what logging in and out takes."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        login: LoginPage,
        token: str | None = None,
        hosts: Iterable[str] = (),
        limit: RateLimit | None = None,
        most: int = MOST,
    ) -> None:
        """`hosts`: names beside the loopback's; `most`: bytes of a body."""
        self._app = app
        self._login = login
        self._token = token
        self._hosts = LOOPBACK | {host.lower() for host in hosts}
        self._limit = limit
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer why not."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        asked = HTTPConnection(scope)
        sending = _with_headers(send, secure=scope["scheme"] in ("https", "wss"))
        try:
            answer = await self._admitted(asked)
            if scope["type"] == "http" and scope["method"] not in _READS:
                receive = await whole(receive, self._most)
            answer = answer or await self._login.answer(asked, receive)
        except ApiError as error:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await error.response()(scope, receive, sending)
            return
        await (answer or self._app)(scope, receive, sending)

    async def _admitted(self, asked: HTTPConnection) -> ASGIApp | None:
        """Nothing if it may pass, or where a person is to go instead; raises ApiError."""
        self._slow_down(asked)
        if self._knows_token(asked):
            return None
        if _host(asked) not in self._hosts:
            raise ApiError(403, "wrong_host", "only localhost and names of WEB_HOSTS are answered")
        _require_same_site(asked)
        path = asked.scope["path"]
        if path in UNGUARDED or self._login.is_for(path) or await self._login.knows(asked):
            return None
        if not (self._token or self._login.needed):
            return None
        if self._login.needed and "text/html" in asked.headers.get("Accept", ""):
            return RedirectResponse(f"/login?next={quote(path)}", 303)
        raise ApiError(
            401,
            "unauthorized",
            "a login or a token is needed: log in at /login, or send the header "
            "`Authorization: Bearer …` with what API_TOKEN is set to",
            {"WWW-Authenticate": "Bearer"},
        )

    def _slow_down(self, asked: HTTPConnection) -> None:
        client = asked.client.host if asked.client else ""
        if self._limit and (wait := self._limit.take(client)):
            after = {"Retry-After": str(math.ceil(wait))}
            raise ApiError(429, "too_many_requests", "too many requests; slow down", after)

    def _knows_token(self, asked: HTTPConnection) -> bool:
        kind, _, shown = asked.headers.get("Authorization", "").partition(" ")
        if self._token is None or kind.lower() != "bearer":
            return False
        if hmac.compare_digest(shown.strip().encode(), self._token.encode()):
            return True
        raise ApiError(
            401,
            "unauthorized",
            "wrong token: send the header `Authorization: Bearer …` with what API_TOKEN is set to",
            {"WWW-Authenticate": "Bearer"},
        )


def _host(asked: HTTPConnection) -> str | None:
    """The name in the one Host header, as it was sent."""
    given = [value for name, value in asked.scope["headers"] if name == b"host"]
    match = _HOST.fullmatch(given[0]) if len(given) == 1 else None
    return match[1].decode().lower() if match else None


def _require_same_site(asked: HTTPConnection) -> None:
    """What a browser sends says whose page had it sent; a program says nothing, and may."""
    origin = asked.headers.get("Origin")
    site = asked.headers.get("Sec-Fetch-Site", "none")
    foreign = origin is not None and urlsplit(origin).netloc != asked.headers.get("Host")
    if (foreign or site not in ("same-origin", "none")) and not _is_step(asked):
        raise ApiError(403, "cross_origin", "no page of another site may ask")


def _is_step(asked: HTTPConnection) -> bool:
    """Whether a person goes to a page, by a link say: it is shown to nobody else."""
    if asked.scope["type"] != "http" or asked.scope["method"] != "GET":
        return False
    how = [asked.headers.get(f"Sec-Fetch-{name}") for name in ("Mode", "Dest")]
    return how == ["navigate", "document"]


def _with_headers(send: Send, *, secure: bool) -> Send:
    """Have every answer say what a browser is not to do with it."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in {**_HEADERS, **(_HTTPS_ONLY if secure else {})}.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
