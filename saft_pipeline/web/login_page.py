"""The form at `/login`, `/logout`, and who has logged in: by cookie, or by Basic for scripts."""

from __future__ import annotations

import asyncio
import base64
import binascii
import math
from urllib.parse import parse_qsl

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive

from saft_pipeline.settings import Settings
from saft_pipeline.web.errors import ApiError
from saft_pipeline.web.login import IDLE, Logins, Sessions, Throttle
from saft_pipeline.web.pages import page_response, preferred_language
from saft_pipeline.web.words import Words

COOKIE = "saft_session"
_PATHS = ("/login", "/logout")


class LoginPage:
    """What the guard asks about logins, and answers for them."""

    def __init__(self, logins: Logins, sessions: Sessions, throttle: Throttle) -> None:
        self._logins = logins
        self._sessions = sessions
        self._throttle = throttle
        self._one_at_a_time = asyncio.Lock()

    @property
    def needed(self) -> bool:
        """Whether anybody is to log in at all."""
        return bool(self._logins)

    def is_for(self, path: str) -> bool:
        """Whether `answer` is asked for."""
        return self.needed and path in _PATHS

    async def knows(self, asked: HTTPConnection) -> bool:
        """Whether this request comes from somebody who has logged in."""
        if self._sessions.user(asked.cookies.get(COOKIE, "")):
            return True
        pair = _basic(asked.headers.get("Authorization", ""))
        return pair is not None and self.needed and await self._right(asked, *pair)

    async def answer(self, asked: HTTPConnection, receive: Receive) -> Response | None:
        """The answer to a request for `/login` or `/logout`; None to any other."""
        if not self.is_for(asked.scope["path"]):
            return None
        if asked.scope["path"] == "/logout":
            return self._log_out(asked)
        if asked.scope["method"] != "POST":
            return _form(asked, asked.query_params.get("next", "/"))
        given = dict(parse_qsl((await receive())["body"].decode(errors="replace")))
        return await self._log_in(asked, given)

    async def _log_in(self, asked: HTTPConnection, given: dict[str, str]) -> Response:
        user, there = given.get("user", ""), given.get("next", "/")
        try:
            if not await self._right(asked, user, given.get("password", "")):
                return _form(asked, there, user, problem="Wrong user or password.", status=401)
        except ApiError as error:
            wait = (error.headers or {})["Retry-After"]
            return _form(
                asked, there, user, problem="Too many tries; wait {n} s.", n=wait, status=429
            )
        answer = RedirectResponse(_local(there), 303)
        answer.set_cookie(
            COOKIE,
            self._sessions.begin(user),
            max_age=int(IDLE),
            httponly=True,
            samesite="lax",
            secure=asked.scope["scheme"] == "https",
        )
        return answer

    def _log_out(self, asked: HTTPConnection) -> Response:
        if asked.scope["method"] != "POST":
            raise ApiError(405, "method_not_allowed", "log out by POST", {"Allow": "POST"})
        self._sessions.end(asked.cookies.get(COOKIE, ""))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE)
        return answer

    async def _right(self, asked: HTTPConnection, user: str, password: str) -> bool:
        client = asked.client.host if asked.client else ""
        # One guess at a time is computed, whoever asks, and never in the loop's own thread.
        async with self._one_at_a_time:
            if wait := self._throttle.wait(client):
                after = {"Retry-After": str(math.ceil(wait))}
                raise ApiError(429, "too_many_requests", "too many wrong logins; wait", after)
            right = await asyncio.to_thread(self._logins.right, user, password)
            (self._throttle.succeeded if right else self._throttle.failed)(client)
        return right


def login_of(settings: Settings, logins: Logins) -> LoginPage:
    """Logins whose sessions all processes of the home know."""
    return LoginPage(logins, Sessions(settings.home / "sessions", logins), Throttle())


def _basic(header: str) -> tuple[str, str] | None:
    kind, _, shown = header.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        text = base64.b64decode(shown, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, _, password = text.partition(":")
    return user, password


def _local(there: str) -> str:
    """Where to go on: a page of ours, whoever wrote the link."""
    ours = there.startswith("/") and there[1:2] not in ("/", "\\") and there.isprintable()
    return there if ours else "/"


def _form(
    asked: HTTPConnection,
    there: str,
    user: str = "",
    *,
    problem: str = "",
    status: int = 200,
    **n: str,
) -> HTMLResponse:
    say = Words(preferred_language(asked.headers.get("Accept-Language", "")))
    return page_response(
        "login.html",
        status=status,
        say=say,
        title=say("Log in"),
        there=there,
        user=user,
        problem=say(problem, **n),
    )
